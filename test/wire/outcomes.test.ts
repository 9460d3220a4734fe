import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UsageRow } from '../../src/platform/records/usage.ts'
import {
  chatStream,
  type FakeUpstream,
  flood,
  json,
  silent,
  startUpstream,
} from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { type HookServer, say, startHookServer } from '../support/hook-server.ts'
import { freePort } from '../support/parts/port.ts'
import { open, post, until } from '../support/raw.ts'
import { aliceHeaders } from '../support/setup.ts'

const openaiError = {
  error: { message: 'too long', type: 'invalid_request_error', code: 'context_length_exceeded' },
}
const anthropicError = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }
const googleError = { error: { code: 429, message: 'quota', status: 'RESOURCE_EXHAUSTED' } }

let upstream: FakeUpstream
let guard: HookServer
let gateway: TestGateway
let closedPort: number

const byModel = {
  'says-400': json(400, openaiError),
  'says-429': json(429, googleError),
  'says-529': json(529, anthropicError),
  'says-500': json(500, { detail: 'boom' }),
  silent: silent(),
  stalls: chatStream({ frames: ['a', 'b'], gap: 2000 }),
  floods: flood(50_000_000),
  one: chatStream({ frames: ['a', 'b'], gap: 60 }),
}

const entry = (models: string, more: object = {}) => ({ models, ...more })
const configuration = () => ({
  providers: {
    local: {
      baseurl: upstream.url,
      models: ['m', 'guarded', 'spent', 'busy', 'dies-rst', ...Object.keys(byModel)],
      limits: { first_byte: '150ms' },
      prices: { '*': { input: 1, output: 1 } },
    },
    gone: { baseurl: `http://127.0.0.1:${closedPort}`, models: ['away', 'twice'], preference: 1 },
    spare: { baseurl: upstream.url, models: ['twice'] },
    narrow: { baseurl: upstream.url, models: ['one'], limits: { concurrency: 1, queue: 1 } },
  },
  hooks: { guard: { url: `${guard.url}/guard` } },
  quotas: { nothing: { capacity: '$0.00' } },
  limits: { idle: '300ms', write_stall: '300ms', first_byte: '5s' },
  rate_limits: [{ zone: 'api', match: '/v1/embeddings', per: 'caller', events: 1, window: '1h' }],
  grants: [
    {
      src: ['alice@example.com'],
      app: {
        'tailscale.com/cap/aperture': [
          { role: 'user' },
          ...['m', 'says-*', 'silent', 'stalls', 'floods', 'dies-rst'].map((name) =>
            entry(`local/${name}`),
          ),
          ...['gone/**', 'spare/**', 'narrow/**'].map((models) => entry(models)),
          entry('local/guarded', { send_hooks: [{ name: 'guard', events: ['pre_request'] }] }),
          entry('local/spent', { quotas: [{ bucket: 'nothing' }] }),
        ],
      },
    },
  ],
})

beforeAll(async () => {
  upstream = await startUpstream({ byModel })
  guard = await startHookServer()
  closedPort = await freePort()
  gateway = await startTestGateway(configuration())
})
afterAll(async () => {
  await gateway.stop()
  await guard.stop()
  await upstream.stop()
})

const send = (
  body: unknown,
  { path = '/v1/chat/completions', ...init }: RequestInit & { path?: string } = {},
) =>
  fetch(gateway.url + path, {
    method: 'POST',
    headers: aliceHeaders,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
  })

/** The line of what `act` brought about. */
const line = async (act: () => Promise<unknown>): Promise<UsageRow> => {
  const before = gateway.store.usage.length
  await act()
  await until(() => gateway.store.usage.length > before, 5000)
  return gateway.store.usage.at(-1) as UsageRow
}

const asked = (body: unknown, init = {}) =>
  line(async () => {
    const answer = await send(body, init)
    await answer.text().catch(() => '')
  })

describe('the ledger tells how a request ended', () => {
  it('well, without a code', async () => {
    expect(await asked({ model: 'm' })).toMatchObject({ outcome: 'ok', errorCode: null })
    expect(await asked({ model: 'm', stream: true })).toMatchObject({
      outcome: 'ok',
      errorCode: null,
      alias: null,
      attempts: null,
      translated: null,
      queuedMs: null,
    })
  })

  it.each([
    ['a body that is not JSON', '{', 'invalid_request', 400],
    ['a model that no grant allows', { model: 'busy' }, 'model_not_found', 404],
    ['a budget that is spent', { model: 'spent' }, 'quota_exceeded', 429],
  ])('as refused here for %s', async (_, body, errorCode, status) => {
    const row = await asked(body)
    expect(row).toMatchObject({ outcome: 'rejected', errorCode, status, provider: null })
  })

  it('as refused here by a guard', async () => {
    guard.reply('/guard', say({ action: 'block', message: 'no' }))
    const row = await asked({ model: 'guarded', messages: [] })
    expect(row).toMatchObject({ outcome: 'rejected', errorCode: 'guardrail_blocked' })
  })

  it('as refused here by a limit', async () => {
    const embed = () => asked({ model: 'm', input: 'x' }, { path: '/v1/embeddings' })
    await embed()
    expect(await embed()).toMatchObject({ outcome: 'rejected', errorCode: 'rate_limited' })
  })

  it('as refused here for want of a place, and how long another waited for one', async () => {
    const before = gateway.store.usage.length
    const answers = await Promise.all([1, 2, 3].map(() => send({ model: 'one', stream: true })))
    await Promise.all(answers.map((answer) => answer.text()))
    await until(() => gateway.store.usage.length === before + 3)
    const rows = gateway.store.usage.slice(before).toSorted((a, b) => b.status - a.status)
    expect(rows.map(({ status, outcome, errorCode }) => [status, outcome, errorCode])).toEqual([
      [503, 'rejected', 'overloaded'],
      [200, 'ok', null],
      [200, 'ok', null],
    ])
    const waited = rows.map(({ queuedMs }) => queuedMs).filter((ms) => ms !== null)
    expect(waited).toHaveLength(1)
    expect(waited[0]).toBeGreaterThan(50)
  })

  it.each([
    ['says-400', 400, 'context_length_exceeded'],
    ['says-429', 429, 'RESOURCE_EXHAUSTED'],
    ['says-529', 529, 'overloaded_error'],
    ['says-500', 500, 'http_5xx'],
  ])('as the provider’s error, by its code or its status: %s', async (model, status, errorCode) => {
    const wanted = { outcome: 'upstream_error', status, errorCode, provider: 'local' }
    expect(await asked({ model })).toMatchObject({ ...wanted, costNanousd: 0 })
    expect(await asked({ model, stream: true })).toMatchObject({ ...wanted, costNanousd: 0 })
  })

  it('as the provider’s error, where it cannot be reached, breaks off, or is not in time', async () => {
    const failed = { outcome: 'upstream_error' }
    const reached = await asked({ model: 'away' })
    expect(reached).toMatchObject({ ...failed, status: 502, errorCode: 'upstream_error' })
    const broken = await asked({ model: 'dies-rst', stream: true })
    expect(broken).toMatchObject({ ...failed, status: 200, errorCode: 'upstream_error' })
    const late = await asked({ model: 'silent' })
    expect(late).toMatchObject({ ...failed, status: 504, errorCode: 'upstream_timeout' })
  })

  it('as left by the client, before an answer and in the middle of one', async () => {
    const gone = { outcome: 'client_gone', errorCode: null }
    const early = new AbortController()
    const before = line(async () => {
      const answer = send({ model: 'silent' }, { signal: early.signal })
      setTimeout(() => early.abort(), 50)
      await answer.catch(() => {})
    })
    expect(await before).toMatchObject({ ...gone, status: 499 })
    const late = new AbortController()
    const during = line(async () => {
      const answer = await send({ model: 'stalls', stream: true }, { signal: late.signal })
      await answer.body?.getReader().read()
      late.abort()
    })
    expect(await during).toMatchObject({ ...gone, status: 200 })
  })

  it('as cut short here, where the provider falls silent', async () => {
    const row = await asked({ model: 'stalls', stream: true })
    expect(row).toMatchObject({ outcome: 'cut', errorCode: 'upstream_timeout', status: 200 })
  })

  it('as cut short here, where the client does not read', async () => {
    const row = await line(async () => {
      const socket = await open(gateway.port, post({ model: 'floods', stream: true }))
      socket.pause()
    })
    expect(row).toMatchObject({ outcome: 'cut', errorCode: 'write_stall', status: 200 })
  })

  it('as cut short here, when the gateway ends', async () => {
    const other = await startTestGateway({ ...configuration(), limits: { idle: '1h' } })
    const answer = await fetch(`${other.url}/v1/chat/completions`, {
      method: 'POST',
      headers: aliceHeaders,
      body: JSON.stringify({ model: 'stalls', stream: true }),
    })
    await answer.body?.getReader().read()
    await other.stop()
    await until(() => other.store.usage.length > 0)
    expect(other.store.usage[0]).toMatchObject({ outcome: 'cut', errorCode: 'not_ready' })
  })

  it('with the providers that were tried, where it was more than one', async () => {
    const row = await asked({ model: 'twice' })
    expect(row).toMatchObject({ outcome: 'ok', provider: 'spare' })
    expect(JSON.parse(row.attempts ?? '')).toEqual([
      { provider: 'gone', result: 'connect' },
      { provider: 'spare' },
    ])
  })

  it('with what its provider calls the model, by whichever name it was asked for', async () => {
    expect(await asked({ model: 'local/m' })).toMatchObject({
      model: 'local/m',
      upstreamModel: 'm',
    })
    const refused = { provider: null, upstreamModel: 'spent' }
    expect(await asked({ model: 'spent' })).toMatchObject({ ...refused, model: 'spent' })
    expect(await asked({ model: 'local/spent' })).toMatchObject({
      ...refused,
      model: 'local/spent',
    })
    expect(await asked({ model: 'nobody/has-it' })).toMatchObject({ upstreamModel: null })
  })
})
