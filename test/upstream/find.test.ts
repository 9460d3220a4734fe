import { expect, test, vi } from 'vitest'
import { findRoute } from '../../src/gateway/upstream/routing/find.ts'
import { provider } from './provider.ts'

const registry = (lists: readonly (readonly string[])[]) => {
  let at = 0
  return {
    providers: () => [provider('a', lists[at]!)],
    lookAgain: vi.fn(async () => {
      at++
      return at < lists.length
    }),
  }
}

test('a known model is found at once, with no look', () => {
  const known = registry([['m']])
  expect(findRoute(known)('m', 'openai_chat')).toMatchObject({ candidates: [{ model: 'm' }] })
  expect(known.lookAgain).not.toHaveBeenCalled()
})

test('a model that a look brings is found by the request that asked for it', async () => {
  const grown = registry([['m'], ['m', 'new']])
  expect(await findRoute(grown)('new', 'openai_chat')).toMatchObject({
    candidates: [{ model: 'new' }],
  })
})

test('a model that no look brings, or whose dialect nobody speaks, is not found', async () => {
  const same = registry([['m']])
  expect(await findRoute(same)('new', 'openai_chat')).toMatchObject({
    none: { cause: 'not_listed' },
  })
  expect(same.lookAgain).toHaveBeenCalledTimes(1)
  const other = registry([['m']])
  expect(findRoute(other)('m', 'openai_responses')).toMatchObject({
    none: { cause: 'dialect_not_spoken' },
  })
  expect(other.lookAgain).not.toHaveBeenCalled()
})
