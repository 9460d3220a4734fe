import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalTarget } from '../../src/gateway/http/target.ts'

/** What servers make of a path: decoded up to three times, without parameters, without empty segments. */
const readings = (path: string): string[] => {
  const decoded = [path]
  for (let i = 0; i < 3; i++) {
    const last = decoded.at(-1) ?? ''
    decoded.push(
      last.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    )
  }
  return decoded
    .flatMap((it) => [it, it.replace(/;[^/]*/g, '')])
    .flatMap((it) => [it, it.replace(/\/+/g, '/')])
}

const pathOf = (target: string) => canonicalTarget(target).target?.path

describe('canonicalTarget', () => {
  it.each([
    ['/v1/models', '/v1/models'],
    ['/%76%31/models', '/v1/models'],
    ['/v1/models/Qwen%2DCoder', '/v1/models/Qwen-Coder'],
    ['/v1/models/a:b@c', '/v1/models/a:b@c'],
    ['/.well-known/x', '/.well-known/x'],
    ['/caf%C3%A9', '/caf%C3%A9'],
    ['/', '/'],
    ['/v1/models/org%2fname', '/v1/models/org%2Fname'],
    ['/v1/models/a%2Fb%2Fc', '/v1/models/a%2Fb%2Fc'],
    ['/models/org%2Fname', '/models/org%2Fname'],
    ['/v1/v1beta/models/a%2Fb:generateContent', '/v1beta/models/a%2Fb:generateContent'],
    [
      '/bedrock/model/arn%3aaws%3Abedrock%3Aus%3A1%3Ax%2Fy/invoke',
      '/bedrock/model/arn%3Aaws%3Abedrock%3Aus%3A1%3Ax%2Fy/invoke',
    ],
    [
      '/v1/projects/p/locations/l/publishers/google/models/a%2Fb:generateContent',
      '/v1/projects/p/locations/l/publishers/google/models/a%2Fb:generateContent',
    ],
    ['/aperture/pricing/a%2Fb', '/aperture/pricing/a%2Fb'],
  ])('reads %s as %s', (target, path) => {
    expect(pathOf(target)).toBe(path)
  })

  it('keeps the query as it came', () => {
    expect(canonicalTarget('/a?x=%2F&y=//').target).toEqual({ path: '/a', search: '?x=%2F&y=//' })
  })

  it.each([
    '//evil.example/x',
    '///evil/x',
    '/\\\\evil.example/x',
    'http://evil.example/x',
    'https://a:b@c/x',
    '@evil.example/x',
    'v1/models',
    '*',
    '',
    '//static/app.js',
    '/%2f/evil.example',
    '/;/evil.example',
    '/ui//models',
    '/postern//api/me',
    '/api//pull',
    '/healthz//',
    '//healthz',
    '/%2fv1/models',
    '/v1%2fmodels',
    '/v1/models%2Fx',
    '/v1/chat%2Fcompletions',
    '/bedrock%2Fmodel/x/invoke',
    '/v1/models/a%252Fb',
    '/v1/models/%2e%2e%2fadmin',
    '/v1/models/a%2F..%2Fb',
    '/v1/models/a%2F%2e%2e',
    '/v1/models/a;b',
    '/static/..%2f..%2fv1/models',
    '/static/%252e%252e/v1/models',
    '/static/..;/v1/models',
    '/static/%5c..%5cx',
    '/static/%2509',
    '/static/%25252525252541',
    '/;/v1/models',
    '/%252fui',
    '/UI;x',
    '/API%2fpull',
    '/%61pi;a/%2570ull',
    '/v1%2Fmodels',
    '/v1%5cmodels',
    '/./v1/models',
    '/x/../v1/models',
    '/v1/..',
    '/v1/..;/models',
    '/v1;a/models',
    '/v1%09/models',
    '/v1%00',
    '/v1/%2e%2e/admin',
    '/v1/%2e/admin',
    '/%2576%2531/models',
    '/v1/models#frag',
    '/v1/models?x#frag',
    '/v1 /models',
    '/v1/\u00e9',
    '/v1/a%zz',
    '/v1/a%4',
  ])('refuses %s', (target) => {
    expect(canonicalTarget(target).failure?.code).toBe('invalid_request')
  })

  it.each([
    ['//v1/models', '/v1/models'],
    ['///v1//models///', '/v1/models'],
    ['/v1//chat/completions', '/v1/chat/completions'],
    ['/v1/chat/completions/', '/v1/chat/completions'],
    ['/v1/v1/messages', '/v1/messages'],
    ['/v1/v1/v1/messages/', '/v1/messages'],
    ['//v1//v1//models', '/v1/models'],
    ['/%76%31/v1/models', '/v1/models'],
    ['/v1beta/v1beta/models', '/v1beta/models'],
    ['/v1/v1beta/models', '/v1beta/models'],
    ['/v1/v1alpha/models', '/v1alpha/models'],
    ['/v1beta/v1/chat/completions', '/v1/chat/completions'],
    ['/v1/v1', '/v1'],
    ['/models/', '/models'],
    ['/chat/completions/', '/chat/completions'],
    ['/bedrock//model/x/invoke', '/bedrock/model/x/invoke'],
    ['//ollama//api/tags/', '/ollama/api/tags'],
    // A version is a whole segment.
    ['/v1/v1x/models', '/v1/v1x/models'],
    ['/v1/v2/models', '/v1/v2/models'],
  ])('takes %s for %s, which a base URL with too much in it makes of it', (target, path) => {
    expect(pathOf(target)).toBe(path)
  })

  it.each([
    '/api/v1/files/a%2Fb/content',
    '/api/v1/files/100%25.txt',
    '/api/v1/files/a%252Fb',
    '/api/v1/files/x;y=z',
    '/cache/https%3A//x/y',
    '/static/a//b/',
    '/static/%61.js',
    '/files/a[1]|b',
    '/v1foo//x',
    '/api/v1/models/a%2Fb',
    '/api/chat/completions//',
    '/ollama/urls%2F',
  ])('passes %s on byte for byte, as no reader takes it for a path of ours', (target) => {
    expect(pathOf(target)).toBe(target)
  })

  it('is its own fixed point, and what is not ours stays so in every reading', () => {
    const ours = /^\/+(?:v1|ui|api\/pull|metrics)(?:\/|$)/i
    const piece = fc.constantFrom(
      ...['%2e', '.', '/', '%2f', '%2F', ';', 'v1', '%76', '%31', '%25', '25', '2f', 'ui', 'x'],
      ...['api', 'pull', 'metrics', '%6d', '//', '..', '%5c'],
    )
    fc.assert(
      fc.property(fc.webPath(), fc.array(piece), (a, b) => {
        const sent = `/${b.join('')}${a}`
        const first = canonicalTarget(sent).target
        if (!first) return
        expect(first.path).not.toMatch(/\/\.\.?(?:\/|$)|[\\#]/)
        expect(canonicalTarget(first.path).target?.path).toBe(first.path)
        expect(new URL(`http://h${first.path}`).pathname).toBe(first.path)
        if (ours.test(first.path)) {
          expect(first.path).not.toMatch(/\/\/|;|%25/)
          return
        }
        // However it is read behind us, it leads to nothing that is guarded here.
        expect(first.path).toBe(sent)
        for (const reading of readings(first.path)) expect(reading).not.toMatch(ours)
      }),
      { numRuns: 2000 },
    )
  })
})
