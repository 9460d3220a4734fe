import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { type FakeWebui, startWebui } from '../support/fake-webui.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { models } from '../support/setup-models.ts'

/** One of each kind of secret, found nowhere else. */
const ours = {
  password: 'alice-password',
  wrong: 'canary-wrong-password',
  bearer: 'canary-bearer-key',
  cookie: 'canary-cookie',
}
const theirs = { apikey: 'sk-canary-provider-key-1', added: 'canary-added-header-value' }

let upstream: FakeUpstream
let webui: FakeWebui
let gateway: TestGateway
let answers = ''

const take = async (path: string, init: RequestInit): Promise<void> => {
  try {
    const response = await fetch(gateway.url + path, init)
    answers += JSON.stringify([...response.headers]) + (await response.text())
  } catch (error) {
    answers += String(error)
  }
}

/** Plays every behaviour of the upstream under every credential, and a few paths beside. */
beforeAll(async () => {
  upstream = await startUpstream()
  webui = await startWebui()
  gateway = await startTestGateway({
    webui: { url: webui.url },
    auth_failures: { max: 1000 },
    limits: { first_byte: '200ms' },
    providers: {
      local: {
        baseurl: upstream.url,
        models: models.filter((model) => model !== 'flood'),
        apikey: theirs.apikey,
        add_headers: [`x-team: ${theirs.added}`],
        compatibility: { openai_chat: true, anthropic_messages: true },
      },
    },
  })
  const carriers: Record<string, string>[] = [
    { authorization: `Basic ${btoa(`alice:${ours.password}`)}` },
    { 'x-api-key': `alice:${ours.password}` },
    { authorization: `Basic ${btoa(`alice:${ours.wrong}`)}` },
    { authorization: `Bearer ${ours.bearer}` },
  ]
  for (const credential of carriers) {
    const headers = {
      ...credential,
      cookie: `session=${ours.cookie}`,
      'content-type': 'application/json',
    }
    for (const model of models.filter((name) => name !== 'flood')) {
      for (const path of ['/v1/chat/completions', '/v1/messages']) {
        const body = JSON.stringify({ model, stream: model !== 'echo-key', messages: [] })
        await take(path, { method: 'POST', headers, body })
      }
    }
    await take('/v1/models', { headers })
    await take('/v1/nothing', { headers })
  }
}, 60_000)

afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
  await webui.stop()
})

const spellings = (secret: string): string[] => [secret, btoa(`alice:${secret}`), btoa(secret)]

describe('a secret', () => {
  it('of a caller reaches no model server', () => {
    const seen = JSON.stringify(upstream.requests)
    expect(upstream.requests.length).toBeGreaterThan(20)
    for (const secret of Object.values(ours).flatMap(spellings)) expect(seen).not.toContain(secret)
  })

  it('of a provider reaches no caller, not even in an error that quotes it', () => {
    expect(JSON.stringify(upstream.requests)).toContain(theirs.apikey)
    expect(answers.length).toBeGreaterThan(1000)
    for (const secret of Object.values(theirs)) expect(answers).not.toContain(secret)
  })

  it('of either side stands in no log line and no row', () => {
    const { usage, failures, bans } = gateway.store
    const kept = JSON.stringify([gateway.log, usage, failures, bans])
    expect(usage.length).toBeGreaterThan(20)
    for (const secret of [...Object.values(ours).flatMap(spellings), ...Object.values(theirs)]) {
      expect(kept).not.toContain(secret)
    }
  })

  it('of the model servers is their address, too', () => {
    expect(answers).not.toContain(`:${upstream.port}`)
  })
})
