import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LocalApi } from '../../src/platform/platform.ts'
import { type FakeWebui, startWebui } from '../support/fake-webui.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { raw } from '../support/raw.ts'

const host = 'chat.example.com'
const page = { accept: 'text/html,application/xhtml+xml' }

let webui: FakeWebui
let gateway: TestGateway
const config = () => ({
  webui: {
    url: webui.url,
    sso: 'trusted-header',
    headers: { email: 'X-Chat-Email', groups: 'Chat-Groups' },
  },
  groups: { 'group:board': ['alice@example.com'], 'group:a,b': ['alice@example.com'] },
  // A proxy on loopback, so that clients have addresses of their own.
  listeners: [{ name: 'front', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }],
})
beforeAll(async () => {
  webui = await startWebui()
  gateway = await startTestGateway(config())
})
afterAll(async () => {
  await gateway.stop()
  await webui.stop()
})

const last = () => webui.requests.at(-1)
let addresses = 0
/** A client nobody has heard of. */
const stranger = (): string => {
  addresses += 1
  return `203.0.113.${addresses}`
}

interface Ask {
  readonly from?: string
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly secure?: boolean
}

const ask = (path: string, { from, method = 'GET', headers, body, secure = true }: Ask = {}) =>
  fetch(gateway.url + path, {
    method,
    redirect: 'manual',
    headers: {
      'x-forwarded-for': from ?? '203.0.113.250',
      'x-forwarded-proto': secure ? 'https' : 'http',
      ...headers,
    },
    ...(body !== undefined && { body }),
  })

const form = {
  'content-type': 'application/x-www-form-urlencoded',
  'sec-fetch-site': 'same-origin',
}

const login = (fields: Record<string, string>, options: Ask = {}) =>
  ask('/postern/login', {
    method: 'POST',
    body: new URLSearchParams(fields).toString(),
    ...options,
    headers: { ...page, ...form, ...options.headers },
  })

const alice = { user: 'alice', password: 'alice-password' }

/** `name=value` of the session that a login gives. */
const signedIn = async (fields = alice, options: Ask = {}): Promise<string> => {
  const response = await login(fields, options)
  expect(response.status).toBe(303)
  return response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
}

describe('a browser without any proof', () => {
  it('is shown the login page, and led back from it', async () => {
    const before = webui.requests.length
    const response = await ask('/c/42?model=a%20b', { headers: page })
    expect(response.status).toBe(303)
    expect(response.headers.get('location')).toBe('/postern/login?to=%2Fc%2F42%3Fmodel%3Da%2520b')
    const shown = await ask(response.headers.get('location') ?? '', { headers: page })
    expect(shown.status).toBe(200)
    expect(await shown.text()).toContain('name="to" value="/c/42?model=a%20b"')
    const signed = await login({ ...alice, to: '/c/42?model=a%20b' })
    expect(signed.headers.get('location')).toBe('/c/42?model=a%20b')
    expect(webui.requests.length).toBe(before)
  })

  it.each([
    ['a script', 'GET', {}],
    ['a form', 'POST', page],
    ['an event stream', 'GET', { accept: 'text/event-stream' }],
  ])(
    'gets a 401 in JSON, and no window of the browser’s own, for %s',
    async (_what, method, headers) => {
      const before = webui.requests.length
      const response = await ask('/api/config', { method, headers })
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).not.toMatch(/basic/i)
      expect(webui.requests.length).toBe(before)
      if (method === 'GET') expect((await response.json()).error.code).toBe('invalid_credentials')
    },
  )

  it('is not counted as a guess, however often it comes', async () => {
    const from = stranger()
    for (let i = 0; i < 8; i++) {
      await ask('/', { from, headers: page })
      await ask('/api/models', { from, headers: { authorization: 'Bearer eyJ.of.openwebui' } })
    }
    expect((await login(alice, { from })).status).toBe(303)
  })
})

describe('who has proven who they are', () => {
  it.each([
    ['a session', async () => ({ cookie: `theme=dark; ${await signedIn()}; token=x` })],
    ['a password', () => ({ authorization: `Basic ${btoa('alice:alice-password')}` })],
    ['a password as Bearer', () => ({ authorization: 'Bearer alice:alice-password' })],
    ['a password as x-api-key', () => ({ 'x-api-key': 'alice:alice-password' })],
  ])('by %s is told to Open WebUI, without what proved it', async (_what, headers) => {
    const response = await ask('/', { headers: await headers() })
    expect(response.status).toBe(200)
    expect(last()?.headers).toMatchObject({
      'x-chat-email': 'alice@example.com',
      'x-postern-user-name': 'alice',
      'chat-groups': 'family,board',
    })
    expect(JSON.stringify(last()?.headers)).not.toMatch(/postern-session|alice-password|YWxpY2U/)
  })

  it('keeps the cookies of Open WebUI', async () => {
    await ask('/', { headers: { cookie: `theme=dark; ${await signedIn()}; token=x` } })
    expect(last()?.headers.cookie).toBe('theme=dark; token=x')
    await ask('/', { headers: { cookie: await signedIn() } })
    expect(last()?.headers).not.toHaveProperty('cookie')
  })

  it('and sends Open WebUI’s own token with it, has it passed on, as neither proof nor guess', async () => {
    const from = stranger()
    const token = 'Bearer eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEifQ.x'
    const cookie = await signedIn()
    for (let i = 0; i < 8; i++) {
      const response = await ask('/api/v1/chats', {
        from,
        headers: { cookie, authorization: token },
      })
      expect(response.status).toBe(200)
    }
    expect(last()?.headers).toMatchObject({
      authorization: token,
      'x-chat-email': 'alice@example.com',
    })
    const byKey = { 'x-api-key': 'alice:alice-password', authorization: 'Bearer sk-of-open-webui' }
    expect((await ask('/api/v1/chats', { headers: byKey })).status).toBe(200)
    expect(last()?.headers.authorization).toBe('Bearer sk-of-open-webui')
  })

  it('cannot say they are somebody else, in any spelling', async () => {
    const cookie = await signedIn()
    const names = [
      'x-chat-email',
      'x-chat_email',
      'x.chat.email',
      'X_CHAT_EMAIL',
      'chat_groups',
      'Chat.Groups',
    ]
    for (const name of names) {
      const headers = { cookie, [name]: 'owner@example.com' }
      expect((await ask('/', { headers })).status).toBe(200)
      const values = Object.values(last()?.headers ?? {}).join(' ')
      expect(values).not.toContain('owner')
      expect(last()?.headers['x-chat-email']).toBe('alice@example.com')
    }
  })

  it('cannot by saying it twice, or together with Connection, either', async () => {
    const cookie = await signedIn()
    const { text } = await raw(
      gateway.port,
      [
        'GET /twice HTTP/1.1',
        `Host: ${host}`,
        'X-Forwarded-For: 203.0.113.9',
        'X-Forwarded-Proto: https',
        'X-Chat-Email: owner',
        'x-chat-email: owner',
        'Connection: close, X-Chat-Email, Chat-Groups',
        `Cookie: ${cookie}`,
        '',
        '',
      ].join('\r\n'),
    )
    expect(text).toContain('200 OK')
    expect(last()?.headers['x-chat-email']).toBe('alice@example.com')
    expect(last()?.headers['chat-groups']).toBe('family,board')
  })

  it('with names of the gateway’s own in another spelling is refused', async () => {
    for (const name of ['X-Postern_User-Email', 'x.postern.user.name', 'Tailscale_User_Login']) {
      expect((await ask('/', { headers: { [name]: 'owner' } })).status).toBe(400)
    }
  })

  it('but has no role, is told so, and by whom they are known', async () => {
    const cookie = await signedIn({ user: 'bob', password: 'bob-password' })
    const before = webui.requests.length
    const shown = await ask('/', { headers: { ...page, cookie } })
    expect(shown.status).toBe(403)
    expect(await shown.text()).toMatch(/signed in as bob.*Sign out/s)
    const told = await ask('/api/config', { headers: { cookie } })
    expect(told.status).toBe(403)
    expect((await told.json()).error.code).toBe('no_role')
    expect(webui.requests.length).toBe(before)
  })

  it('has an address of our own at Open WebUI where the login is none', async () => {
    await ask('/', { headers: { authorization: `Basic ${btoa('owner:owner-password')}` } })
    expect(last()?.headers['x-chat-email']).toBe('owner@postern.local')
    expect(last()?.headers).not.toHaveProperty('chat-groups')
  })
})

describe('a bad proof', () => {
  it.each([
    ['a wrong password', { authorization: `Basic ${btoa('alice:no')}` }],
    ['a wrong password as Bearer', { authorization: 'Bearer alice:no' }],
    ['a key that is none', { 'x-api-key': 'no-key' }],
    ['what cannot be read', { authorization: 'Basic ????' }],
  ])('does not fall through to a good session: %s', async (_what, headers) => {
    const before = webui.requests.length
    const cookie = await signedIn()
    const response = await ask('/', { from: stranger(), headers: { ...page, ...headers, cookie } })
    expect(response.status).toBe(401)
    expect(webui.requests.length).toBe(before)
  })

  it.each([
    '%00',
    'x'.repeat(8000),
    'a.b.c',
    '"quoted"',
    'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.',
    '',
    '=',
  ])('is not a session and no error: %.20j', async (value) => {
    const cookie = `__Host-postern-session=${value}`
    const response = await ask('/', { headers: { ...page, cookie } })
    expect(response.status).toBe(303)
    expect((await ask('/api/config', { headers: { cookie } })).status).toBe(401)
  })

  it('is a good session twice, or one good and one bad: nobody knows who set which', async () => {
    const cookie = await signedIn()
    for (const other of [cookie, '__Host-postern-session=x']) {
      for (const both of [`${cookie}; ${other}`, `${other}; ${cookie}`]) {
        expect((await ask('/', { headers: { ...page, cookie: both } })).status).toBe(303)
      }
    }
  })

  it('is a session of plain HTTP over TLS, and the other way round', async () => {
    const secure = await signedIn()
    const plain = await signedIn(alice, { secure: false })
    expect(plain).toMatch(/^postern-session=/)
    expect((await ask('/', { headers: { cookie: plain }, secure: false })).status).toBe(200)
    expect((await ask('/', { headers: { cookie: plain } })).status).toBe(401)
    expect((await ask('/', { headers: { cookie: secure }, secure: false })).status).toBe(401)
  })

  it('is a session on the API', async () => {
    const cookie = await signedIn()
    for (const path of ['/v1/models', '/models', '/v1/chat/completions', '/v1beta/x']) {
      expect((await ask(path, { headers: { cookie } })).status).toBe(401)
      const token = cookie.slice(cookie.indexOf('=') + 1)
      const from = stranger()
      const bearer = { authorization: `Bearer ${token}` }
      expect((await ask(path, { from, headers: bearer })).status).toBe(401)
    }
  })
})

describe('signing in', () => {
  it('gives a cookie for this host alone, out of reach of scripts', async () => {
    const response = await login(alice)
    expect(response.headers.get('location')).toBe('/')
    expect(response.headers.getSetCookie()).toEqual([
      expect.stringMatching(
        /^__Host-postern-session=[\w.-]+; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure$/,
      ),
    ])
    const plain = await login(alice, { secure: false })
    expect(plain.headers.getSetCookie()[0]).toMatch(/^postern-session=[^;]+; Path=\/;(?!.*Secure)/)
  })

  it('says on the page what was wrong, keeps the name, and never the password', async () => {
    const response = await login(
      { user: 'ali"<b>ce', password: 'not-it', to: '/c/1' },
      { from: stranger() },
    )
    expect(response.status).toBe(401)
    // Or browsers would ask in a window of their own.
    expect(response.headers.has('www-authenticate')).toBe(false)
    const text = await response.text()
    expect(text).toContain('User name or password is wrong.')
    expect(text).toContain('value="ali&quot;&lt;b&gt;ce"')
    expect(text).toContain('value="/c/1"')
    expect(text).not.toContain('not-it')
  })

  it.each([
    { user: 'alice', password: '' },
    { user: '', password: 'x' },
    { user: 'a\nb', password: 'x' },
    {},
  ])('needs both fields, and no control characters: %j', async (fields) => {
    const before = gateway.store.failures.length
    expect((await login(fields as Record<string, string>)).status).toBe(401)
    // Reported like any other refusal, and no guess.
    expect(gateway.store.failures.slice(before).map(({ reason }) => reason)).toEqual(['malformed'])
  })

  it('is JSON for programs', async () => {
    const wrong = await login(
      { user: 'alice', password: 'no' },
      { from: stranger(), headers: { accept: '*/*' } },
    )
    expect(wrong.status).toBe(401)
    expect((await wrong.json()).error.code).toBe('invalid_credentials')
  })

  it.each([
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    'https://evil.example/',
    'https:evil.example',
    'javascript:alert(1)',
    'data:text/html,x',
    ' //evil.example',
    '/%2f/evil.example',
    '/%5cevil.example',
    '/.//evil.example',
    '/a/../..//evil.example',
    '/x\r\nset-cookie: a=b',
    '/\tevil',
    '?x',
    'evil',
    '/postern/logout',
    '/postern/login?to=/x',
    `/${'x'.repeat(3000)}`,
  ])('leads nowhere else: %.40j', async (to) => {
    expect((await login({ ...alice, to })).headers.get('location')).toBe('/')
    const cookie = await signedIn()
    const known = await ask(`/postern/login?to=${encodeURIComponent(to)}`, { headers: { cookie } })
    expect(known.status).toBe(303)
    expect(known.headers.get('location')).toBe('/')
  })

  it.each([
    ['another site', { 'sec-fetch-site': 'cross-site', origin: 'https://chat.example.com' }],
    ['a neighbour', { 'sec-fetch-site': 'same-site' }],
    ['another origin', { 'sec-fetch-site': undefined, origin: 'https://evil.example' }],
    ['no origin', { 'sec-fetch-site': undefined, origin: 'null' }],
    ['nowhere', { 'sec-fetch-site': undefined }],
  ])('is refused from %s, logging out as well', async (_what, said) => {
    const raw = Object.fromEntries(
      Object.entries({ ...form, ...said }).filter(([, value]) => value !== undefined),
    ) as Record<string, string>
    for (const path of ['/postern/login', '/postern/logout']) {
      const body = new URLSearchParams(alice).toString()
      const response = await ask(path, { method: 'POST', headers: raw, body })
      expect(response.status).toBe(403)
      expect(response.headers.getSetCookie()).toEqual([])
    }
  })

  it('is accepted by Origin where a browser says no more', async () => {
    const { 'sec-fetch-site': _, ...headers } = form
    const own = { ...headers, origin: gateway.url }
    const body = new URLSearchParams(alice).toString()
    expect((await ask('/postern/login', { method: 'POST', headers: own, body })).status).toBe(303)
  })

  it('takes a small form and nothing else', async () => {
    const post = (body: string, type = 'application/x-www-form-urlencoded') =>
      ask('/postern/login', { method: 'POST', body, headers: { ...form, 'content-type': type } })
    expect((await post('x'.repeat(4097))).status).toBe(413)
    expect((await post('{}', 'application/json')).status).toBe(415)
    expect((await post('x', 'text/plain')).status).toBe(415)
    expect((await post('user=alice&user=bob&password=alice-password')).status).toBe(400)
    expect((await ask('/postern/login', { method: 'PUT' })).status).toBe(404)
  })

  it('shuts an address out after five wrong passwords, and nobody else', async () => {
    const from = stranger()
    const cookie = await signedIn()
    const before = gateway.store.failures.length
    for (let i = 0; i < 5; i++) {
      expect((await login({ user: 'alice', password: `no-${i}` }, { from })).status).toBe(401)
    }
    expect(gateway.store.failures.slice(before).map(({ reason }) => reason)).toEqual(
      Array(5).fill('wrong_password'),
    )
    const wrong = await login({ user: 'alice', password: 'no-5' }, { from })
    expect(wrong.status).toBe(429)
    expect(wrong.headers.get('content-type')).toMatch(/^text\/html/)
    expect(Number(wrong.headers.get('retry-after'))).toBeGreaterThan(800)
    // Neither a session nor a password of one's own makes room for guesses in a form.
    const own = { cookie, authorization: `Basic ${btoa('alice:alice-password')}` }
    for (let i = 6; i < 12; i++) {
      const more = { user: 'alice', password: `no-${i}` }
      expect((await login(more, { from, headers: own })).status).toBe(429)
    }
    expect((await login({ user: 'bob', password: 'bob-password' }, { from })).status).toBe(429)
    expect((await ask('/v1/models', { from, headers: { cookie } })).status).toBe(401)
    const guess = { cookie, 'x-api-key': 'no-key' }
    expect((await ask('/', { from, headers: guess })).status).toBe(429)
    // Who shares the address and is signed in goes on; so does everybody elsewhere.
    expect((await ask('/', { from, headers: { cookie } })).status).toBe(200)
    expect((await ask('/', { from, headers: page })).status).toBe(429)
    expect((await login(alice, { from: stranger() })).status).toBe(303)
  })
})

describe('a ban of an earlier life', () => {
  it('leaves the form to who can fill it in, and to few guesses', async () => {
    const from = stranger()
    const own = { authorization: `Basic ${btoa('alice:alice-password')}` }
    expect((await ask('/', { from, headers: own })).status).toBe(200)
    const now = Date.now()
    gateway.store.changeBans([
      {
        address: from,
        cause: 'auth_failures',
        level: 1,
        startedAt: now,
        until: now + 60_000,
        note: '',
      },
    ])
    expect((await ask('/', { from, headers: own })).status).toBe(200)
    for (let i = 0; i < 9; i++) {
      const guess = { user: 'bob', password: `no-${i}` }
      expect((await login(guess, { from, headers: own })).status).toBe(429)
    }
    expect((await ask('/postern/login', { from, headers: page })).status).toBe(200)
    expect((await login(alice, { from })).status).toBe(303)
    gateway.store.changeBans([])
  })
})

describe('a session', () => {
  it('sends on who opens the login page', async () => {
    const cookie = await signedIn()
    const response = await ask('/postern/login?to=/c/1', { headers: { ...page, cookie } })
    expect(response.status).toBe(303)
    expect(response.headers.get('location')).toBe('/c/1')
  })

  it('ends with signing out, and so does what Open WebUI keeps in the browser', async () => {
    const asked = await ask('/postern/logout', { headers: page })
    expect(await asked.text()).toContain('action="/postern/logout"')
    const response = await ask('/postern/logout', {
      method: 'POST',
      headers: { ...form, cookie: await signedIn() },
    })
    expect(response.status).toBe(303)
    expect(response.headers.get('location')).toBe('/postern/login')
    expect(response.headers.getSetCookie()).toEqual([
      '__Host-postern-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure',
      'token=; Path=/; Max-Age=0',
    ])
    expect(response.headers.get('clear-site-data')).toBe('"storage"')
  })

  it('ends when the password is changed, with the reload', async () => {
    const own = await startTestGateway(config())
    const body = new URLSearchParams(alice).toString()
    const headers = { ...form, 'x-forwarded-for': '198.51.100.1' }
    const signed = await fetch(`${own.url}/postern/login`, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
    })
    const cookie = signed.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    const status = async () =>
      (await fetch(own.url, { headers: { ...headers, cookie }, redirect: 'manual' })).status
    expect(await status()).toBe(200)
    await own.reload({})
    expect(await status()).toBe(200)
    const password = '$2b$04$n3mhc6MVrV1D/iKLYXB24Obnl87nnlYUSIEOZ750jwsjodtPmAAqe'
    await own.reload({ users: { alice: { password, login: 'alice@example.com' } } })
    expect(await status()).toBe(401)
    await own.stop()
  })

  it('is renewed by a page once it is a day old, and by nothing else', async () => {
    let ahead = 0
    const clock = { now: () => Date.now() + ahead, elapsed: () => performance.now() }
    const own = await startTestGateway(config(), { platform: { clock } })
    const get = (headers: Record<string, string>) =>
      fetch(own.url, { headers: { 'x-forwarded-for': '198.51.100.1', ...headers } })
    const body = new URLSearchParams(alice).toString()
    const signed = await fetch(`${own.url}/postern/login`, {
      method: 'POST',
      headers: { ...form, 'x-forwarded-for': '198.51.100.1' },
      body,
      redirect: 'manual',
    })
    const cookie = signed.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    const names = async (headers: Record<string, string>) =>
      (await get(headers)).headers.getSetCookie().map((line) => line.split('=')[0])
    expect(await names({ ...page, cookie })).toEqual(['token', 'other'])
    ahead = 25 * 3_600_000
    expect(await names({ cookie })).toEqual(['token', 'other'])
    expect(
      await names({ ...page, cookie, authorization: `Basic ${btoa('alice:alice-password')}` }),
    ).toEqual(['token', 'other'])
    expect(await names({ ...page, cookie })).toEqual(['token', 'other', 'postern-session'])
    await own.stop()
  })
})

describe('our pages', () => {
  it.each(['/postern/login', '/postern/logout'])(
    'run no script and stand in no frame: %s',
    async (path) => {
      const response = await ask(path, { headers: page })
      const policy = response.headers.get('content-security-policy') ?? ''
      expect(policy).toMatch(
        /^default-src 'none'; style-src 'sha256-[^']+'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/,
      )
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      const text = await response.text()
      expect(text).not.toContain('<script')
      const style = /<style>(.*?)<\/style>/s.exec(text)?.[1] ?? ''
      const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(style))
      expect(policy).toContain(`'sha256-${Buffer.from(digest).toString('base64')}'`)
    },
  )
})

const upgrade = (headers: readonly string[]) =>
  [
    'GET /ws/accept HTTP/1.1',
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'X-Forwarded-For: 203.0.113.9',
    'X-Forwarded-Proto: https',
    ...headers,
    '',
    '',
  ].join('\r\n')

describe('a WebSocket', () => {
  const own = `Origin: https://${host}`

  it('is joined with a proof, and Open WebUI is told whose it is', async () => {
    const cookie = await signedIn()
    const forged = ['X-Chat-Email: owner', 'x.chat.email: owner']
    const { statuses } = await raw(
      gateway.port,
      upgrade([own, `Cookie: ${cookie}; token=x`, ...forged]),
      200,
    )
    expect(statuses).toEqual([101])
    const seen = webui.upgrades.at(-1)
    expect(seen?.headers).toMatchObject({ 'x-chat-email': 'alice@example.com', cookie: 'token=x' })
    expect(seen?.rawHeaders.join(' ')).not.toContain('owner')
  })

  it.each([
    ['without a proof', [own], 401],
    ['with a bad session', [own, 'Cookie: __Host-postern-session=x'], 401],
    ['with a wrong password', [own, `Authorization: Basic ${btoa('alice:no')}`], 401],
    ['without a proof from an evil page', ['Origin: https://evil.example'], 401],
  ])('%s is refused', async (_what, headers, status) => {
    const before = webui.upgrades.length
    const { statuses } = await raw(gateway.port, upgrade([...headers, 'Accept: text/html']))
    expect(statuses).toEqual([status])
    expect(webui.upgrades.length).toBe(before)
  })

  it.each(['Origin: https://evil.example', 'Origin: null', 'X-No: origin'])(
    'with a proof, but %s, is refused',
    async (origin) => {
      const before = webui.upgrades.length
      const cookie = await signedIn()
      const { statuses } = await raw(gateway.port, upgrade([origin, `Cookie: ${cookie}`]))
      expect(statuses).toEqual([403])
      expect(webui.upgrades.length).toBe(before)
    },
  )
})

describe('who is on the tailnet', () => {
  const whois: LocalApi = async ({ path }) => {
    const known = {
      Node: { Name: 'laptop.tail.test.', ComputedName: 'laptop' },
      UserProfile: { ID: 2, LoginName: 'alice@example.com', DisplayName: 'Jürgen Groß' },
    }
    const status = { Version: '1.102.3', BackendState: 'Running', TUN: true }
    return {
      status: 200,
      etag: null,
      body: JSON.stringify(path.includes('/status') ? status : known),
    }
  }
  const serve = {
    mode: 'both',
    listeners: [{ name: 'tailnet', bind: '127.0.0.1:0', identity: 'serve' }],
    grants: [
      {
        src: ['alice@example.com'],
        app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] },
      },
    ],
  }
  const fromServe = {
    'x-forwarded-for': '100.64.0.2',
    'x-forwarded-host': 'machine.tail.test',
    'x-forwarded-proto': 'https',
    'tailscale-user-login': 'alice@example.com',
    'tailscale-user-name': '=?utf-8?q?J=C3=BCrgen_Gro=C3=9F?=',
  }

  it('is signed in without a login page, by the name that tailscaled tells', async () => {
    const options = { platform: { tailscale: whois } }
    const door = await startTestGateway({ ...config(), ...serve }, options)
    const get = (path: string, headers: Record<string, string>) =>
      fetch(door.url + path, { headers: { ...page, ...headers }, redirect: 'manual' })
    expect((await get('/', fromServe)).status).toBe(200)
    expect(last()?.headers).toMatchObject({
      'x-chat-email': 'alice@example.com',
      'x-postern-user-name': 'J%C3%BCrgen%20Gro%C3%9F',
      'chat-groups': 'board,family',
    })
    expect(Object.keys(last()?.headers ?? {}).join()).not.toContain('tailscale')
    expect((await get('/postern/login?to=/c/1', fromServe)).headers.get('location')).toBe('/c/1')
    const { 'tailscale-user-login': _, 'tailscale-user-name': __, ...rest } = fromServe
    const funnel = { ...rest, 'x-forwarded-for': '203.0.113.1', 'tailscale-funnel-request': '?1' }
    expect((await get('/', funnel)).headers.get('location')).toBe('/postern/login')
    await door.stop()
  })
})

describe('Open WebUI with a login of its own', () => {
  it('is told nothing of who is calling, and asked for by everybody', async () => {
    const off = await startTestGateway({ webui: { url: webui.url } })
    const headers = {
      authorization: `Basic ${btoa('alice:alice-password')}`,
      'x-postern-user-email': 'owner',
    }
    expect((await fetch(off.url, { headers })).status).toBe(200)
    expect(Object.keys(last()?.headers ?? {}).filter((name) => name.includes('user-'))).toEqual([
      'user-agent',
    ])
    await off.stop()
  })
})

describe('Open WebUI that the public door does not show', () => {
  it('is not there for who is signed in either', async () => {
    const hidden = await startTestGateway({
      ...config(),
      webui: { ...config().webui, public: false },
    })
    const headers = { ...page, 'x-forwarded-for': '198.51.100.1', cookie: await signedIn() }
    const response = await fetch(`${hidden.url}/`, { headers, redirect: 'manual' })
    expect(response.status).toBe(404)
    await hidden.stop()
  })
})
