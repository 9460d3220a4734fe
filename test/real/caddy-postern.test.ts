import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, begin, type Door, upgrade } from '../caddy/ask.ts'
import { expectAlike } from '../caddy/compare.ts'
import { megabyte, type Setup, setUp, tcp } from '../caddy/set-up.ts'
import { type Stub, startStub } from '../caddy/stub.ts'
import { post } from '../caddy/wire.ts'
import { TEST_PASSWORDS } from '../support/config.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { caddy } from '../support/parts/caddy.ts'
import { describeWith } from '../support/parts/need.ts'
import { freePort } from '../support/parts/port.ts'

const basic = (password: string) => ['Authorization', `Basic ${btoa(`owner:${password}`)}`] as const
const owner = basic(TEST_PASSWORDS.owner)

describeWith([caddy], 'Postern behind Caddy', () => {
  let upstream: FakeUpstream
  let webui: Stub
  let postern: TestGateway
  let setup: Setup
  let door: Door

  beforeAll(async () => {
    upstream = await startUpstream()
    webui = await startStub()
    postern = await startTestGateway({
      listeners: [{ name: 'caddy', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }],
      providers: { local: { baseurl: upstream.url, models: ['slow', 'silent'] } },
      webui: { url: `http://127.0.0.1:${webui.port}` },
      limits: { body: `${megabyte}B` },
      rate_limits: [],
    })
    door = { port: await freePort() }
    setup = await setUp(caddy, { tls: 'none', listen: [tcp(door.port ?? 0)] }, postern.port)
  })
  afterAll(async () => {
    await setup?.server.stop()
    await postern?.stop()
    await Promise.all([webui?.stop(), upstream?.stop()])
  })

  describe('the ban', () => {
    const from = (addresses: string, password: string) =>
      ask(door, '/v1/models', {
        headers: [['X-Forwarded-For', addresses], basic(password)],
      })

    test('hits the address that tailscaled saw, whatever the client put before it', async () => {
      for (let i = 1; i <= 5; i++) {
        expect((await from(`6.6.6.${i}, 203.0.113.9`, `wrong ${i}`)).status).toBe(401)
      }
      // A few wrong ones more are looked at, as a right one would pass.
      for (let i = 1; i <= 4; i++) await from('203.0.113.9', `another ${i}`)
      const banned = await from('203.0.113.10, 203.0.113.9', TEST_PASSWORDS.owner)
      expect(banned.status).toBe(429)
      expect(JSON.parse(banned.body)).toMatchObject({ error: { code: 'too_many_failures' } })
      expect((await from('203.0.113.10', TEST_PASSWORDS.owner)).status).toBe(200)
      expect((await from('203.0.113.9, 203.0.113.10', TEST_PASSWORDS.owner)).status).toBe(200)
    })

    test('never hits the proxy itself, behind which is everybody', async () => {
      for (let i = 1; i <= 8; i++) {
        const headers = [basic(`wrong ${i}`)]
        expect((await ask(door, '/v1/models', { headers })).status).toBe(401)
      }
      expect((await ask(door, '/v1/models', { headers: [owner] })).status).toBe(200)
    })
  })

  describe('the same request', () => {
    test.each([
      ['without credentials', []],
      ['with credentials', [owner.join(': ')]],
    ])('is answered as by the gateway alone in every spelling, %s', async (_, headers) => {
      await expectAlike({ gateway: postern.port, caddy: door.port ?? 0 }, webui, headers)
    })

    test('is refused as too large, not as a broken connection to the gateway', async () => {
      const head = [
        'POST /v1/chat/completions HTTP/1.1',
        'Host: 127.0.0.1',
        'Content-Type: application/json',
        `Content-Length: ${8 * megabyte}`,
        owner.join(': '),
      ]
      for (let i = 0; i < 20; i++) {
        expect(await post(door.port ?? 0, head, Buffer.alloc(8 * megabyte))).toBe(413)
      }
    })
  })

  describe('a stream', () => {
    const chat = (model: string) => {
      const headers = [owner, ['Content-Type', 'application/json']] as [string, string][]
      const body = JSON.stringify({ model, stream: true, messages: [] })
      return begin(door, '/v1/chat/completions', { method: 'POST', headers, body })
    }

    test('stops at the model server when the client leaves in the middle', async () => {
      const closed = upstream.closed(upstream.closes + 1)
      const { request, response } = await chat('slow')
      await once(response, 'data')
      const left = performance.now()
      request.destroy()
      await closed
      expect((upstream.closedAt.at(-1) ?? 0) - left).toBeLessThan(500)
    })
  })

  test('joins a WebSocket of Open WebUI through both', async () => {
    const socket = await upgrade(door, '/ws/socket.io/', `http://127.0.0.1:${door.port}`)
    socket.write('through both')
    const [echoed] = (await once(socket, 'data')) as [Buffer]
    expect(echoed.toString()).toBe('through both')
    socket.destroy()
  })
})
