import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalTarget } from '../../src/http/target.ts'

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
    '/v1//models',
    '/v1%2fmodels',
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

  it('is its own fixed point, and never leaves a way up or around', () => {
    fc.assert(
      fc.property(
        fc.webPath(),
        fc.array(fc.constantFrom('%2e', '.', '/', '%2f', ';', 'v1', '%76')),
        (a, b) => {
          const first = canonicalTarget(`/${b.join('')}${a}`).target
          if (!first) return
          expect(first.path).not.toMatch(/\/\/|\/\.\.?(?:\/|$)|[\\;#]/)
          expect(canonicalTarget(first.path).target?.path).toBe(first.path)
          expect(new URL(`http://h${first.path}`).pathname).toBe(first.path)
        },
      ),
    )
  })
})
