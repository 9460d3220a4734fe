import { jwtVerify, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import type { UserConfig } from '../../src/config/config.ts'
import { createSessionScheme, sessionLifetime } from '../../src/gateway/identity/schemes/session.ts'
import { fakeClock } from '../support/clock.ts'

const secret = new Uint8Array(32).fill(7)
const alice: UserConfig = {
  password: '$2b$04$one',
  login: 'Alice@example.com',
  groups: ['group:x'],
}
const bob: UserConfig = { password: '$2b$04$two', login: 'bob', groups: [] }
const both = { alice, bob }

const ended = new Set<string>()

const schemeFor = (
  users: Record<string, UserConfig> = both,
  clock = fakeClock(),
  key: Uint8Array | Uint8Array[] = secret,
) => {
  let ids = 0
  return createSessionScheme({
    users: new Map(Object.entries(users)),
    secrets: Array.isArray(key) ? key : [key],
    fingerprint: (text) => `digest of ${text}`,
    clock,
    newId: () => `id-${++ids}`,
    ended: (id) => ended.has(id),
  })
}

const day = 86_400_000

/** A token like a real one, but for what the test changes. */
const forged = async (
  claims: Record<string, unknown>,
  { key = secret, alg = 'HS256', typ = 'postern-session+jwt' } = {},
) => {
  const real = await schemeFor().issue('alice')
  const { payload } = await jwtVerify(real, secret, { currentDate: new Date(fakeClock().now()) })
  return new SignJWT({ ...payload, ...claims }).setProtectedHeader({ alg, typ }).sign(key)
}

describe('a session', () => {
  it('is the user who signed in, as their password would have shown them', async () => {
    const sessions = schemeFor()
    const session = await sessions.check(await sessions.issue('alice'))
    expect(session).toEqual({
      caller: {
        login: 'alice@example.com',
        kind: 'password',
        credentialId: 'alice',
        groups: ['group:x'],
      },
      id: 'id-1',
      aging: false,
    })
  })

  it('outlives a restart with the same secret, and no other', async () => {
    const token = await schemeFor().issue('alice')
    expect(await schemeFor().check(token)).toBeDefined()
    expect(await schemeFor(both, fakeClock(), new Uint8Array(32).fill(8)).check(token)).toBe(
      undefined,
    )
  })

  it('stays good while its secret is the one before, and is to be signed anew', async () => {
    const next = new Uint8Array(32).fill(8)
    const token = await schemeFor().issue('alice')
    const both = [next, secret]
    const during = schemeFor(undefined, undefined, both)
    expect(await during.check(token)).toMatchObject({ id: 'id-1', aging: true })
    const renewed = await during.issue('alice', 'id-1')
    expect(await during.check(renewed)).toMatchObject({ id: 'id-1', aging: false })
    const after = schemeFor(undefined, undefined, next)
    expect(await after.check(token)).toBeUndefined()
    expect(await after.check(renewed)).toMatchObject({ id: 'id-1' })
    expect(await schemeFor().check(renewed)).toBeUndefined()
  })

  it('of a secret before ends with its password all the same', async () => {
    const token = await schemeFor().issue('alice')
    const other = { ...both, alice: { ...alice, password: '$2b$04$new' } }
    const secrets = [new Uint8Array(32).fill(8), secret]
    expect(await schemeFor(other, undefined, secrets).check(token)).toBeUndefined()
  })

  it('ages after a day and ends after thirty, verified before or not', async () => {
    const clock = fakeClock()
    const sessions = schemeFor(both, clock)
    const token = await sessions.issue('alice')
    clock.advance(day)
    expect(await sessions.check(token)).toMatchObject({ aging: false })
    clock.advance(1000)
    expect(await sessions.check(token)).toMatchObject({ aging: true })
    clock.advance(sessionLifetime * 1000 - day - 2000)
    expect(await sessions.check(token)).toBeDefined()
    clock.advance(1000)
    expect(await sessions.check(token)).toBeUndefined()
    expect(await schemeFor(both, clock).check(token)).toBeUndefined()
  })

  it.each([
    ['a new password', { alice: { ...alice, password: '$2b$04$new' }, bob }],
    ['another login', { alice: { ...alice, login: 'mallory' }, bob }],
    ['the user gone', { bob }],
    ['the name given to somebody else', { alice: bob }],
  ])('ends with %s', async (_what, users) => {
    const token = await schemeFor().issue('alice')
    expect(await schemeFor(users).check(token)).toBeUndefined()
  })

  it('is what it was when only other users change', async () => {
    const token = await schemeFor().issue('alice')
    expect(await schemeFor({ alice }).check(token)).toBeDefined()
  })

  it('tells nothing of the password hash', async () => {
    const token = await schemeFor().issue('alice')
    expect(atob(token.split('.')[1] ?? '')).not.toContain('$2b$')
  })
})

describe('what is not a session', () => {
  it.each([
    ['another audience', { aud: 'postern-api' }],
    ['two audiences without it', { aud: ['a', 'b'] }],
    ['another issuer', { iss: 'open-webui' }],
    ['no expiry', { exp: undefined }],
    ['an expiry that never comes', { exp: Number.MAX_VALUE }],
    ['an expiry in the past', { exp: 1 }],
    ['no id', { jti: undefined }],
    ['no subject', { sub: undefined }],
    ['somebody else as subject', { sub: 'bob' }],
    ['somebody else as user', { user: 'bob' }],
    ['a user of another type', { user: ['alice'] }],
    ['no digest of the password', { password: undefined }],
    ['a prototype', { user: '__proto__' }],
  ])('is a token with %s, though well signed', async (_what, claims) => {
    expect(await schemeFor().check(await forged(claims))).toBeUndefined()
  })

  it.each([
    ['HS384', { alg: 'HS384' }],
    ['HS512', { alg: 'HS512' }],
    ['another type', { typ: 'JWT' }],
    ['another key', { key: new Uint8Array(32).fill(9) }],
  ])('is a token with %s', async (_what, how) => {
    expect(await schemeFor().check(await forged({}, how))).toBeUndefined()
  })

  it('is an unsigned token', async () => {
    const [, claims] = (await schemeFor().issue('alice')).split('.')
    for (const alg of ['none', 'None', 'nOnE']) {
      const head = btoa(JSON.stringify({ alg, typ: 'postern-session+jwt' })).replaceAll('=', '')
      expect(await schemeFor().check(`${head}.${claims}.`)).toBeUndefined()
    }
  })

  it.each(['', '.', '..', 'a.b.c', '%00', 'null', '.'.repeat(4000), 'ey'.repeat(2000)])(
    'is %j',
    async (text) => {
      expect(await schemeFor().check(text)).toBeUndefined()
    },
  )

  it('is anything for nobody: who does not exist cannot be given one', async () => {
    await expect(schemeFor().issue('nobody')).rejects.toThrow(RangeError)
  })

  it('that was ended counts no more, however often it was renewed', async () => {
    const clock = fakeClock()
    const sessions = schemeFor(both, clock)
    const first = await sessions.issue('alice')
    const { id } = (await sessions.check(first)) ?? { id: '' }
    clock.advance(2 * day)
    const renewed = await sessions.issue('alice', id)
    expect((await sessions.check(renewed))?.id).toBe(id)
    ended.add(id)
    expect(await sessions.check(first)).toBeUndefined()
    expect(await sessions.check(renewed)).toBeUndefined()
    expect(await sessions.check(await sessions.issue('alice'))).toBeDefined()
    ended.clear()
  })
})
