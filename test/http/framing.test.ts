import { describe, expect, it } from 'vitest'
import { inspectFraming } from '../../src/gateway/http/framing.ts'

const inspect = (rawHeaders: string[], other: { target?: string; httpVersion?: string } = {}) =>
  inspectFraming({
    method: 'GET',
    target: '/v1/models',
    httpVersion: '1.1',
    rawHeaders: ['Host', 'a', ...rawHeaders],
    ...other,
  })

const codeOf = (...given: Parameters<typeof inspect>) => inspect(...given).failure?.code

describe('inspectFraming', () => {
  it('lets an ordinary request pass', () => {
    expect(inspect(['Accept', '*/*']).target?.path).toBe('/v1/models')
  })

  it('refuses two Host lines', () => {
    expect(codeOf(['host', 'b'])).toBe('invalid_request')
  })

  it.each(['a/b', 'u@a', 'a b', '', 'a:0', 'a:99999', '[::1', 'x'.repeat(300)])(
    'refuses the host %j',
    (host) => {
      const framing = inspectFraming({
        method: 'GET',
        target: '/',
        httpVersion: '1.1',
        rawHeaders: ['Host', host],
      })
      expect(framing.failure?.code).toBe('invalid_request')
    },
  )

  it.each(['machine.tail1234.ts.net', 'localhost:8787', '[::1]:80', '127.0.0.1', 'a.b.'])(
    'accepts the host %s',
    (host) => {
      const framing = inspectFraming({
        method: 'GET',
        target: '/',
        httpVersion: '1.1',
        rawHeaders: ['Host', host],
      })
      expect(framing.failure).toBeUndefined()
    },
  )

  it.each(['0.9', '2.1', '1.32'])('refuses HTTP/%s', (httpVersion) => {
    expect(codeOf([], { httpVersion })).toBe('http_version_not_supported')
  })

  it('refuses chunks in HTTP/1.0', () => {
    const framing = inspect(['Transfer-Encoding', 'chunked'], { httpVersion: '1.0' })
    expect(framing.failure?.close).toBe(true)
  })

  it('refuses the 101st header line', () => {
    const lines = (count: number) => Array.from({ length: count }, (_, i) => [`x-${i}`, '1']).flat()
    expect(codeOf(lines(99))).toBeUndefined()
    expect(codeOf(lines(100))).toBe('headers_too_large')
  })

  it.each(['Authorization', 'x-api-key', 'Api-Key', 'X-Goog-Api-Key'])(
    'refuses two %s lines, even equal ones',
    (name) => {
      expect(codeOf([name, 'Basic x', name.toUpperCase(), 'Basic x'])).toBe('ambiguous_credentials')
    },
  )

  it('refuses an identity header that comes twice', () => {
    expect(codeOf(['Tailscale-User-Login', 'a', 'tailscale-user-login', 'b'])).toBe(
      'identity_conflict',
    )
  })

  it.each([
    'Tailscale_User_Login',
    'Tailscale-User_Login',
    'tailscale.user.login',
    'X_Forwarded_User',
    'Remote_User',
    'X_Real_IP',
    'x-webauth_user',
  ])('refuses the look-alike %s', (name) => {
    expect(codeOf([name, 'admin'])).toBe('identity_conflict')
  })

  it('refuses an identity on a request marked public, whatever the mark says', () => {
    for (const mark of ['?1', '?0', '', 'true']) {
      expect(codeOf(['Tailscale-User-Login', 'a', 'TAILSCALE-FUNNEL-REQUEST', mark])).toBe(
        'identity_conflict',
      )
    }
    expect(codeOf(['Tailscale-Funnel-Request', '?1'])).toBeUndefined()
    expect(codeOf(['Tailscale-User-Login', 'a'])).toBeUndefined()
  })
})
