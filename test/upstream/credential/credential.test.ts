import { expect, test } from 'vitest'
import { createCredential } from '../../../src/gateway/upstream/credential/credential.ts'
import type { Authorization } from '../../../src/platform/upstream.ts'
import { provider } from '../provider.ts'

const account = { email: 'e', projectId: 'p', privateKey: '', tokenUri: '' }
const credential = createCredential(async () => 'minted')

test.each<[Authorization, string, string]>([
  ['bearer', 'authorization', 'Bearer k'],
  ['x-api-key', 'x-api-key', 'k'],
  ['x-goog-api-key', 'x-goog-api-key', 'k'],
  ['hec', 'authorization', 'Splunk k'],
  ['cf-aig-authorization', 'cf-aig-authorization', 'Bearer k'],
])('%s puts the key into %s: %s', (authorization, name, value) => {
  const to = provider('a', [], { authorization, apikey: 'k' })
  expect(credential(to)).toEqual([[name, value]])
  expect(credential({ ...to, authMode: 'passthrough' })).toEqual([[name, value]])
})

test('no key, no header; and none at all in mode none', () => {
  expect(credential(provider('a', []))).toEqual([])
  expect(credential(provider('a', [], { apikey: 'k', authMode: 'none' }))).toEqual([])
  const unwanted = provider('a', [], { serviceAccount: account, authMode: 'none' })
  expect(credential(unwanted)).toEqual([])
})

test('a service account proves itself with a token', async () => {
  const vertex = provider('a', [], { serviceAccount: account })
  expect(await credential(vertex)).toEqual([['authorization', 'Bearer minted']])
})
