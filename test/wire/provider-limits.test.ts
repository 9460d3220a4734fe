import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { chat } from '../support/setup.ts'

let upstream: FakeUpstream
let gateway: TestGateway
/** Each ends an answer under way. */
let finish: (() => void)[] = []

beforeAll(async () => {
  upstream = await startUpstream(({ json, response }) => {
    if (json.model === 'silent') return false
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"choices":[]}\n\n')
    finish.push(() => response.end())
    return true
  })
  gateway = await startTestGateway({
    providers: {
      local: {
        baseurl: upstream.url,
        models: ['m'],
        limits: { concurrency: 1, queue: 1 },
      },
      other: { baseurl: upstream.url, models: ['both'], limits: { concurrency: 1, queue: 0 } },
      spare: { baseurl: upstream.url, models: ['both'], preference: -1 },
      hasty: {
        baseurl: upstream.url,
        models: ['silent'],
        limits: { first_byte: '100ms', concurrency: 1, queue: 0 },
      },
    },
    grants: [
      {
        src: ['alice@example.com'],
        app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] },
      },
    ],
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
})

const ask = (model: string, signal?: AbortSignal) =>
  chat(gateway.url, { model, stream: true }, signal ? { signal } : {})

describe('a provider that takes one request at a time', () => {
  it('gets the next when an answer has ended, and more than may wait are told to come back', async () => {
    finish = []
    const first = await ask('m')
    const left = await oneWaits()
    left.leave()
    await expect(left.answer).rejects.toThrow()
    const statuses = () => gateway.store.usage.map(({ status }) => status)
    await vi.waitFor(() => expect(statuses()).toContain(499), { timeout: 10_000 })

    // Its turn is another's now; the place at the provider is still taken.
    const next = await oneWaits()
    expect(sent()).toBe(1)
    finish.shift()?.()
    await first.text()
    const second = await next.answer
    expect(sent()).toBe(2)
    finish.shift()?.()
    await second.text()
    expect(statuses().toSorted()).toEqual([200, 200, 499, 503, 503])
  })

  it('is passed over for another that has room', async () => {
    finish = []
    const first = await ask('both')
    const second = await ask('both')
    for (const end of finish) end()
    await Promise.all([first.text(), second.text()])
    const served = gateway.store.usage.slice(-2).map(({ provider }) => provider)
    expect(served.toSorted()).toEqual(['other', 'spare'])
  })

  it('may have less time for its first byte than others, and gets its place back when it was late', async () => {
    expect((await ask('silent')).status).toBe(504)
    expect((await ask('silent')).status).toBe(504)
  })
})

/** Two requests for the one turn that is left: whoever comes second is refused, the other waits. */
const oneWaits = async () => {
  const both = [0, 1].map(() => {
    const client = new AbortController()
    return { answer: ask('m', client.signal), leave: () => client.abort() }
  })
  const refused = await Promise.race(both.map(async (one) => ({ one, response: await one.answer })))
  expect(refused.response.status).toBe(503)
  expect(refused.response.headers.get('retry-after')).toBe('5')
  expect((await refused.response.json()).error.code).toBe('overloaded')
  const waiting = both.find((one) => one !== refused.one)
  if (!waiting) throw new Error('both were answered')
  return waiting
}

const sent = (): number => upstream.requests.filter(({ method }) => method === 'POST').length
