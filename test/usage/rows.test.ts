import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UsageRow } from '../../src/platform/records/usage.ts'
import {
  chat,
  chatStream,
  type FakeUpstream,
  json,
  startUpstream,
} from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { until } from '../support/raw.ts'
import { aliceHeaders } from '../support/setup.ts'

/** 11 tokens in, 3 of them from a cache, 6 out: what the fake upstream tells. */
const price = { input: 10, output: 100, input_cache_read: 1 }
const cost = (8 * 10 + 3 * 1 + 6 * 100) * 1000

describe('a line of the ledger', () => {
  let upstream: FakeUpstream
  let gateway: TestGateway
  let release = () => {}

  const provider = (more: object = {}) => ({
    local: {
      baseurl: upstream.url,
      models: ['m', 'refused', 'failed', 'slow', 'usage-none', 'held', 'listed'],
      prices: { '*': price, listed: {} },
      ...more,
    },
  })

  const send = (body: object, headers: Readonly<Record<string, string>> = {}, init = {}) =>
    fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { ...aliceHeaders, ...headers },
      body: JSON.stringify(body),
      ...init,
    })

  const row = async (before: number): Promise<UsageRow | undefined> => {
    await until(() => gateway.store.usage.length > before)
    return gateway.store.usage.at(-1)
  }

  /** The line of one request, sent and read to its end. */
  const line = async (body: object, headers?: Readonly<Record<string, string>>) => {
    const before = gateway.store.usage.length
    await (await send(body, headers)).text()
    return row(before)
  }

  beforeAll(async () => {
    const held = chatStream({ frames: ['a'], usage: 'always' })
    upstream = await startUpstream({
      byModel: {
        listed: chatStream(),
        told: chat({ usage: { prompt_tokens: 11, completion_tokens: 6, cost: 0.000123456 } }),
        refused: json(400, { error: {} }),
        failed: json(500, { error: {} }),
        held: async (exchange) => {
          await new Promise<void>((resolve) => {
            release = resolve
          })
          await held(exchange)
        },
      },
    })
    gateway = await startTestGateway({ providers: provider() })
  })
  afterAll(async () => {
    await gateway.stop()
    await upstream.stop()
  })

  it('says what the request cost, and whose price that is', async () => {
    const told = { costNanousd: cost, costBasis: 'own/m', tokensSource: 'reported' }
    expect(await line({ model: 'm', stream: true })).toMatchObject(told)
    expect(await line({ model: 'm' })).toMatchObject(told)
  })

  it('says null, and not nothing, where nobody knows the price', async () => {
    expect(await line({ model: 'listed', stream: true })).toMatchObject({
      costNanousd: null,
      costBasis: null,
      outputTokens: 6,
    })
  })

  it('has the list’s price, where the provider’s is on one', async () => {
    const models = ['gpt-4o']
    await gateway.reload({ providers: provider({ cost_basis: 'openai', models, prices: {} }) })
    // $2.50 and $10 per million, $1.25 from the cache.
    expect(await line({ model: 'gpt-4o' })).toMatchObject({
      costNanousd: 8 * 2500 + 3 * 1250 + 6 * 10_000,
      costBasis: 'openai/gpt-4o',
    })
    await gateway.reload({ providers: provider() })
  })

  it('has what OpenRouter says it took, and a price of its owner before that', async () => {
    const models = ['told']
    const cost_basis = 'openrouter'
    await gateway.reload({ providers: provider({ cost_basis, models, prices: {} }) })
    const told = { costNanousd: 123_456, costBasis: 'billed/told', tokensSource: 'reported' }
    expect(await line({ model: 'told' })).toMatchObject({ ...told, outputTokens: 6 })
    await gateway.reload({ providers: provider({ cost_basis, models }) })
    expect(await line({ model: 'told' })).toMatchObject({
      costNanousd: (11 * 10 + 6 * 100) * 1000,
      costBasis: 'own/told',
    })
    await gateway.reload({ providers: provider() })
  })

  it('keeps the price of the moment when the request was let in', async () => {
    const before = gateway.store.usage.length
    const answer = send({ model: 'held', stream: true, messages: [] })
    await upstream.received(upstream.requests.length + 1)
    await gateway.reload({ providers: provider({ prices: { '*': { input: 0, output: 0 } } }) })
    release()
    await (await answer).text()
    expect((await row(before))?.costNanousd).toBe(cost)
    expect(await line({ model: 'm' })).toMatchObject({ costNanousd: 0, costBasis: 'own/m' })
    await gateway.reload({ providers: provider() })
  })

  it('charges an estimate where the upstream tells nothing', async () => {
    const found = await line({ model: 'usage-none', stream: true })
    expect(found).toMatchObject({ tokensSource: 'estimated', outputTokens: 7 })
    expect(found?.costNanousd).toBe((found?.inputTokens ?? 0) * 10_000 + 7 * 100_000)
  })

  it('charges who leaves early for the prompt, and for what passed by', async () => {
    const before = gateway.store.usage.length
    const leave = new AbortController()
    const answer = await send({ model: 'slow', stream: true }, {}, { signal: leave.signal })
    await answer.body?.getReader().read()
    leave.abort()
    const found = await row(before)
    expect(found).toMatchObject({ outcome: 'client_gone', tokensSource: 'estimated' })
    expect(found?.outputTokens).toBeGreaterThan(0)
    expect(found?.costNanousd).toBeGreaterThan(100_000)
  })

  it.each(['refused', 'failed'])(
    'charges nothing for what was %s by the upstream',
    async (model) => {
      expect(await line({ model })).toMatchObject({
        costNanousd: 0,
        costBasis: null,
        tokensSource: 'none',
      })
    },
  )

  it('charges nothing for what was never sent', async () => {
    expect(await line({ model: 'nobody-has-it' })).toMatchObject({ status: 404, costNanousd: 0 })
  })

  it('keeps a label, cut where it is long, by the header that the configuration names', async () => {
    expect((await line({ model: 'm' }))?.label).toBeNull()
    expect((await line({ model: 'm' }, { 'x-postern-label': 'batch' }))?.label).toBe('batch')
    const long = { 'x-postern-label': 'x'.repeat(100) }
    expect((await line({ model: 'm' }, long))?.label).toBe('x'.repeat(64))
    await gateway.reload({ label_header: 'X-Team', providers: provider() })
    const both = { 'x-team': 'search', 'x-postern-label': 'batch' }
    expect((await line({ model: 'm' }, both))?.label).toBe('search')
    expect(upstream.requests.at(-1)?.headers).not.toHaveProperty('x-team')
    await gateway.reload({ providers: provider() })
  })

  it('groups by conversation, and gives a lone request a session of its own', async () => {
    const messages = [{ role: 'user', content: 'hi' }]
    const first = await line({ model: 'm', messages })
    expect(first?.sessionId).toMatch(/^oacc_/)
    const more = [
      ...messages,
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: 'x' },
    ]
    expect((await line({ model: 'm', messages: more }))?.sessionId).toBe(first?.sessionId)
    expect((await line({ model: 'm' }, { 'x-session-id': 's-1' }))?.sessionId).toBe('s-1')
    const [one, two] = [await line({ model: 'm' }), await line({ model: 'm' })]
    expect(one?.sessionId).toMatch(/^[0-9a-f-]{36}$/)
    expect(two?.sessionId).not.toBe(one?.sessionId)
  })
})
