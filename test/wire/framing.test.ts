import { describe, expect, it } from 'vitest'
import { startUpstream } from '../support/fake-upstream.ts'
import { post, raw } from '../support/raw.ts'
import { together } from '../support/setup.ts'

const t = together()
const get = (target: string, headers = 'Host: localhost\r\n') =>
  `GET ${target} HTTP/1.1\r\n${headers}\r\n`
const chatBody = JSON.stringify({ model: 'm', messages: [] })
const auth = `Authorization: Basic ${btoa('alice:alice-password')}\r\nContent-Type: application/json\r\n`

describe('targets', () => {
  it.each([
    '//evil.example/x',
    '///evil/x',
    '/\\\\evil.example/x',
    'http://evil.example/x',
    'http://alice:alice-password@localhost/v1/models',
    '@evil.example/x',
    'v1/models',
    '/v1%2fmodels',
    '/./v1/models',
    '/x/../v1/models',
    '/v1/..;/models',
    '/v1;a/models',
    '/v1%09/models',
    '/%2576%2531/models',
    '/v1/models#frag',
    '*',
  ])('answers %s with 400 and asks nobody', async (target) => {
    const before = t.upstream.requests.length
    const { statuses, closed, text } = await raw(t.port, get(target, `Host: localhost\r\n${auth}`))
    expect(statuses).toEqual([400])
    expect(closed).toBe(true)
    expect(text).toContain('"code":"invalid_request"')
    expect(t.upstream.requests.length).toBe(before)
  })

  it('never sends a request to a host named in the target', async () => {
    const evil = await startUpstream()
    await raw(t.port, get(`${evil.url}/v1/models`, `Host: localhost\r\n${auth}`))
    await raw(t.port, get(`//127.0.0.1:${evil.port}/x`))
    await raw(t.port, get(`@127.0.0.1:${evil.port}/x`))
    expect(evil.requests).toEqual([])
    await evil.stop()
  })

  it('treats an encoded spelling as the path it means', async () => {
    const { statuses } = await raw(
      t.port,
      get('/%76%31/models', 'Host: a\r\nConnection: close\r\n'),
    )
    expect(statuses).toEqual([401])
  })

  it.each(['/V1/models', '/v1foo', '/v1./models'])(
    'does not take %s for the API',
    async (target) => {
      const { statuses } = await raw(t.port, get(target, 'Host: a\r\nConnection: close\r\n'))
      expect(statuses).toEqual([404])
    },
  )
})

describe('hosts and versions', () => {
  it.each([
    ['two Host lines', 'Host: a\r\nHost: a\r\n'],
    ['a path in Host', 'Host: a/b\r\n'],
    ['userinfo in Host', 'Host: u@a\r\n'],
    ['an empty Host', 'Host: \r\n'],
    ['port 0', 'Host: a:0\r\n'],
    ['no Host', ''],
  ])('refuses %s', async (_what, headers) => {
    const { statuses, closed } = await raw(t.port, get('/healthz', headers))
    expect(statuses).toEqual([400])
    expect(closed).toBe(true)
  })

  it.each(['HTTP/2.0', 'HTTP/1.32', 'HTTP/3'])('refuses %s', async (version) => {
    const { statuses, closed } = await raw(t.port, `GET /healthz ${version}\r\nHost: a\r\n\r\n`)
    expect([400, 505]).toContain(statuses[0])
    expect(statuses).toHaveLength(1)
    expect(closed).toBe(true)
  })

  it('refuses a request line without a version', async () => {
    const { statuses } = await raw(t.port, 'GET /healthz\r\nHost: a\r\n\r\n')
    expect([400, 505]).toContain(statuses[0])
  })

  it('refuses HTTP/1.0 with chunks, and serves nothing after it', async () => {
    const before = t.upstream.requests.length
    const { statuses, closed } = await raw(
      t.port,
      `POST /v1/chat/completions HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n${auth}Transfer-Encoding: chunked\r\n\r\n` +
        `${chatBody.length.toString(16)}\r\n${chatBody}\r\n0\r\n\r\n${get('/healthz')}`,
    )
    expect(statuses).toEqual([400])
    expect(closed).toBe(true)
    expect(t.upstream.requests.length).toBe(before)
  })
})

describe('lengths and chunks', () => {
  const smuggled = get('/v1/smuggled', `Host: a\r\n${auth}`)
  const withHeaders = (headers: string, body: string) =>
    `POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n${auth}${headers}\r\n${body}`

  it.each([
    ['CL and TE', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'],
    ['TE and CL', 'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'],
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 3\r\n', '{}'],
    ['a list of lengths', 'Content-Length: 2, 2\r\n', '{}'],
    ['+2', 'Content-Length: +2\r\n', '{}'],
    ['-2', 'Content-Length: -2\r\n', '{}'],
    ['0x2', 'Content-Length: 0x2\r\n', '{}'],
    ['2_0', 'Content-Length: 2_0\r\n', '{}'],
    ['an empty length', 'Content-Length: \r\n', '{}'],
    ['2^64', 'Content-Length: 18446744073709551617\r\n', '{}'],
    ['an unknown coding', 'Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'],
    ['a chunk size with _', 'Transfer-Encoding: chunked\r\n', '0_2\r\n{}\r\n0\r\n\r\n'],
    ['a chunk size with +', 'Transfer-Encoding: chunked\r\n', '+2\r\n{}\r\n0\r\n\r\n'],
    ['a chunk size with 0x', 'Transfer-Encoding: chunked\r\n', '0x2\r\n{}\r\n0\r\n\r\n'],
    ['a chunk of 2^64', 'Transfer-Encoding: chunked\r\n', '10000000000000000\r\n{}\r\n0\r\n\r\n'],
    ['a bare LF', 'Transfer-Encoding: chunked\r\n', '2\n{}\r\n0\r\n\r\n'],
  ])('refuses %s, closes, and serves nothing hidden behind it', async (_what, headers, body) => {
    const before = t.upstream.requests.length
    const { statuses, closed } = await raw(t.port, withHeaders(headers, body) + smuggled)
    expect(statuses).toHaveLength(1)
    expect([400, 413]).toContain(statuses[0])
    expect(closed).toBe(true)
    expect(t.upstream.requests.length).toBe(before)
  })

  it('closes after 413, so that a pipelined request is never served', async () => {
    const { statuses, closed } = await raw(
      t.port,
      withHeaders('Content-Length: 999999999\r\n', '') + smuggled,
      2000,
    )
    expect(statuses).toEqual([413])
    expect(closed).toBe(true)
  })

  it('merges no trailers: neither identity nor credentials', async () => {
    const before = t.upstream.requests.length
    const { statuses } = await raw(
      t.port,
      'POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n' +
        `${chatBody.length.toString(16)}\r\n${chatBody}\r\n0\r\n${auth}Tailscale-User-Login: admin\r\n\r\n`,
    )
    expect(statuses[0]).toBe(401)
    expect(t.upstream.requests.length).toBe(before)
  })

  it('ignores an h2c upgrade and never passes it on', async () => {
    const { statuses } = await raw(
      t.port,
      post(
        { model: 'm', messages: [] },
        {
          headers: [
            'Connection: Upgrade, HTTP2-Settings',
            'Upgrade: h2c',
            'HTTP2-Settings: AAMAAABk',
          ],
        },
      ),
    )
    expect(statuses).toEqual([200])
    expect(t.upstream.requests.at(-1)?.headers).not.toHaveProperty('http2-settings')
    expect(t.upstream.requests.at(-1)?.headers.upgrade).toBeUndefined()
  })
})

describe('sizes of headers', () => {
  it('refuses the 101st line, a header of 17 kB and a target of 17 kB with 431', async () => {
    const lines = Array.from({ length: 101 }, (_, i) => `x-${i}: 1\r\n`).join('')
    const answers = await Promise.all([
      raw(t.port, get('/healthz', `Host: a\r\n${lines}`)),
      raw(t.port, get('/healthz', `Host: a\r\nx: ${'y'.repeat(17_000)}\r\n`)),
      raw(t.port, get(`/${'y'.repeat(17_000)}`)),
    ])
    expect(answers.map(({ statuses }) => statuses)).toEqual([[431], [431], [431]])
  })

  it.each(['TRACE', 'PROPFIND'])('answers %s with 405 and echoes nothing', async (method) => {
    const { statuses, text } = await raw(
      t.port,
      `${method} / HTTP/1.1\r\nHost: a\r\nX-Echo: canary\r\nConnection: close\r\n\r\n`,
    )
    expect(statuses).toEqual([405])
    expect(text).not.toContain('canary')
    expect(text.toLowerCase()).toContain('allow: get')
  })

  it('answers CONNECT with 405', async () => {
    const { statuses } = await raw(t.port, 'CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\n\r\n')
    expect(statuses).toEqual([405])
  })
})
