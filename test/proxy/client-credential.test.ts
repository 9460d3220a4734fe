import { Hono } from 'hono'
import { expect, test } from 'vitest'
import type { Auth, Env } from '../../src/gateway/http/env.ts'
import { clientCredential } from '../../src/gateway/proxy/client-credential.ts'
import type { Caller } from '../../src/platform/caller.ts'

const caller = (more: Partial<Caller> = {}): Caller => ({
  login: 'alice@example.com',
  kind: 'user',
  credentialId: 'n1',
  groups: [],
  ...more,
})

const sentOn = async (auth: Auth, headers: Record<string, string>): Promise<unknown> => {
  const app = new Hono<Env>()
  app.use(async (c, next) => {
    c.set('auth', auth)
    await next()
  })
  app.get('/', (c) => c.json(clientCredential(c)))
  return (await app.request('/', { headers })).json()
}

const token = { authorization: 'Bearer eyJ.foreign.token' }

test('who is known by where they come from may bring a credential for somebody else', async () => {
  const sent = [['authorization', token.authorization]]
  expect(await sentOn({ caller: caller() }, token)).toEqual(sent)
  expect(await sentOn({ caller: caller({ kind: 'node' }) }, token)).toEqual(sent)
  const both = { ...token, 'x-api-key': 'sk-1' }
  expect(await sentOn({ caller: caller() }, both)).toEqual([...sent, ['x-api-key', 'sk-1']])
})

test.each(['password', 'key', 'token'] as const)(
  'whoever proved themselves by a %s did so with these headers',
  async (kind) => {
    expect(await sentOn({ caller: caller({ kind }) }, token)).toEqual([])
  },
)

test('nor is the credential of a program that speaks for a person passed on, nor of nobody', async () => {
  const through = caller({ kind: 'key' })
  expect(await sentOn({ caller: caller({ through }) }, token)).toEqual([])
  expect(await sentOn({ failure: 'missing', user: '' }, token)).toEqual([])
})

test.each([
  { authorization: 'Basic YTpi' },
  { authorization: 'basic' },
  { authorization: 'Bearer alice:password' },
  { authorization: 'Bearer pst_abc' },
  { 'x-api-key': 'pst_abc' },
  { 'x-api-key': 'alice:password' },
  { authorization: `Bearer x.${btoa('{"iss":"postern"}').replace('=', '')}.y` },
])('what looks like ours is ours: %j', async (headers) => {
  expect(await sentOn({ caller: caller() }, headers as Record<string, string>)).toEqual([])
})

test.each(['-', 'Bearer -', 'Bearer not-needed', 'bearer  not-required', 'Bearer', ''])(
  'a placeholder is not a credential: %j',
  async (value) => {
    const headers = { authorization: value, 'x-api-key': '-' }
    expect(await sentOn({ caller: caller() }, headers)).toEqual([])
  },
)
