import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileGlobs } from '../../src/config/values/glob.ts'
import { computed } from '../support/computed.ts'

const matches = (glob: string, target: string) => compileGlobs([glob])(target)

test.each([
  ['**', 'a/m', true],
  ['**', 'a/b/c/d', true],
  ['*', 'a/m', false],
  ['*/*', 'a/m', true],
  ['*/*', 'a/b/m', false],
  ['*/**', 'a/b/m', true],
  ['a/*', 'a/m', true],
  ['a/*', 'a/b/m', false],
  ['a/**', 'a/m', true],
  ['a/**', 'a/b/m', true],
  ['a/**', 'a', true],
  ['a/**', 'ab/m', false],
  ['**/m', 'm', true],
  ['**/m', 'a/m', true],
  ['**/m', 'a/b/m', true],
  ['**/m', 'a/xm', false],
  ['a/**/m', 'a/m', true],
  ['a/**/m', 'a/x/y/m', true],
  ['a/**/m', 'b/m', false],
  ['**/**/m', 'm', true],
  ['*/claude-opus*', 'team/claude-opus-4-8', true],
  ['*/claude-opus*', 'team/claude-sonnet', false],
  ['*/claude-opus*', 'team/x/claude-opus', false],
  ['gpu/q?en', 'gpu/qwen', true],
  ['gpu/q?en', 'gpu/qen', false],
  ['gpu/?', 'gpu/😀', true],
  ['gpu?m', 'gpu/m', false],
  ['gpu/a**b', 'gpu/aXb', true],
  ['gpu/a**b', 'gpu/aX/Yb', false],
  ['gpu/Qwen/Qwen3.6-35B-A3B-FP8', 'gpu/Qwen/Qwen3.6-35B-A3B-FP8', true],
  ['gpu/Qwen/Qwen3.6-35B', 'gpu/Qwen/Qwen3x6-35B', false],
  ['gpu/llama3:8b', 'gpu/llama3:8b', true],
  ['gpu/llama3:*', 'gpu/llama3:8b-instruct-q4_K_M', true],
  ['gpu/m[1]', 'gpu/m[1]', true],
  ['gpu/m[1]', 'gpu/m1', false],
  ['gpu/m(x)', 'gpu/m(x)', true],
  ['gpu/m(x|y)', 'gpu/mx', false],
  ['gpu/{a,b}', 'gpu/a', false],
  ['gpu/{a,b}', 'gpu/{a,b}', true],
  ['gpu/c++', 'gpu/c++', true],
  ['gpu/c++', 'gpu/ccc', false],
  ['gpu/!m', 'gpu/!m', true],
  ['!gpu/m', 'other/m', false],
  ['gpu/@scope', 'gpu/@scope', true],
  ['gpu/m\\*', 'gpu/m*', false],
  ['gpu/m$', 'gpu/m', false],
  ['gpu/^m', 'gpu/m', false],
  ['gpu/M', 'gpu/m', false],
  ['gpu/m', 'gpu/m ', false],
  ['gpu/m', 'gpu/m\n', false],
  ['gpu/*', 'gpu/a\nb', true],
  ['gpu/', 'gpu/', true],
  ['gpu/', 'gpu/m', false],
  ['', 'gpu/m', false],
  ['/**', 'gpu/m', false],
  ['gpu//m', 'gpu/m', false],
  ['.*', 'gpu/m', false],
  ['.*/.*', 'gpu/m', false],
])('%j on %j: %s', (glob, target, expected) => {
  expect(matches(glob, target)).toBe(expected)
})

test('several globs are a union, none is nothing', () => {
  const union = compileGlobs(['a/*', 'b/x'])
  expect([union('a/m'), union('b/x'), union('b/m')]).toEqual([true, true, false])
  expect(compileGlobs([])('a/m')).toBe(false)
})

/** Another way to the same answer: segments one by one, characters one by one. */
function naive(glob: string, target: string): boolean {
  const segments = (pattern: readonly string[], rest: readonly string[]): boolean => {
    const [head, ...tail] = pattern
    if (head === undefined) return rest.length === 0
    if (head === '**')
      return rest.some((_, i) => segments(tail, rest.slice(i))) || segments(tail, [])
    return (
      rest[0] !== undefined && characters([...head], [...rest[0]]) && segments(tail, rest.slice(1))
    )
  }
  const characters = (pattern: readonly string[], rest: readonly string[]): boolean => {
    const [head, ...tail] = pattern
    if (head === undefined) return rest.length === 0
    if (head === '*') {
      return characters(tail, rest) || (rest.length > 0 && characters(pattern, rest.slice(1)))
    }
    return rest.length > 0 && (head === '?' || head === rest[0]) && characters(tail, rest.slice(1))
  }
  return segments(glob.split('/'), target.split('/'))
}

test('agrees with a naive matcher on everything', () => {
  const piece = fc.constantFrom(
    'a',
    'b',
    '*',
    '**',
    '?',
    '.',
    '+',
    '(',
    '[',
    ']',
    '\\',
    '|',
    '$',
    '-',
    ':',
  )
  const segment = fc.oneof(
    fc.constant('**'),
    fc.array(piece, { maxLength: 4 }).map((p) => p.join('')),
  )
  const glob = fc.array(segment, { minLength: 1, maxLength: 5 }).map((s) => s.join('/'))
  const letter = fc.constantFrom('a', 'b', '.', '+', '(', '[', '\\', '|', '$', '-', ':', '*')
  const part = fc.array(letter, { maxLength: 3 }).map((p) => p.join(''))
  const target = fc.array(part, { minLength: 1, maxLength: 5 }).map((s) => s.join('/'))
  fc.assert(
    fc.property(glob, target, (pattern, name) => matches(pattern, name) === naive(pattern, name)),
    { numRuns: 20_000 },
  )
})

test('a glob without wildcards matches itself and nothing else', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (name, other) => {
      const plain = name.replace(/[*?]/g, '')
      return matches(plain, plain) && (plain === other || !matches(plain, other))
    }),
  )
})

test('a long name and a glob full of stars are decided quickly', () => {
  const glob = `**/gpu/${'*a'.repeat(50)}/**/x`
  const started = computed()
  expect(matches(glob, `gpu/${'a'.repeat(5000)}b`)).toBe(false)
  expect(computed() - started).toBeLessThan(1000)
})
