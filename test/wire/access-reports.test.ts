import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeWebui, startWebui } from '../support/fake-webui.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { open } from '../support/raw.ts'

/** What users of other programs reported of doors, guesses and bans. Each is played on a running gateway. */

let webui: FakeWebui
let gateway: TestGateway
beforeAll(async () => {
  webui = await startWebui()
  gateway = await startTestGateway({
    webui: { url: webui.url },
    listeners: [{ name: 'proxy', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }],
    auth_failures: { max: 5, window: '10m', ban: '15m' },
    rate_limits: [{ zone: 'callers', match: '/v1/models', per: 'caller', events: 3, window: '1m' }],
  })
})
afterAll(async () => {
  await gateway.stop()
  await webui.stop()
})

const basic = (password: string, user = 'alice') => `Basic ${btoa(`${user}:${password}`)}`
const ask = (headers: Record<string, string>, path = '/v1/models') =>
  fetch(gateway.url + path, { headers })
const statusFrom = async (ip: string, authorization: string, path?: string) =>
  (await ask({ 'x-forwarded-for': ip, authorization }, path)).status

describe('a shared address', () => {
  it('nextcloud/docker#2056: apps with the old password do not lock out the others behind it', async () => {
    const ip = '203.0.113.20'
    for (let app = 0; app < 3; app++) {
      for (let i = 0; i < 20; i++) {
        expect(await statusFrom(ip, basic('password-of-yesterday'))).toBe(401)
      }
    }
    expect(await statusFrom(ip, basic('owner-password', 'owner'))).toBe(200)
    expect(gateway.store.bans).toEqual([])
  })

  it('zkrana/joomla-security-scanner#11, qbittorrent/qBittorrent#1849: no guess of a stranger bans the proxy', async () => {
    for (let i = 0; i < 12; i++) await statusFrom('203.0.113.21', basic(`guess ${i}`))
    expect(gateway.store.bans.map(({ address }) => address)).toEqual(['203.0.113.21'])
    expect(await statusFrom('203.0.113.22', basic('owner-password', 'owner'))).toBe(200)
    expect((await ask({ 'x-forwarded-for': '203.0.113.22' }, '/')).status).toBe(200)
  })

  it('tailscale/tsidp#179: who stands before the proxy is read from its end of the list', async () => {
    const claimed = '203.0.113.22, 203.0.113.23'
    for (let i = 0; i < 12; i++) await statusFrom(claimed, basic(`other guess ${i}`))
    expect(gateway.store.bans.map(({ address }) => address)).toContain('203.0.113.23')
    expect(await statusFrom('203.0.113.22', basic('owner-password', 'owner'))).toBe(200)
  })
})

describe('an identity that is only said', () => {
  it('denoland/clawpatrol#316: a proxy on loopback that passes Tailscale’s headers on makes nobody known', async () => {
    const said = { 'tailscale-user-login': 'alice', 'tailscale-user-name': 'Alice' }
    expect((await ask(said)).status).toBe(401)
    expect((await ask({ ...said, 'x-forwarded-for': '100.64.0.1' })).status).toBe(401)
  })
})

describe('limits and logs', () => {
  it('hyperdxio/hyperdx#2775: a limit is one for all spellings of a credential', async () => {
    const ip = '203.0.113.24'
    const carriers: Record<string, string>[] = [
      { authorization: basic('alice-password') },
      { authorization: 'Bearer alice:alice-password' },
      { authorization: 'bearer  alice:alice-password' },
      { 'x-api-key': 'alice:alice-password' },
      { 'api-key': 'alice:alice-password' },
      { authorization: '1 Bearer alice:alice-password' },
    ]
    const statuses: number[] = []
    for (const carrier of carriers) {
      statuses.push((await ask({ ...carrier, 'x-forwarded-for': ip })).status)
    }
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(3)
    expect(statuses.at(4)).toBe(429)
    expect(statuses.at(-1)).not.toBe(200)
  })

  it('utksh1/SecuScan#1758, KanishJebaMathewM/Truxify#12137: no log has a credential, whatever carried it', async () => {
    const ip = '203.0.113.25'
    const canary = 'canary-of-the-log'
    await ask({ 'x-forwarded-for': ip }, `/v1/models?key=${canary}&api_key=${canary}`)
    await ask({ 'x-forwarded-for': ip, authorization: `Bearer ${canary}` })
    await statusFrom(ip, basic(canary))
    const lines = JSON.stringify(gateway.log)
    expect(lines).toContain(ip)
    expect(lines).not.toContain(canary)
  })

  it('CVEProject/cve-services#1885, managoat/fountain#316: guesses cost a bounded number of hashes', async () => {
    const ip = '203.0.113.26'
    const started = performance.now()
    const statuses = await Promise.all(
      Array.from({ length: 200 }, (_, i) => statusFrom(ip, basic(`flood ${i}`))),
    )
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(20)
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(180)
    expect(performance.now() - started).toBeLessThan(10_000)
  })
})

describe('a WebSocket to Open WebUI', () => {
  const upgrade = async (headers: readonly string[]): Promise<string> => {
    const lines = [
      'GET /ws/socket.io/accept HTTP/1.1',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ...headers,
    ]
    const socket = await open(gateway.port, `${lines.join('\r\n')}\r\n\r\n`)
    const head = await new Promise<string>((resolve) => {
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk.toString()
        if (text.includes('\r\n\r\n')) resolve(text)
      })
      socket.on('close', () => resolve(text))
    })
    socket.destroy()
    return head
  }

  it.each([
    ['OctoPrint/OctoPrint#3193', ['Host: box', 'Authorization: Bearer its-own']],
    [
      'totaljs/framework#382',
      ['Host: 125.227.87.64:8888', 'User-Agent: websocket-sharp/1.0', 'Authorization: Bearer own'],
    ],
  ])(
    '%s: a program that names no Origin comes through with a bearer of its own',
    async (_id, headers) => {
      expect(await upgrade(headers)).toMatch(/^HTTP\/1\.1 101 /)
    },
  )

  it('powerfooI/herdr-studio#23: where a proxy rewrites Host, the refusal names the remedy', async () => {
    const answer = await upgrade([
      'Host: 10.0.0.5:8787',
      'Origin: https://chat.example.com',
      'Cookie: token=its-own',
    ])
    expect(answer).toMatch(/^HTTP\/1\.1 403/)
    expect(answer).toContain('allowed_hosts')
    expect(answer).toContain('chat.example.com')
  })
})
