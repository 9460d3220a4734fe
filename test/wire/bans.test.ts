import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeWebui, startWebui } from '../support/fake-webui.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'

let webui: FakeWebui
let gateway: TestGateway
beforeAll(async () => {
  webui = await startWebui()
  gateway = await startTestGateway({
    webui: { url: webui.url },
    listeners: [{ name: 'proxy', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }],
    auth_failures: { max: 3, window: '10m', ban: '15m' },
  })
})
afterAll(async () => {
  await gateway.stop()
  await webui.stop()
})

/** A request from an address, as the trusted proxy reports it. */
const from = (ip: string, password = 'alice-password', path = '/v1/models'): Promise<Response> =>
  fetch(gateway.url + path, {
    headers: { 'x-forwarded-for': ip, authorization: `Basic ${btoa(`alice:${password}`)}` },
  })

const guess = async (ip: string, count: number): Promise<number[]> => {
  const statuses: number[] = []
  for (let i = 0; i < count; i++) statuses.push((await from(ip, `wrong-${ip}-${i}`)).status)
  return statuses
}

describe('an address that guesses', () => {
  it('is banned after exactly as many guesses as allowed, on every path', async () => {
    expect(await guess('203.0.113.1', 4)).toEqual([401, 401, 401, 429])
    const [one, other] = [await from('203.0.113.1', 'a'), await from('203.0.113.1', 'b')]
    expect([one.status, other.status]).toEqual([429, 429])
    expect(Number(one.headers.get('retry-after'))).toBeGreaterThan(800)
    expect((await one.json()).error).toEqual((await other.json()).error)
    const before = webui.requests.length
    expect((await from('203.0.113.1', '', '/')).status).toBe(429)
    expect(webui.requests.length).toBe(before)
    expect((await from('203.0.113.1', '', '/healthz')).status).toBe(200)
  })

  it('leaves a ban in the store, and a failure for each guess', () => {
    expect(gateway.store.bans).toMatchObject([{ address: '203.0.113.1', level: 1 }])
    const guesses = gateway.store.failures.filter(({ reason }) => reason === 'wrong_password')
    expect(guesses).toHaveLength(3)
  })

  it('shuts out nobody else: not the proxy, not another address, not the user', async () => {
    expect((await from('203.0.113.2')).status).toBe(200)
    expect((await fetch(`${gateway.url}/v1/models`)).status).toBe(401)
  })

  it('does not ban who had proven a password there before', async () => {
    expect((await from('203.0.113.3')).status).toBe(200)
    expect(await guess('203.0.113.3', 4)).toEqual([401, 401, 401, 429])
    expect((await from('203.0.113.3')).status).toBe(200)
  })

  it('does not hold back a right password that is shown there for the first time', async () => {
    expect(await guess('203.0.113.4', 3)).toEqual([401, 401, 401])
    expect((await from('203.0.113.4', 'wrong-again')).status).toBe(429)
    expect((await from('203.0.113.4')).status).toBe(200)
    expect((await from('203.0.113.4', 'alice-password', '/')).status).toBe(200)
  })

  it('is one address in IPv6 for a whole /64', async () => {
    for (let i = 0; i < 3; i++) await from(`2001:db8:1:2::${i}`, `wrong-${i}`)
    expect((await from('2001:db8:1:2:ffff::1', 'wrong-3')).status).toBe(429)
    expect((await from('2001:db8:1:3::1')).status).toBe(200)
  })

  it('never is the proxy itself, however often it fails', async () => {
    const statuses: number[] = []
    for (let i = 0; i < 8; i++) {
      const authorization = `Basic ${btoa(`alice:direct-${i}`)}`
      statuses.push(
        (await fetch(`${gateway.url}/v1/models`, { headers: { authorization } })).status,
      )
    }
    expect(new Set(statuses)).toEqual(new Set([401]))
    const authorization = `Basic ${btoa('alice:alice-password')}`
    const right = await fetch(`${gateway.url}/v1/models`, { headers: { authorization } })
    expect(right.status).toBe(200)
  })
})
