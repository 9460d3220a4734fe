import { describe, expect, it } from 'vitest'
import { requestHeaders, toProvider } from '../../src/gateway/dialect/request-headers.ts'
import { fromFallback, fromUpstream, toFallback } from '../../src/gateway/http/headers.ts'
import type { Dialect } from '../../src/platform/upstream.ts'

const hostile = {
  authorization: 'Basic YTpi',
  'x-api-key': 'k',
  'api-key': 'k',
  'x-goog-api-key': 'k',
  cookie: 'session=1',
  host: 'a',
  'x-forwarded-for': '1.2.3.4',
  'x-forwarded-user': 'admin',
  forwarded: 'for=1.2.3.4',
  'x-real-ip': '1.2.3.4',
  'tailscale-user-login': 'admin@x',
  'x-webauth-email': 'admin@x',
  'remote-user': 'admin',
  'proxy-authorization': 'Basic YTpi',
  connection: 'x-secret-hop',
  'x-secret-hop': '1',
  te: 'trailers',
  'x-http-method-override': 'DELETE',
}

describe('what a model server sees', () => {
  it('is an allow-list: no credential, cookie, address or identity of the client', () => {
    for (const dialect of Object.keys(requestHeaders) as Dialect[]) {
      const sent = toProvider(
        new Headers({
          ...hostile,
          'content-type': 'application/json',
          'x-session-id': 's',
          'x-unknown': '1',
          traceparent: '00-1-2-01',
          'openai-organization': 'org',
          'x-goog-user-project': 'p',
        }),
        { dialect, clientsOwn: false, traceContext: false, added: [] },
      )
      expect(Object.fromEntries(sent), dialect).toEqual({
        'content-type': 'application/json',
        'x-session-id': 's',
        'accept-encoding': 'identity',
      })
    }
  })

  it('has no name on a list by which the gateway is shown a credential', () => {
    const credentials = /authorization|cookie|api-key|token|secret/
    for (const { names, prefixes, own } of Object.values(requestHeaders)) {
      expect([...names, ...prefixes, ...own].filter((name) => credentials.test(name))).toEqual([])
    }
  })

  it('is the provider’s own header in place of the client’s, but for lists', () => {
    const sent = toProvider(
      new Headers({ 'anthropic-version': 'old', 'anthropic-beta': 'a', 'user-agent': 'x' }),
      {
        dialect: 'anthropic_messages',
        clientsOwn: false,
        traceContext: false,
        added: [
          ['anthropic-version', 'new'],
          ['anthropic-beta', 'b'],
        ],
      },
    )
    expect(sent).toEqual([
      ['anthropic-beta', 'a'],
      ['user-agent', 'x'],
      ['accept-encoding', 'identity'],
      ['anthropic-version', 'new'],
      ['anthropic-beta', 'b'],
    ])
  })
})

describe('what a client sees of a model server', () => {
  it('is an allow-list, rate-limit headers included', () => {
    const kept = fromUpstream([
      ['content-type', 'application/json'],
      ['retry-after', '3'],
      ['x-ratelimit-remaining-tokens', '5'],
      ['anthropic-ratelimit-requests-limit', '50'],
      ['set-cookie', 'a=b'],
      ['server', 'uvicorn'],
      ['connection', 'close'],
      ['access-control-allow-origin', '*'],
      ['strict-transport-security', 'max-age=1'],
      ['x-litellm-model-api-base', 'http://10.0.0.1'],
    ])
    expect(Object.keys(kept)).toEqual([
      'content-type',
      'retry-after',
      'x-ratelimit-remaining-tokens',
      'anthropic-ratelimit-requests-limit',
    ])
  })
})

describe('what Open WebUI sees', () => {
  const sent = (headers: Record<string, string>) =>
    Object.fromEntries(toFallback(new Headers(headers)))

  it('keeps cookies and drops hops, identities and our own credentials', () => {
    expect(sent(hostile)).toEqual({ cookie: 'session=1' })
  })

  it('keeps its own Bearer token, and drops one that is user:password', () => {
    expect(sent({ authorization: 'Bearer eyJhbGciOi.J9.x' })).toHaveProperty('authorization')
    expect(sent({ authorization: 'bearer alice:secret' })).not.toHaveProperty('authorization')
    expect(sent({ authorization: 'Bearer al ice:secret' })).not.toHaveProperty('authorization')
    expect(sent({ authorization: 'Bearer pst_x' })).not.toHaveProperty('authorization')
    const signedHere = `Bearer x.${btoa('{"iss":"postern"}')}.x`
    expect(sent({ authorization: signedHere })).not.toHaveProperty('authorization')
  })
})

describe('what a client sees of Open WebUI', () => {
  it('is everything but hop-by-hop headers and those named in Connection', () => {
    expect(
      fromFallback([
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
        ['connection', 'x-hop'],
        ['x-hop', '1'],
        ['transfer-encoding', 'chunked'],
        ['content-type', 'text/html'],
      ]),
    ).toEqual([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['content-type', 'text/html'],
    ])
  })
})
