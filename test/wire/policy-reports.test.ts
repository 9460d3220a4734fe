import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import { formatProblem } from '../../src/config/problem.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'

/** What users of other gateways reported of grants, budgets and configurations. Each is played on a running gateway. */

const cap = 'tailscale.com/cap/aperture'
const basic = (user: string) => `Basic ${btoa(`${user}:${user}-password`)}`

let upstream: FakeUpstream
let gateway: TestGateway
beforeAll(async () => {
  upstream = await startUpstream()
  const baseurl = upstream.url
  gateway = await startTestGateway({
    providers: {
      bedrock: { baseurl, models: ['claude', 'x/y'] },
      bedrockz: { baseurl, models: ['claude', 'only-here'] },
    },
    quotas: { 'day:<user>': { capacity: '4 requests' }, team: { capacity: '6 requests' } },
    grants: [
      { src: ['owner'], app: { [cap]: [{ role: 'admin', models: '**' }] } },
      {
        src: ['alice@example.com', 'bob'],
        app: {
          [cap]: [
            {
              role: 'user',
              models: 'bedrock/*',
              quotas: [{ bucket: 'day:<user>' }, { bucket: 'team' }],
            },
          ],
        },
      },
    ],
    rate_limits: [],
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
})

const chat = async (user: string, body: object) => {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: basic(user), 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [], ...body }),
  })
  return { status: response.status, text: await response.text() }
}

describe('grants by pattern', () => {
  it('BerriAI/litellm#33030: "bedrock/*" is not "bedrockz/…", whichever way it is asked for', async () => {
    const before = upstream.requests.length
    for (const model of [
      'bedrockz/claude',
      'only-here',
      'bedrock/bedrockz/claude',
      'bedrock/../bedrockz/claude',
    ]) {
      expect((await chat('alice', { model })).status, model).toBeOneOf([400, 404])
    }
    expect(upstream.requests.length).toBe(before)
  })

  it('dativo-io/talon#284: a request without a model is judged as one for a model that is granted', async () => {
    expect((await chat('alice', {})).status).toBe(200)
    expect(JSON.parse(upstream.requests.at(-1)?.body ?? '').model).toBe('claude')
    expect((await chat('alice', { model: '*' })).status).toBe(404)
  })
})

describe('budgets', () => {
  it('BerriAI/litellm#11962, #19105, #37971: each that applies holds, and the answer names the one that is used up', async () => {
    const alice: number[] = []
    for (let i = 0; i < 4; i++)
      alice.push((await chat('alice', { model: 'bedrock/claude' })).status)
    expect(alice).toEqual([200, 200, 200, 429])
    expect((await chat('alice', { model: 'bedrock/claude' })).text).toContain(
      'day:alice@example.com',
    )
    const bob = [
      await chat('bob', { model: 'bedrock/claude' }),
      await chat('bob', { model: 'bedrock/claude' }),
      await chat('bob', { model: 'bedrock/claude' }),
    ]
    expect(bob.map(({ status }) => status)).toEqual([200, 200, 429])
    expect(bob.at(-1)?.text).toContain('\\"team\\"')
  })

  it('BerriAI/litellm#37971: no amount that is not a number comes into a budget', async () => {
    for (const amount of [
      'NaN requests',
      'Infinity requests',
      '-5 requests',
      '1e999 requests',
      '',
    ]) {
      const refill = await fetch(`${gateway.url}/postern/api/quotas/refill`, {
        method: 'POST',
        headers: { authorization: basic('owner'), 'content-type': 'application/json' },
        body: JSON.stringify({ bucket: 'team', amount }),
      })
      expect([amount, refill.status]).toEqual([amount, 422])
    }
    expect((await chat('bob', { model: 'bedrock/claude' })).status).toBe(429)
  })

  it('BerriAI/litellm#34492: a budget that begins to count something else begins full', async () => {
    const quotas = { 'day:<user>': { capacity: '4 requests' }, team: { capacity: '50k tokens' } }
    await gateway.reload({ quotas })
    const tokens = { model: 'bedrock/claude', max_tokens: 10 }
    expect((await chat('bob', tokens)).status).toBe(200)
  })

  it('agentgateway/website#962: what comes at once does not pass a budget together', async () => {
    const quotas = { 'day:<user>': { capacity: '900k tokens' }, team: { capacity: '7 requests' } }
    await gateway.reload({ quotas })
    const all = await Promise.all(
      Array.from({ length: 20 }, () => chat('bob', { model: 'bedrock/claude' })),
    )
    expect(all.filter(({ status }) => status === 200)).toHaveLength(7)
  })
})

describe('a configuration', () => {
  const told = (text: string): string[] =>
    parseConfig(text, { file: 'f', env: () => undefined, readFile: () => undefined }).problems.map(
      formatProblem,
    )

  it('ipfs/kubo#10199, irods/irods#3107: may have comments and a comma at the end', () => {
    const text = '// ours\n{ "mode": "local", /* no door */ "providers": { }, }'
    expect(told(text).filter((line) => line.includes('error'))).toEqual([])
  })

  it('blazing-Gael/dcms#35: tells of a key that it does not know, where it is and what was meant', () => {
    const [line] = told('{ "rate_limts": [] }').filter((it) => it.includes('rate_limts'))
    expect(line).toMatch(/^f:1:\d+: error: .*unknown config key "rate_limts".*rate_limits/)
  })

  it('langchain-ai/deepagents#5649: a list of models that cannot be read grants none', () => {
    for (const models of [[''], [5], {}, ['!gpt/*']]) {
      const grants = [{ src: ['alice'], app: { [cap]: [{ role: 'user', models }] } }]
      const lines = told(JSON.stringify({ grants }))
      expect([models, lines.some((line) => line.includes('error'))]).toEqual([models, true])
    }
  })
})
