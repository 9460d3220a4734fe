import { expect, test } from 'vitest'
import { Failure } from '../../src/http/errors.ts'
import { judgeHead, scrubbing, secretsOf } from '../../src/proxy/response.ts'

const clean = (text: string, secrets: readonly string[]): string => {
  const watch = scrubbing({ push: (chunk) => chunk, flush: () => null, done: () => {} }, secrets)
  const bytes = new TextEncoder().encode(text)
  watch.push(bytes.subarray(0, 10))
  watch.push(bytes.subarray(10))
  return new TextDecoder().decode(watch.flush() ?? undefined)
}

test('secrets are the values of the headers we added, with their scheme and without, and the address', () => {
  const added = [
    ['authorization', 'Bearer sk-1'],
    ['x-team', 'ops'],
  ] as const
  expect(secretsOf(added, 'http://gpu.lan:8000/v1')).toEqual([
    'Bearer sk-1',
    'ops',
    'sk-1',
    'ops',
    'gpu.lan:8000',
    'gpu.lan',
  ])
})

test('a secret that begins like another leaves nothing of it behind', () => {
  expect(clean('key sk-123-456 and sk-123', ['sk-123', 'sk-123-456'])).toBe(
    'key [redacted] and [redacted]',
  )
})

test('a 401 is the provider’s own affair, unless the client’s own credential was refused', () => {
  expect(() => judgeHead(401, 'application/json', false)).toThrow(Failure)
  expect(() => judgeHead(403, 'application/json', true)).not.toThrow()
  expect(() => judgeHead(407, 'application/json', true)).toThrow(Failure)
  expect(() => judgeHead(302, 'application/json', true)).toThrow(Failure)
  expect(() => judgeHead(200, 'text/html', true)).toThrow(Failure)
})
