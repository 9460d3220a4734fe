import { describe, expect, it } from 'vitest'
import { aliceHeaders, chat, together } from '../support/setup.ts'

const app = 'https://app.example.com'
const other = 'https://other.example.com'
const capability = (...entries: object[]) => ({ 'tailscale.com/cap/aperture': entries })

const t = together({
  config: {
    grants: [
      { src: ['alice@example.com'], app: capability({ role: 'user', models: '**' }) },
      {
        src: ['alice@example.com'],
        app: capability({
          models: '**',
          set_cors: true,
          cors_paths: ['/v1/chat/*', '/v1/models'],
          'Access-Control-Allow-Origin': `HTTPS://App.Example.com, ${other}`,
        }),
      },
      {
        src: ['owner'],
        app: capability(
          { role: 'admin', models: '**' },
          {
            set_cors: true,
            cors_paths: ['/v1/embeddings'],
            'Access-Control-Allow-Origin': '*',
            'Access-Control-Allow-Methods': 'POST',
            'Access-Control-Allow-Headers': 'Authorization, Content-Type',
          },
        ),
      },
      {
        src: ['owner'],
        via: ['tailnet'],
        app: capability({
          set_cors: true,
          'Access-Control-Allow-Origin': 'https://inside.example',
        }),
      },
    ],
  },
})

const preflight = (origin: string, path = '/v1/chat/completions', headers: object = {}) =>
  fetch(`${t.url}${path}`, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST', ...headers },
  })
const corsOf = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control')))

describe('a browser that asks before it sends', () => {
  it('is told yes for an origin and path that a grant names', async () => {
    const asked = { 'access-control-request-headers': 'authorization, x-stainless-os' }
    const response = await preflight(app, '/v1/chat/completions', asked)
    expect(response.status).toBe(204)
    expect(corsOf(response)).toEqual({
      'access-control-allow-origin': app,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'authorization, x-stainless-os',
      'access-control-max-age': '600',
    })
    expect(response.headers.get('vary')).toContain('origin')
  })

  it('hears the methods and headers of the grant, and * only where the grant says *', async () => {
    expect(corsOf(await preflight('https://anybody.example', '/v1/embeddings'))).toEqual({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'Authorization, Content-Type',
      'access-control-max-age': '600',
    })
  })

  it.each([
    ['https://evil.example', '/v1/chat/completions'],
    ['null', '/v1/chat/completions'],
    ['https://app.example.com.evil.example', '/v1/chat/completions'],
    ['http://app.example.com', '/v1/chat/completions'],
    ['https://app.example.com:8443', '/v1/chat/completions'],
    [app, '/v1/messages'],
    // A grant for another door says nothing here.
    ['https://inside.example', '/v1/chat/completions'],
    // Never beyond the API.
    [app, '/ui'],
    [app, '/postern/api'],
  ])('is told nothing for %s on %s', async (origin, path) => {
    const response = await preflight(origin, path)
    expect(response.status).not.toBe(204)
    expect(corsOf(response)).toEqual({})
  })

  it('hears no headers that are none', async () => {
    const asked = { 'access-control-request-headers': 'a; b="c"' }
    expect(corsOf(await preflight(app, '/v1/chat/completions', asked))).not.toHaveProperty(
      'access-control-allow-headers',
    )
  })

  it('is not on the ledger, reaches no provider, and counts against nobody', async () => {
    const before = { rows: t.gateway.store.usage.length, sent: t.upstream.requests.length }
    await preflight(app)
    await preflight('https://evil.example')
    expect({ rows: t.gateway.store.usage.length, sent: t.upstream.requests.length }).toEqual(before)
    expect(t.gateway.store.bans).toEqual([])
  })
})

describe('what a page of another origin may read', () => {
  const ask = (origin: string, init: { path?: string; headers?: object } = {}) =>
    chat(
      t.url,
      { model: 'local-llm', input: 'hi' },
      { ...init, headers: { origin, ...init.headers } as Record<string, string> },
    )
  const owner = { authorization: `Basic ${btoa('owner:owner-password')}` }

  it('is the answer to a caller whom the grant names, without the browser’s own credentials', async () => {
    const response = await ask(app)
    expect(response.status).not.toBe(401)
    expect(corsOf(response)).toMatchObject({ 'access-control-allow-origin': app })
    expect(response.headers.get('vary')).toContain('origin')
  })

  it.each([
    'x-request-id',
    'request-id',
    'retry-after',
    'retry-after-ms',
    'x-should-retry',
    'server-timing',
    'x-ratelimit-remaining-requests',
    'x-ratelimit-reset-tokens',
    'anthropic-ratelimit-input-tokens-remaining',
    'x-postern-translated',
  ])('includes the header %s, refusals included', async (name) => {
    const answers = [
      await ask(app),
      await ask(app, { headers: { authorization: 'Bearer alice:wrong' } }),
    ]
    for (const { headers } of answers) {
      const exposed = headers.get('access-control-expose-headers')?.split(', ') ?? []
      expect(exposed).toContain(name)
    }
  })

  it('is not the answer to a caller whom only another grant names', async () => {
    const response = await ask(app, { headers: owner })
    expect(response.status).not.toBe(401)
    expect(corsOf(response)).toEqual({})
    expect(corsOf(await ask('https://x.example', { path: '/v1/embeddings' }))).toEqual({})
  })

  it('is a refusal too, so that the page can say what is wrong', async () => {
    const response = await ask(app, { headers: { authorization: `Basic ${btoa('alice:wrong')}` } })
    expect(response.status).toBe(401)
    expect(corsOf(response)).toMatchObject({ 'access-control-allow-origin': app })
    const evil = await ask('https://evil.example', { headers: { authorization: 'Basic eA==' } })
    expect(corsOf(evil)).toEqual({})
  })

  it('is the list of models, by grants for some models too', async () => {
    const { authorization } = aliceHeaders
    const list = await fetch(`${t.url}/v1/models`, { headers: { origin: other, authorization } })
    expect(list.status).toBe(200)
    expect(corsOf(list)).toMatchObject({ 'access-control-allow-origin': other })
  })

  it('is nothing without an origin', async () => {
    expect(corsOf(await chat(t.url, { model: 'local-llm' }))).toEqual({})
  })
})
