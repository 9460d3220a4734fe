import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startUpstream } from '../support/fake-upstream.ts'
import { ownPage, page, type Site, startSite, type Visitor } from './browser.ts'

let upstream: Awaited<ReturnType<typeof startUpstream>>
let site: Site
let alice: Visitor
beforeAll(async () => {
  upstream = await startUpstream()
  site = await startSite({
    providers: { local: { baseurl: upstream.url, models: ['local-llm'] } },
    auth_failures: { max: 3 },
  })
  alice = await site.visitor('alice')
})
afterAll(async () => {
  await site.gateway.stop()
  await upstream.stop()
})

describe('without Open WebUI', () => {
  it('leads who is not known from / to a login, and from there to the page they wanted', async () => {
    const stranger = await site.visitor()
    expect((await stranger.get('/')).headers.get('location')).toBe('/ui')
    const away = await stranger.get('/ui/models?q=x')
    expect(away.status).toBe(303)
    expect(away.headers.get('location')).toBe('/postern/login?to=%2Fui%2Fmodels%3Fq%3Dx')
    expect(await stranger.read('/postern/login?to=%2Fui%2Fmodels')).toContain('value="/ui/models"')
  })

  it('tells programs 401, without a window for a password', async () => {
    const response = await fetch(`${site.gateway.url}/ui/models`)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Cookie realm="postern"')
  })

  it('shows somebody without a role why they see nothing', async () => {
    const bob = await site.visitor('bob')
    const response = await bob.get('/ui/models')
    expect(response.status).toBe(403)
    expect(await response.text()).toContain('nothing has been granted to that login')
  })

  it('signs out where one signed in, and leaves alone what others keep in the browser', async () => {
    const form = { method: 'POST', headers: { ...page, ...ownPage }, redirect: 'manual' } as const
    const response = await fetch(`${site.gateway.url}/postern/logout`, form)
    expect(response.status).toBe(303)
    expect(response.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^postern-session=; .*Max-Age=0/),
    ])
    expect(response.headers.has('clear-site-data')).toBe(false)
  })

  it('guesses at the login are counted like all others', async () => {
    const guess = () =>
      fetch(`${site.gateway.url}/postern/login`, {
        method: 'POST',
        headers: { ...page, ...ownPage },
        body: new URLSearchParams({ user: 'alice', password: 'no' }),
      })
    expect((await guess()).status).toBe(401)
    expect(site.gateway.store.failures.at(-1)?.reason).toBe('wrong_password')
  })
})

describe('every page', () => {
  it('loads nothing from elsewhere, runs nothing inline, is in no frame and is not kept', async () => {
    const response = await alice.get('/ui/models')
    expect(response.headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    )
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    const text = await response.text()
    expect(text).not.toMatch(/<script(?![^>]*src=)|\son\w+=|\sstyle=|javascript:|https?:\/\//)
  })

  it('has its files under a path that changes with them, for browsers to keep', async () => {
    const text = await alice.read('/ui/models')
    const files = [...text.matchAll(/(?:src|href)="(\/ui\/assets\/[^"]+)"/g)].map(([, at]) => at)
    expect(files.length).toBeGreaterThan(2)
    for (const file of files) {
      const response = await fetch(`${site.gateway.url}${file}`)
      expect(response.status).toBe(200)
      expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
      expect(response.headers.get('content-type')).toMatch(
        /^(?:text\/(?:css|javascript)|image\/svg)/,
      )
    }
    const old = `${site.gateway.url}/ui/assets/0000/style.css`
    expect((await fetch(old)).headers.get('cache-control')).toBe('no-store')
    for (const name of ['constructor', '__proto__', '..%2fassets.ts', 'none.js']) {
      const response = await fetch(`${site.gateway.url}/ui/assets/0000/${name}`)
      expect([400, 404]).toContain(response.status)
    }
  })

  it('shows a user the pages that are for users', async () => {
    const text = await alice.read('/ui/models')
    expect(text).toContain('aria-current="page"')
    expect(text).toContain('alice@example.com')
    expect(text).not.toContain('<h2>Admin</h2>')
  })
})

describe('the way in to models', () => {
  const chat = (headers: Record<string, string>) =>
    fetch(`${site.gateway.url}/ui/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model: 'local/local-llm', messages: [] }),
    })

  it('is on the ledger in the name of who is signed in', async () => {
    const response = await alice.send('POST', '/ui/v1/chat/completions', {
      model: 'local/local-llm',
      messages: [{ role: 'user', content: 'hi' }],
    })
    expect(response.status).toBe(200)
    await response.text()
    expect(site.gateway.store.usage.at(-1)).toMatchObject({
      login: 'alice@example.com',
      route: '/ui/v1/chat/completions',
      model: 'local/local-llm',
      outcome: 'ok',
    })
  })

  it.each([
    ['says nothing of where it comes from', {}],
    ['is of another site', { 'sec-fetch-site': 'cross-site' }],
    ['is of a neighbour', { 'sec-fetch-site': 'same-site' }],
    ['has another origin', { origin: 'https://evil.example' }],
  ])('is shut to a page that %s', async (_what, headers) => {
    const basic = { authorization: `Basic ${btoa('alice:alice-password')}` }
    const before = upstream.requests.length
    expect((await chat({ ...basic, ...headers })).status).toBe(403)
    expect(upstream.requests.length).toBe(before)
  })

  it('of programs knows no session', async () => {
    const response = await alice.send('POST', '/v1/chat/completions', { model: 'm', messages: [] })
    expect(response.status).toBe(401)
  })
})
