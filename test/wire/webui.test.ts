import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeWebui, startWebui } from '../support/fake-webui.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { raw, until } from '../support/raw.ts'

let webui: FakeWebui
let gateway: TestGateway
beforeAll(async () => {
  webui = await startWebui()
  gateway = await startTestGateway({
    webui: { url: webui.url },
    allowed_hosts: ['chat.example.com'],
    auth_failures: { max: 3 },
  })
})
afterAll(async () => {
  await gateway.stop()
  await webui.stop()
})

const last = () => webui.requests.at(-1)

describe('everything that is not ours', () => {
  it('goes to Open WebUI with its own credentials and cookies, and comes back whole', async () => {
    const response = await fetch(`${gateway.url}/api/v1/chats/?page=2`, {
      headers: { authorization: 'Bearer eyJhbGciOiJIUzI1NiJ9.e30.x', cookie: 'token=1' },
    })
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('GET /api/v1/chats/?page=2')
    expect(response.headers.getSetCookie()).toEqual(['token=1; HttpOnly', 'other=2'])
    expect(last()?.headers).toMatchObject({
      authorization: 'Bearer eyJhbGciOiJIUzI1NiJ9.e30.x',
      cookie: 'token=1',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': `127.0.0.1:${gateway.port}`,
    })
  })

  it('keeps gateway credentials and forged identities here', async () => {
    await fetch(`${gateway.url}/`, {
      headers: {
        authorization: `Basic ${btoa('alice:alice-password')}`,
        'x-forwarded-for': '6.6.6.6',
        'x-forwarded-email': 'admin@x',
        'tailscale-user-login': 'admin@x',
        'x-webauth-email': 'admin@x',
      },
    })
    expect(last()?.headers.authorization).toBeUndefined()
    expect(last()?.headers['x-forwarded-for']).toBe('127.0.0.1')
    for (const name of ['x-forwarded-email', 'tailscale-user-login', 'x-webauth-email']) {
      expect(last()?.headers).not.toHaveProperty(name)
    }
  })

  it('is told of TLS by a proxy that the listener trusts, and by nobody else', async () => {
    const proto = async (url: string) => {
      await fetch(url, { headers: { 'x-forwarded-proto': 'https' } })
      return last()?.headers['x-forwarded-proto']
    }
    expect(await proto(gateway.url)).toBe('http')
    const listener = { name: 'caddy', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }
    const behind = await startTestGateway({ webui: { url: webui.url }, listeners: [listener] })
    expect(await proto(behind.url)).toBe('https')
    await behind.stop()
  })

  it('does not count a foreign Bearer token as a failed guess', async () => {
    for (let i = 0; i < 6; i++) {
      await fetch(`${gateway.url}/api/models`, { headers: { authorization: 'Bearer expired' } })
    }
    expect(gateway.store.failures).toEqual([])
  })

  it('takes an upload larger than the limit for API bodies, as it comes', async () => {
    const size = 40 * 1024 * 1024
    const response = await fetch(`${gateway.url}/api/v1/files/`, {
      method: 'POST',
      body: new Uint8Array(size),
    })
    expect(await response.text()).toContain(`POST /api/v1/files/ ${size}`)
    expect(last()?.headers['content-length']).toBe(String(size))
    expect(last()?.headers['transfer-encoding']).toBeUndefined()
  })

  it('streams events without holding them back', async () => {
    const response = await fetch(`${gateway.url}/events`)
    const reader = response.body?.getReader()
    const first = await reader?.read()
    expect(new TextDecoder().decode(first?.value)).toBe('data: 1\n\n')
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('data: 2\n\n')
  })

  it.each([
    '/api/pull',
    '/api/push',
    '/api/create',
    '/api/delete',
    '/api/blobs/sha256',
    '/postern/api/x',
    '/aperture/config',
    '/metrics',
  ])('does not include %s', async (path) => {
    const before = webui.requests.length
    expect((await fetch(gateway.url + path, { method: 'POST' })).status).toBe(404)
    expect(webui.requests.length).toBe(before)
  })

  it('is a page that says so while Open WebUI is down, and JSON for programs', async () => {
    const gone = await startWebui()
    const lonely = await startTestGateway({ webui: { url: gone.url } })
    await gone.stop()
    const page = await fetch(`${lonely.url}/`, { headers: { accept: 'text/html' } })
    expect(page.status).toBe(502)
    expect(await page.text()).toContain('Open WebUI is not answering')
    const json = await fetch(`${lonely.url}/api/config`)
    expect(json.status).toBe(502)
    expect((await json.json()).error.code).toBe('upstream_error')
    await lonely.stop()
  })
})

const upgrade = (path: string, headers = '') =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers}\r\n`
const own = 'Origin: http://localhost\r\n'

/** An open WebSocket through the gateway, as a bare socket. */
const join = async (): Promise<Socket> => {
  const socket = connect(gateway.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(upgrade('/ws/socket.io/accept', own))
  const head: Buffer = await new Promise((resolve) => socket.once('data', resolve))
  expect(head.toString()).toMatch(/^HTTP\/1\.1 101 /)
  expect(head.toString()).toContain('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  return socket
}

describe('a WebSocket', () => {
  it('is joined byte for byte: frames are not looked at', async () => {
    const socket = await join()
    const bytes = Buffer.from([0xff, 0x00, 0x81, 0x7f, 0xff, 0xff, 0xff, 0xff, 1, 2, 3])
    socket.write(bytes)
    expect(await new Promise((resolve) => socket.once('data', resolve))).toEqual(bytes)
    socket.destroy()
  })

  it('begins right after the head of the answer, however short that is', async () => {
    const { text } = await raw(gateway.port, `${upgrade('/ws/bare', own)}frame`, 300)
    expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toBe('frame')
  })

  it.each([
    ['no Origin', ''],
    ['a foreign Origin', 'Origin: https://evil.example\r\n'],
    ['a foreign Origin that ends like ours', 'Origin: http://localhost.evil.example\r\n'],
    ['the Origin null', 'Origin: null\r\n'],
  ])('with %s is refused before Open WebUI hears of it (hazards 136)', async (_what, origin) => {
    const before = webui.upgrades.length
    const { statuses, closed } = await raw(
      gateway.port,
      upgrade('/ws/accept', `${origin}Cookie: token=1\r\n`),
    )
    expect(statuses).toEqual([403])
    expect(closed).toBe(true)
    expect(webui.upgrades.length).toBe(before)
  })

  it('is accepted from a host that the configuration allows', async () => {
    const { statuses } = await raw(
      gateway.port,
      upgrade('/ws/accept', 'Origin: https://chat.example.com\r\n'),
      200,
    )
    expect(statuses).toEqual([101])
  })

  it.each(['/ws/../v1/x', '//evil/ws'])(
    'does not get around the path rules by %s',
    async (path) => {
      const { statuses } = await raw(gateway.port, upgrade(path, own))
      expect(statuses).toEqual([400])
    },
  )

  it.each([
    ['refuse', 403],
    ['redirect', 502],
    ['close', 502],
    ['half', 502],
  ])(
    'that Open WebUI answers with %s ends in %i, and nothing of its words',
    async (how, status) => {
      const { statuses, text } = await raw(gateway.port, upgrade(`/ws/${how}`, own))
      expect(statuses).toEqual([status])
      expect(text).not.toContain('secret')
    },
  )

  it('survives resets of either side at any moment (hazards 139, 140)', async () => {
    for (let i = 0; i < 60; i++) {
      const socket = connect(gateway.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(upgrade(i % 3 === 0 ? '/ws/silent' : '/ws/accept', own))
      if (i % 2 === 0) await new Promise((resolve) => setTimeout(resolve, i % 5))
      socket.resetAndDestroy()
    }
    const open = await join()
    const theirs = webui.sockets.at(-1)
    theirs?.resetAndDestroy()
    await new Promise((resolve) => open.once('close', resolve))
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200)
  })

  it('is closed on both sides when one side goes', async () => {
    const socket = await join()
    const theirs = webui.sockets.at(-1)
    socket.destroy()
    await until(() => theirs?.destroyed === true)
  })
})

describe('a gateway that stops', () => {
  it('does not wait for pages that keep a WebSocket open', async () => {
    const stopping = await startTestGateway({ webui: { url: webui.url } })
    const socket = connect(stopping.port, '127.0.0.1')
    socket.write(upgrade('/ws/accept', own))
    await new Promise((resolve) => socket.once('data', resolve))
    const closed = new Promise((resolve) => socket.once('close', resolve))
    await stopping.gateway.stop(60_000)
    await closed
    await stopping.stop()
  })
})

describe('without Open WebUI', () => {
  it('/ leads to our own pages', async () => {
    const bare = await startTestGateway()
    const page = await fetch(`${bare.url}/`, { redirect: 'manual' })
    expect(page.status).toBe(303)
    expect(page.headers.get('location')).toBe('/ui')
    expect((await fetch(`${bare.url}/anything`)).status).toBe(404)
    await bare.stop()
  })

  it('answers no name that is not its own (hazards 87)', async () => {
    const bare = await startTestGateway({ allowed_hosts: ['machine.tail1234.ts.net'] })
    const status = async (host: string) =>
      (await raw(bare.port, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`))
        .statuses[0]
    expect(await status('evil.example')).toBe(421)
    expect(await status('machine.tail1234.ts.net')).toBe(303)
    expect(await status('127.0.0.1:8787')).toBe(303)
    await bare.stop()
  })
})
