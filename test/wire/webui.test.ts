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

  it('gets no header that a laxer server would take for one about this connection', async () => {
    const lines = [
      'Transfer_Encoding: chunked',
      'Content_Length: 5',
      'Keep_Alive: 5',
      'X_Api_Key: alice:alice-password',
      'X.Listed: 1',
      'Connection: X-Listed, close',
      'X_Own: kept',
    ]
    const { statuses } = await raw(
      gateway.port,
      `GET /odd HTTP/1.1\r\nHost: localhost\r\n${lines.join('\r\n')}\r\n\r\n`,
    )
    expect(statuses).toEqual([200])
    const names = Object.keys(last()?.headers ?? {})
    expect(names).toContain('x_own')
    expect(names.filter((name) => /[_.]/.test(name))).toEqual(['x_own'])
  })

  it.each([
    [(url: string) => `${url}/auth?next=%2F#top`, '/auth?next=%2F#top'],
    [(url: string) => `${url.replace('127.0.0.1', 'localhost')}/auth`, '/auth'],
    [(url: string) => `${url.replace('http:', '')}/auth`, '/auth'],
    [() => 'https://login.example.com/x', 'https://login.example.com/x'],
    [() => 'http://127.0.0.1:1/x', 'http://127.0.0.1:1/x'],
    [() => '/auth', '/auth'],
    [() => 'auth', 'auth'],
  ])('leads to the same path at our address where it leads to its own: %#', async (to, seen) => {
    const response = await fetch(
      `${gateway.url}/redirect?to=${encodeURIComponent(to(webui.url))}`,
      {
        redirect: 'manual',
      },
    )
    expect([response.status, response.headers.get('location')]).toEqual([307, seen])
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

  it.each([
    ['with Open WebUI', true],
    ['without', false],
  ])('shows people who are banned a page, and programs JSON, %s', async (_, there) => {
    const shut = await startTestGateway({
      ...(there && { webui: { url: webui.url } }),
      listeners: [{ name: 'proxy', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }],
      auth_failures: { max: 1 },
    })
    const from = { 'x-forwarded-for': '203.0.113.8' }
    await fetch(`${shut.url}/v1/models`, { headers: { ...from, 'x-api-key': 'alice:wrong' } })
    const seen = async (path: string, accept: string) => {
      const { status, headers } = await fetch(shut.url + path, { headers: { ...from, accept } })
      return [status, headers.get('content-type')?.split(';')[0], headers.has('retry-after')]
    }
    const browser = 'text/html,*/*;q=0.8'
    expect(await seen('/', browser)).toEqual([429, 'text/html', true])
    expect(await seen('/c/0193', browser)).toEqual([429, 'text/html', true])
    expect(await seen('/api/models', '*/*')).toEqual([429, 'application/json', true])
    expect(await seen('/v1/models', browser)).toEqual([429, 'application/json', true])
    await shut.stop()
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
    ['no Origin and a cookie', ''],
    ['a foreign Origin', 'Origin: https://evil.example\r\n'],
    ['a foreign Origin that ends like ours', 'Origin: http://localhost.evil.example\r\n'],
    ['the Origin null', 'Origin: null\r\n'],
  ])('with %s is refused before Open WebUI hears of it', async (_what, origin) => {
    const before = webui.upgrades.length
    const { statuses, closed } = await raw(
      gateway.port,
      upgrade('/ws/accept', `${origin}Cookie: token=1\r\n`),
    )
    expect(statuses).toEqual([403])
    expect(closed).toBe(true)
    expect(webui.upgrades.length).toBe(before)
  })

  it.each([
    ['cookies', 'Cookie: token=1\r\n'],
    ['a password of ours', `Authorization: Basic ${btoa('alice:alice-password')}\r\n`],
    ['a key of ours', 'x-api-key: alice:alice-password\r\n'],
    ['a page that is elsewhere', 'Origin: https://evil.example\r\n'],
  ])('without Origin is refused with %s, and told what to do', async (_what, headers) => {
    const { statuses, text } = await raw(gateway.port, upgrade('/ws/accept', headers))
    expect(statuses).toEqual([403])
    expect(text).toMatch(/allowed_hosts|must send Origin/)
  })

  it.each([
    ['nothing', ''],
    ['a token of Open WebUI', 'Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.x\r\n'],
    ['an app for a page', 'Origin: app://conduit\r\n'],
  ])('of a program with %s passes', async (_what, headers) => {
    const { statuses } = await raw(gateway.port, upgrade('/ws/accept', headers), 300)
    expect(statuses).toEqual([101])
  })

  it.each([
    ['http://localhost:80', 'localhost'],
    ['http://localhost', 'localhost:80'],
    ['https://localhost:443', 'localhost'],
    ['https://localhost', 'localhost:443'],
    ['https://LOCALHOST', 'localhost'],
  ])('of a page of %s is one of %s', async (origin, host) => {
    const request = upgrade('/ws/accept', `Origin: ${origin}\r\nCookie: token=1\r\n`)
    const { statuses } = await raw(gateway.port, request.replace('localhost', host), 300)
    expect(statuses).toEqual([101])
  })

  it.each([
    ['http://localhost:443', 'localhost'],
    ['https://localhost', 'localhost:80'],
    ['https://localhost:8443', 'localhost'],
  ])('of a page of %s is not one of %s', async (origin, host) => {
    const request = upgrade('/ws/accept', `Origin: ${origin}\r\nCookie: token=1\r\n`)
    const { statuses } = await raw(
      gateway.port,
      request.replace('Host: localhost', `Host: ${host}`),
    )
    expect(statuses).toEqual([403])
  })

  it('behind a proxy that changes Host is accepted where the browser itself says that it is ours', async () => {
    const headers =
      'Origin: https://chat.example.org\r\nSec-Fetch-Site: same-origin\r\nCookie: token=1\r\n'
    const { statuses } = await raw(gateway.port, upgrade('/ws/accept', headers), 300)
    expect(statuses).toEqual([101])
    const other = headers.replace('same-origin', 'cross-site')
    const refused = await raw(gateway.port, upgrade('/ws/accept', other))
    expect(refused.statuses).toEqual([403])
    expect(refused.text).toContain('\\"chat.example.org\\"')
    expect(refused.text).toContain('allowed_hosts')
  })

  it.each([
    ['version 12', '13', '12', 426],
    ['no version', 'Sec-WebSocket-Version: 13\r\n', '', 426],
    ['no key', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n', '', 400],
    ['a short key', 'dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25j', 400],
    ['a key that is not base64', 'dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZ%==', 400],
    ['a key with stray bits', 'dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZR==', 400],
    [
      'two keys',
      'Sec-WebSocket-Key',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key',
      400,
    ],
    ['HTTP/1.0', 'HTTP/1.1', 'HTTP/1.0', 400],
    ['POST', 'GET', 'POST', 400],
  ])('with %s is refused by us', async (_what, from, to, status) => {
    const [before, asked] = [webui.upgrades.length, webui.requests.length]
    const { statuses, text } = await raw(gateway.port, upgrade('/ws/accept', own).replace(from, to))
    expect(statuses).toEqual([status])
    if (status === 426) expect(text.toLowerCase()).toContain('\r\nsec-websocket-version: 13\r\n')
    expect([webui.upgrades.length, webui.requests.length]).toEqual([before, asked])
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

  it('survives resets of either side at any moment', async () => {
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

describe('WebSockets of one address', () => {
  let bounded: TestGateway
  beforeAll(async () => {
    bounded = await startTestGateway({
      webui: { url: webui.url },
      listeners: [{ name: 'proxy', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }],
      limits: { websockets: 12, websockets_per_client: 5 },
    })
  })
  afterAll(() => bounded.stop())
  const sockets = new Set<Socket>()
  /** The status; a joined one stays open. */
  const from = async (address: string, path = '/ws/accept'): Promise<number> => {
    const socket = connect(bounded.port, '127.0.0.1')
    socket.on('error', () => {})
    sockets.add(socket)
    socket.write(upgrade(path, `${own}X-Forwarded-For: ${address}\r\n`))
    const head: Buffer = await new Promise((resolve) => socket.once('data', resolve))
    return Number(/^HTTP\/1\.1 (\d+)/.exec(head.toString())?.[1])
  }
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }

  it('are bounded, and so are those of all addresses together', async () => {
    const five = await Promise.all(Array.from({ length: 20 }, () => from('203.0.113.1')))
    expect(five.filter((status) => status === 101)).toHaveLength(5)
    expect(five.filter((status) => status === 429)).toHaveLength(15)
    for (let i = 0; i < 5; i++) expect(await from('203.0.113.2')).toBe(101)
    expect([await from('203.0.113.3'), await from('203.0.113.3')]).toEqual([101, 101])
    expect(await from('203.0.113.3')).toBe(503)
    await close()
    expect(await from('203.0.113.1')).toBe(101)
    await close()
  })

  it('give their place back however they end', async () => {
    for (const path of ['/ws/refuse', '/ws/close', '/ws/half', '/ws/redirect']) {
      for (let i = 0; i < 4; i++) await from('203.0.113.4', path)
    }
    await close()
    for (let i = 0; i < 5; i++) expect(await from('203.0.113.4')).toBe(101)
    webui.sockets.at(-1)?.destroy()
    await until(() => [...sockets].some((socket) => socket.destroyed))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await from('203.0.113.4')).toBe(101)
    expect(await from('203.0.113.4')).toBe(429)
    await close()
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

  it('answers no name that is not its own', async () => {
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
