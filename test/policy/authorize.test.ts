import { expect, test } from 'vitest'
import { authorize } from '../../src/gateway/policy/authorize.ts'
import { Failure } from '../../src/platform/failure.ts'
import type { Candidate, NoRoute, RouteResult } from '../../src/platform/upstream.ts'
import { provider } from '../upstream/provider.ts'

const candidate = (id: string): Candidate => ({ provider: provider(id, ['m']), model: 'm' })
const found: RouteResult = { candidates: [candidate('a'), candidate('b'), candidate('c')] }
const none = (cause: NoRoute['cause'], ...providers: string[]): RouteResult => ({
  candidates: [],
  none: { cause, providers, inTheWay: [] },
})
const may = (role: 'user' | 'admin', ...providers: string[]) => ({
  role,
  allows: (id: string) => providers.includes(id),
})

const refusal = (...args: Parameters<typeof authorize>): Failure => {
  try {
    authorize(...args)
  } catch (error) {
    if (error instanceof Failure) return error
  }
  throw new Error('not refused')
}

test('keeps the granted candidates in their order', () => {
  const kept = authorize(may('user', 'c', 'a'), 'ana', 'm', found)
  expect(kept.map(({ provider }) => provider.id)).toEqual(['a', 'c'])
})

test('a model that is not granted and one that does not exist look the same to a user', () => {
  const notGranted = refusal(may('user'), 'ana', 'm', found)
  expect(notGranted.status).toBe(404)
  expect(notGranted.code).toBe('model_not_found')
  expect(notGranted.message).toBe('no route found for model "m" for user "ana"')
  for (const other of [
    none('not_listed'),
    none('disabled', 'secret-box'),
    none('dialect_not_spoken', 'secret-box'),
  ]) {
    const { code, status, message, headers } = refusal(may('user'), 'ana', 'm', other)
    expect({ code, status, message, headers }).toEqual({
      code: notGranted.code,
      status: notGranted.status,
      message: notGranted.message,
      headers: notGranted.headers,
    })
  }
})

test.each<[string, RouteResult]>([
  ['not granted', found],
  ['not listed by any provider', none('not_listed')],
  ['disabled (a, b)', none('disabled', 'a', 'b')],
  ['dialect not spoken (claude)', none('dialect_not_spoken', 'claude')],
])('an admin is told the cause: %s', (cause, result) => {
  expect(refusal(may('admin'), 'root', 'm', result).message).toBe(
    `no route found for model "m" for user "root": ${cause}`,
  )
})

test('the log knows the cause for everybody', () => {
  expect(refusal(may('user'), 'ana', 'm', found).reason).toBe('not_granted')
  expect(refusal(may('user'), 'ana', 'm', none('disabled', 'a')).reason).toBe('disabled')
})
