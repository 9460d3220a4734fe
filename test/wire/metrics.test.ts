import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UsageRow } from '../../src/platform/records/usage.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { readPage, type Series, total } from '../support/prometheus.ts'
import { chat } from '../support/setup.ts'

const basic = (user: string, password = `${user}-password`) => ({
  authorization: `Basic ${btoa(`${user}:${password}`)}`,
})

const models = ['fake-model', 'dies-rst', 'dies-fin', 'html', 'usage-none']
const late = ['silent', 'slow']
let upstream: FakeUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startUpstream({ models: [...models, ...late] })
  gateway = await startTestGateway({
    providers: {
      local: { baseurl: upstream.url, models },
      late: { baseurl: upstream.url, models: late, limits: { first_byte: '50ms' } },
      gone: { baseurl: 'http://127.0.0.1:9', models: ['nobody-home'] },
    },
    grants: [
      { src: ['owner'], app: { 'tailscale.com/cap/aperture': [{ role: 'admin', models: '**' }] } },
      {
        src: ['alice@example.com'],
        app: {
          'tailscale.com/cap/aperture': [
            { role: 'user', models: 'local/**' },
            { role: 'user', models: 'late/**' },
            { role: 'user', models: 'gone/**' },
            { read_metrics: true },
          ],
        },
      },
    ],
    auth_failures: { max: 100_000 },
    rate_limits: [{ zone: 'owner', match: '/v1/models', per: 'caller', events: 3, window: '1h' }],
  })
})
afterAll(async () => {
  await gateway?.stop()
  await upstream?.stop()
})

const page = async (headers: Record<string, string> = {}): Promise<Series[]> => {
  const answer = await fetch(`${gateway.url}/metrics`, { headers })
  expect(answer.status).toBe(200)
  return readPage(await answer.text())
}

describe('GET /metrics', () => {
  const status = async (headers: Record<string, string>) =>
    (await fetch(`${gateway.url}/metrics`, { headers })).status

  it('is for programs on this machine, and elsewhere for whom a grant gives it', async () => {
    expect(await status({})).toBe(200)
    // What a proxy on this machine passes on is from elsewhere.
    const elsewhere = { 'x-forwarded-for': '203.0.113.7' }
    expect(await status(elsewhere)).toBe(401)
    expect(await status({ ...elsewhere, ...basic('alice') })).toBe(200)
    expect(await status({ ...elsewhere, ...basic('owner') })).toBe(403)
    expect(await status({ ...elsewhere, ...basic('bob') })).toBe(403)
  })

  it('is not there for a wrong credential, nor for a page by a name of its own', async () => {
    expect(await status(basic('alice', 'wrong'))).toBe(401)
    const { port } = gateway
    const { promise, resolve } = Promise.withResolvers<number | undefined>()
    const { get } = await import('node:http')
    get(
      { host: '127.0.0.1', port, path: '/metrics', headers: { host: 'evil.example' } },
      (answer) => {
        answer.resume()
        resolve(answer.statusCode)
      },
    )
    expect(await promise).toBe(421)
  })

  it('says what it is, and that it is not to be kept', async () => {
    const { headers } = await fetch(`${gateway.url}/metrics`)
    expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(headers.get('cache-control')).toBe('no-store')
  })

  it('counts refusals by code, every one, and their hidden cause', async () => {
    const before = await page()
    const guesses = Array.from({ length: 120 }, () =>
      fetch(`${gateway.url}/v1/models`, { headers: basic('nobody', 'guess') }),
    )
    await Promise.all(guesses)
    for (let i = 0; i < 5; i++) {
      await fetch(`${gateway.url}/v1/models`, { headers: basic('owner') })
    }
    const after = await page()
    const more = (name: string, labels: Record<string, string>) =>
      total(after, name, labels) - total(before, name, labels)
    // The ledger keeps a sample of a flood; the counters have it all.
    const causes = ['unknown_user', 'busy', 'throttled']
    const counted = causes.map((reason) => more('postern_auth_failures_total', { reason }))
    expect(counted.reduce((sum, each) => sum + each)).toBe(120)
    expect(more('postern_refusals_total', { code: 'rate_limited' })).toBe(2)
  })
})

/** A linear congruential generator: the same run every time. */
const dice = (seed: number) => (sides: number) => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return Math.floor((seed / 2 ** 32) * sides)
}

const asks = [
  'fake-model',
  'fake-model',
  'fake-model',
  ...models,
  ...late,
  'nobody-home',
  'local/fake-model',
]

/** One of everything that can happen to a request. */
const play = async (roll: (sides: number) => number, at: number): Promise<void> => {
  const stranger = roll(12) === 0
  const model = stranger ? `stranger-${at}` : asks[roll(asks.length)]
  const body = { model, stream: roll(2) === 0 }
  const leaves = roll(15) === 0 ? AbortSignal.timeout(1 + roll(20)) : undefined
  const anthropic = roll(4) === 0
  try {
    const answer = await chat(gateway.url, body, {
      ...(anthropic && { path: '/v1/messages' }),
      ...(leaves && { signal: leaves }),
      headers: roll(10) === 0 ? basic('bob') : {},
    })
    await answer.arrayBuffer()
  } catch {
    // Broken off, by the model server or by us.
  }
}

const sum = (rows: readonly UsageRow[], of: (row: UsageRow) => number | null): number =>
  rows.reduce((all, row) => all + (of(row) ?? 0), 0)

describe('the counters', () => {
  it('are the sums of the rows, after thousands of requests with every fault', async () => {
    const roll = dice(7)
    const requests = 3000
    let at = 0
    const worker = async () => {
      while (at < requests) await play(roll, at++)
    }
    await Promise.all(Array.from({ length: 24 }, worker))
    await expect.poll(() => gateway.state.activeExchanges.size).toBe(0)
    const rows = gateway.store.usage
    const read = await page()
    expect(rows.length).toBeGreaterThan(requests * 0.9)

    const counted = (labels: Record<string, string> = {}) =>
      total(read, 'postern_requests_total', labels)
    expect(counted()).toBe(rows.length)
    for (const [label, key] of [
      ['outcome', 'outcome'],
      ['door', 'door'],
      ['dialect', 'dialect'],
    ] as const) {
      for (const [value, group] of Map.groupBy(rows, (row) => row[key])) {
        expect(counted({ [label]: value })).toBe(group.length)
      }
    }
    for (const [value, group] of Map.groupBy(rows, ({ status }) => `${String(status)[0]}xx`)) {
      expect(counted({ status: value })).toBe(group.length)
    }
    for (const [value, group] of Map.groupBy(rows, ({ provider }) => provider ?? 'none')) {
      expect(counted({ provider: value })).toBe(group.length)
    }
    const tokens = (type: string) => total(read, 'postern_tokens_total', { type })
    expect(tokens('input')).toBe(sum(rows, (row) => row.inputTokens))
    expect(tokens('output')).toBe(sum(rows, (row) => row.outputTokens))
    expect(tokens('cached')).toBe(sum(rows, (row) => row.cachedTokens))
    expect(tokens('reasoning')).toBe(sum(rows, (row) => row.reasoningTokens))
    const dollars = total(read, 'postern_cost_usd_total')
    expect(dollars).toBeCloseTo(sum(rows, (row) => row.costNanousd) / 1e9, 9)
    const unpriced = rows.filter(({ costNanousd }) => costNanousd === null).length
    expect(total(read, 'postern_unpriced_requests_total')).toBe(unpriced)
    const bytes = (direction: string) => total(read, 'postern_body_bytes_total', { direction })
    expect([bytes('in'), bytes('out')]).toEqual([
      sum(rows, (row) => row.bytesIn),
      sum(rows, (row) => row.bytesOut),
    ])
    expect(total(read, 'postern_request_duration_seconds_count')).toBe(rows.length)
    const seconds = total(read, 'postern_request_duration_seconds_sum')
    expect(seconds).toBeCloseTo(sum(rows, (row) => row.durationMs) / 1000, 6)
    const begun = rows.filter(({ firstByteMs }) => firstByteMs !== null).length
    expect(total(read, 'postern_first_byte_seconds_count')).toBe(begun)
    expect(total(read, 'postern_overhead_seconds_count')).toBe(rows.length)
    expect(new Set(rows.map(({ outcome }) => outcome)).size).toBe(4)
  }, 60_000)

  it('name no model that only a client wrote, and nobody', async () => {
    const text = await (await fetch(`${gateway.url}/metrics`)).text()
    expect(text).not.toMatch(/stranger-|alice|bob|owner|example\.com/)
    const named = new Set(readPage(text).flatMap(({ labels }) => labels.model ?? []))
    const known = ['none', 'other', 'nobody-home', 'local/fake-model', ...models, ...late]
    expect([...named].filter((model) => !known.includes(model))).toEqual([])
    expect(total(readPage(text), 'postern_requests_total', { model: 'other' })).toBeGreaterThan(0)
  })

  it('tell which provider answers', async () => {
    await chat(gateway.url, { model: 'nobody-home' })
    await chat(gateway.url, { model: 'fake-model' })
    const after = await page()
    const up = after.filter(({ name }) => name === 'postern_provider_up')
    expect(Object.fromEntries(up.map((each) => [each.labels.provider, each.value]))).toMatchObject({
      gone: 0,
      local: 1,
    })
    expect(total(after, 'postern_provider_models', { provider: 'local' })).toBe(models.length)
    const tried = (result: string) =>
      total(after, 'postern_upstream_attempts_total', { provider: 'gone', result })
    expect(tried('connect')).toBeGreaterThan(0)
    expect(tried('answered')).toBe(0)
  })
})
