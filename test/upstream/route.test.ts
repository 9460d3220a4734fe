import { expect, test } from 'vitest'
import { route } from '../../src/gateway/upstream/routing/route.ts'
import type { Dialect, Provider } from '../../src/platform/upstream.ts'
import { provider } from './provider.ts'

const lead = (providers: readonly Provider[], model: string, dialect: Dialect = 'openai_chat') =>
  route(providers, model, dialect).candidates.map((found) => `${found.provider.id} ${found.model}`)

test('a bare id leads to everyone who lists it, preferred first, then in the order of the file', () => {
  const providers = [
    provider('a', ['m']),
    provider('b', ['m'], { preference: 5 }),
    provider('c', ['other']),
    provider('d', ['m'], { preference: -1 }),
    provider('e', ['m']),
  ]
  expect(lead(providers, 'm')).toEqual(['b m', 'a m', 'e m', 'd m'])
})

test('a qualified id leads to that provider only, and goes upstream without the prefix', () => {
  const providers = [provider('a', ['m'], { preference: 5 }), provider('b', ['m'])]
  expect(lead(providers, 'b/m')).toEqual(['b m'])
})

test('ids with slashes work bare and qualified', () => {
  const providers = [provider('gpu', ['Qwen/Qwen3.6-35B-A3B-FP8'])]
  expect(lead(providers, 'Qwen/Qwen3.6-35B-A3B-FP8')).toEqual(['gpu Qwen/Qwen3.6-35B-A3B-FP8'])
  expect(lead(providers, 'gpu/Qwen/Qwen3.6-35B-A3B-FP8')).toEqual(['gpu Qwen/Qwen3.6-35B-A3B-FP8'])
})

test('an id that somebody lists is that id, even when its prefix is a provider', () => {
  const providers = [provider('qwen', ['q3']), provider('router', ['qwen/q3'])]
  expect(lead(providers, 'qwen/q3')).toEqual(['router qwen/q3'])
  expect(lead(providers, 'router/qwen/q3')).toEqual(['router qwen/q3'])
})

test('a listed id that nobody can serve gives way to the provider its prefix names', () => {
  const providers = [provider('qwen', ['q3']), provider('router', ['qwen/q3'], { disabled: true })]
  expect(lead(providers, 'qwen/q3')).toEqual(['qwen q3'])
})

test('the longest provider id wins a qualified name', () => {
  const providers = [provider('a', ['b/c']), provider('a/b', ['c'])]
  expect(lead(providers, 'a/b/c')).toEqual(['a/b c'])
  expect(lead(providers.toReversed(), 'a/b/c')).toEqual(['a/b c'])
})

test('a model listed twice by one provider is one candidate', () => {
  expect(lead([provider('a', ['m', 'm'])], 'm')).toEqual(['a m'])
})

test.each([
  'M',
  ' m',
  'm ',
  'm/',
  '/m',
  'a//m',
  'A/m',
  'a/',
  'a',
  '',
  '../m',
  '__proto__',
  'constructor',
])('%j is another name, not a loose spelling of m', (name) => {
  expect(route([provider('a', ['m'])], name, 'openai_chat')).toEqual({
    candidates: [],
    none: { cause: 'not_listed', providers: [], inTheWay: [] },
  })
})

test('providers that are disabled or do not speak the dialect are left out', () => {
  const providers = [
    provider('off', ['m'], { disabled: true, preference: 9 }),
    provider('claude', ['m'], { dialects: new Set(['anthropic_messages']), preference: 8 }),
    provider('on', ['m']),
  ]
  expect(lead(providers, 'm')).toEqual(['on m'])
  expect(lead(providers, 'm', 'anthropic_messages')).toEqual(['claude m'])
  expect(lead(providers, 'claude/m', 'anthropic_messages')).toEqual(['claude m'])
})

test('an empty answer says why, and who stands in the way', () => {
  const off = provider('off', ['m', 'x'], { disabled: true })
  const chat = provider('chat', ['m'])
  const why = (model: string, dialect: Dialect) => route([off, chat], model, dialect).none
  expect(why('x', 'openai_chat')).toMatchObject({ cause: 'disabled', providers: ['off'] })
  expect(why('off/m', 'openai_chat')).toMatchObject({ cause: 'disabled', providers: ['off'] })
  expect(why('m', 'openai_responses')).toEqual({
    cause: 'dialect_not_spoken',
    providers: ['chat'],
    inTheWay: [{ provider: chat, model: 'm' }],
  })
  expect(why('nobody', 'openai_chat')).toMatchObject({ cause: 'not_listed', providers: [] })
  expect(route([], 'm', 'openai_chat').none?.cause).toBe('not_listed')
})

test('where the path names the model, a prefix names no provider', () => {
  const providers = [provider('a', ['m']), provider('b', ['a/x'])]
  expect(route(providers, 'a/m', 'openai_chat', true).none?.cause).toBe('not_listed')
  expect(route(providers, 'a/x', 'openai_chat', true).candidates[0]?.provider.id).toBe('b')
})

test('a new list of providers is looked at anew', () => {
  expect(lead([provider('a', ['m'])], 'm')).toEqual(['a m'])
  expect(lead([provider('b', ['m'])], 'm')).toEqual(['b m'])
})
