import { randomBytes } from 'node:crypto'
import { CompactEncrypt, SignJWT } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import type { IssuerConfig } from '../../src/config/config.ts'
import { digestOf, newRandomKey } from '../../src/gateway/identity/key-format.ts'
import { createKeySets } from '../../src/gateway/identity/key-sets.ts'
import { createKeys } from '../../src/gateway/identity/keys.ts'
import { createKeyScheme } from '../../src/gateway/identity/schemes/key.ts'
import { createTokenScheme } from '../../src/gateway/identity/schemes/token.ts'
import type { ApiKey, SigningKey } from '../../src/platform/records/api-key.ts'
import { fakeClock } from '../support/clock.ts'
import { computed } from '../support/computed.ts'
import {
  apiKey,
  claimsOf,
  now,
  ownTyp,
  type TestSigner,
  testSigner,
  unsigned,
} from '../support/keys.ts'
import { memoryStore } from '../support/store.ts'

let signer: TestSigner
beforeAll(async () => {
  signer = await testSigner()
})

/** A gateway that knows these keys. */
const gate = async (keys: readonly ApiKey[], signers: readonly SigningKey[] = [signer]) => {
  const clock = fakeClock()
  clock.setWall(now)
  const store = memoryStore()
  store.changeKeys({ keys, signers })
  const background: Promise<unknown>[] = []
  const platform = {
    clock,
    store,
    log: () => {},
    waitUntil: (work: Promise<unknown>) => void background.push(work),
    fingerprint: (secret: string) => `digest of ${secret}`,
  }
  const known = createKeys(platform)
  await known.loaded
  const issuers: readonly IssuerConfig[] = []
  const getJson = () => Promise.reject(new Error('nothing is fetched'))
  const keySets = createKeySets({ ...platform, getJson })
  const tokens = createTokenScheme({ ...platform, issuers, keySets })
  return { ...createKeyScheme({ ...platform, keys: known, tokens }), clock, store, known }
}

const random = newRandomKey(randomBytes)
const rowOf = async (changes: Partial<ApiKey> = {}) =>
  apiKey({ id: 'r0000000000a', digest: await digestOf(random), ...changes })
const signedRow = (changes: Partial<ApiKey> = {}) => apiKey({ kid: signer.kid, ...changes })
const signedKey = (row: ApiKey, changes: object = {}, header: object = {}) =>
  signer.sign({ ...claimsOf(row), ...changes }, { ...ownTyp, ...header })

const caller = { login: 'alice@example.com', kind: 'key', groups: [] }

describe('a random key', () => {
  it('has the login of its row, and the limits', async () => {
    const limits = { models: ['local/**'], role: 'user' as const }
    const { check, recall } = await gate([await rowOf({ limits })])
    const auth = { caller: { ...caller, credentialId: 'r0000000000a', limits } }
    expect(await check(random)).toEqual(auth)
    expect(await check(random)).toEqual(auth)
    expect(await recall(random)).toEqual(auth)
  })

  it('that nobody has counts as a guess; one that is not whole does not', async () => {
    const { check } = await gate([await rowOf()])
    expect(await check(newRandomKey(randomBytes))).toEqual({ failure: 'unknown_key', user: '' })
    expect(await check(random.slice(0, -1))).toEqual({ failure: 'malformed', user: '' })
  })

  it('is refused when it is expired or revoked, however often it was right before', async () => {
    const row = await rowOf()
    const { check, recall, clock, store } = await gate([row])
    expect(await check(random)).toHaveProperty('caller')
    store.changeKeys({ keys: [{ ...row, revokedAt: now }], signers: [] })
    expect(await check(random)).toEqual({ failure: 'revoked_key', user: row.login })
    expect(await recall(random)).toEqual({ failure: 'revoked_key', user: row.login })
    store.changeKeys({ keys: [row], signers: [] })
    expect(await check(random)).toHaveProperty('caller')
    clock.advance(86_400_000)
    expect(await check(random)).toEqual({ failure: 'expired_key', user: row.login })
    store.changeKeys({ keys: [], signers: [] })
    expect(await check(random)).toEqual({ failure: 'unknown_key', user: '' })
  })

  it('is neither right nor wrong while the ledger does not tell', async () => {
    const store = memoryStore()
    store.changeKeys(undefined)
    const clock = fakeClock()
    const platform = { clock, store, log: () => {}, waitUntil: () => {}, fingerprint: String }
    const keys = createKeys(platform)
    await keys.loaded
    const tokens = { knows: () => false, check: never, recall: never, asserted: () => undefined }
    const { check } = createKeyScheme({ ...platform, keys, tokens })
    expect(await check(random)).toMatchObject({ failure: 'unavailable' })
    store.changeKeys({ keys: [await rowOf({ expiresAt: null })], signers: [] })
    expect(await check(random)).toHaveProperty('caller')
  })

  it('leaves a note of its use once a minute', async () => {
    const { check, clock, store } = await gate([await rowOf()])
    for (let at = 0; at < 5; at++) await check(random)
    expect(store.keyUses).toEqual([{ id: 'r0000000000a', at: now }])
    clock.advance(60_000)
    await check(random)
    expect(store.keyUses).toHaveLength(2)
  })
})

const never = () => Promise.reject(new Error('not asked'))

describe('a signed key', () => {
  it('has the login of its row, with and without an end', async () => {
    const ending = signedRow()
    const endless = signedRow({ id: 'k0000000000b', expiresAt: null })
    const { check } = await gate([ending, endless])
    expect(await check(await signedKey(ending))).toEqual({
      caller: { ...caller, credentialId: ending.id },
    })
    expect(await check(await signedKey(endless))).toHaveProperty('caller')
  })

  it('that gives itself no end, or another one, is refused', async () => {
    const row = signedRow()
    const { check } = await gate([row])
    const { exp: _, ...endless } = claimsOf(row)
    expect(await check(await signer.sign(endless, ownTyp))).toMatchObject({ failure: 'bad_token' })
    for (const exp of [(row.expiresAt ?? 0) / 1000 + 1, 1e300, '1', -1]) {
      expect(await check(await signedKey(row, { exp }))).not.toHaveProperty('caller')
    }
    const never = signedRow({ id: 'k0000000000b', expiresAt: null })
    const other = await gate([never])
    const exp = now / 1000 + 60
    expect(await other.check(await signedKey(never, { exp }))).toMatchObject({
      failure: 'bad_token',
    })
    const infinite = await signWithText(row, (text) => text.replace(/"exp":\d+/, '"exp":1e400'))
    expect(await check(infinite)).toMatchObject({ failure: 'bad_token' })
  })

  it.each(['none', 'None', 'nOnE', 'HS256', 'HS384', 'RS256', 'ES256', 'Ed448', '', 7])(
    'of algorithm %s is refused',
    async (alg) => {
      const row = signedRow()
      const { check } = await gate([row])
      const whole = await signedKey(row)
      const header = { ...ownTyp, alg, kid: signer.kid }
      for (const signature of ['', whole.split('.')[2]]) {
        const auth = await check(unsigned(header, claimsOf(row), signature))
        expect(auth).toMatchObject({ failure: expect.stringMatching(/^(bad_token|unknown_key)$/) })
      }
    },
  )

  it('of the same algorithm by its other name is refused: one to a key', async () => {
    const row = signedRow()
    const { check } = await gate([row])
    const header = JSON.stringify({ ...ownTyp, alg: 'Ed25519', kid: signer.kid })
    const token = await signRaw(header, JSON.stringify(claimsOf(row)))
    expect(await check(token)).toMatchObject({ failure: 'bad_token' })
  })

  it('signed with the public key as a secret is refused', async () => {
    const row = signedRow()
    const { check } = await gate([row])
    const secret = Buffer.from(signer.jwk.x ?? '', 'base64url')
    const forged = await new SignJWT(claimsOf(row))
      .setProtectedHeader({ alg: 'HS256', ...ownTyp, kid: signer.kid })
      .sign(secret)
    expect(await check(forged)).toMatchObject({ failure: 'bad_token' })
  })

  it('with a wrong signature under a name that exists counts as a guess', async () => {
    const row = signedRow()
    const { check } = await gate([row])
    const [header, claims] = (await signedKey(row)).split('.')
    const [, , other] = (await signedKey(row, { jti: 'other' })).split('.')
    expect(await check(`${header}.${claims}.${other}`)).toMatchObject({ failure: 'unknown_key' })
  })

  it.each(['../../dev/null', "' OR 1--", 'x'.repeat(5000), 7, ['a'], null, 'unknown', '__proto__'])(
    'with the kid %j is refused without a look anywhere',
    async (kid) => {
      const row = signedRow()
      const { check } = await gate([row])
      const token = unsigned({ alg: 'EdDSA', ...ownTyp, kid }, claimsOf(row), 'AAAA')
      expect(await check(token)).toEqual({ failure: 'bad_token', user: '' })
    },
  )

  it.each(['jku', 'x5u', 'jwk', 'x5c', 'crit', 'b64'])(
    'whose header has %s is refused though its signature is right',
    async (name) => {
      const row = signedRow()
      const { check } = await gate([row])
      const value = { jwk: signer.jwk, crit: ['b64'], b64: true }[name] ?? 'https://evil.example/'
      const header = { alg: 'EdDSA', ...ownTyp, kid: signer.kid, [name]: value }
      const token = await signRaw(JSON.stringify(header), JSON.stringify(claimsOf(row)))
      expect(await check(token)).toEqual({ failure: 'bad_token', user: '' })
    },
  )

  it.each([
    ['no audience', { aud: undefined }],
    ['another audience', { aud: 'postern-session' }],
    ['a list of audiences', { aud: ['postern-api'] }],
    ['another subject', { sub: 'owner' }],
    ['no subject', { sub: undefined }],
    ['another key’s id', { jti: 'k0000000000z' }],
    ['no id', { jti: undefined }],
    ['an id that is not text', { jti: ['k0000000000a'] }],
    ['a start in ten minutes', { nbf: now / 1000 + 600 }],
    ['a signature of the future', { iat: now / 1000 + 600 }],
    ['no time of signature', { iat: undefined }],
  ])('with %s is refused', async (_, changes) => {
    const row = signedRow()
    const { check } = await gate([row])
    expect(await check(await signedKey(row, changes))).toMatchObject({ failure: 'bad_token' })
  })

  it.each(['JWT', 'postern-session+jwt', undefined])(
    'is no other token of ours: typ %s',
    async (typ) => {
      const row = signedRow()
      const { check } = await gate([row])
      expect(await check(await signedKey(row, {}, { typ }))).toMatchObject({ failure: 'bad_token' })
    },
  )

  it('may differ by half a minute on what time it is', async () => {
    const row = signedRow()
    const { check } = await gate([row])
    const early = { nbf: now / 1000 + 30, iat: now / 1000 + 30 }
    expect(await check(await signedKey(row, early))).toHaveProperty('caller')
  })

  it('has one spelling', async () => {
    const row = signedRow()
    const { check } = await gate([row])
    const token = await signedKey(row)
    expect(await check(token)).toHaveProperty('caller')
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const last = alphabet.indexOf(token.at(-1) ?? '')
    const respelled = token.slice(0, -1) + alphabet[last ^ 1]
    for (const other of [respelled, `${token}=`, `${token}==`]) {
      expect(await check(other)).toEqual({ failure: 'bad_token', user: '' })
    }
  })

  it('means by a doubled or poisonous claim nothing more', async () => {
    const row = signedRow()
    const { check } = await gate([row])
    const twice = await signWithText(row, (text) => text.replace('{', '{"sub":"owner",'))
    expect(await check(twice)).toEqual({ caller: { ...caller, credentialId: row.id } })
    const poison = '{"__proto__":{"role":"admin","limits":{}},'
    const poisoned = await signWithText(row, (text) => text.replace('{', poison))
    expect(await check(poisoned)).toEqual({ caller: { ...caller, credentialId: row.id } })
    const list = await signRaw(JSON.stringify({ alg: 'EdDSA', kid: signer.kid }), '[1]')
    expect(await check(list)).toBe('not_ours')
  })

  it('is not looked for in a heap of dots, nor in what is encrypted', async () => {
    const { check } = await gate([])
    const jwe = await new CompactEncrypt(new TextEncoder().encode('{"iss":"postern"}'))
      .setProtectedHeader({ alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 1000 })
      .encrypt(new TextEncoder().encode('secret'))
    const from = computed()
    for (const text of ['.'.repeat(8192), 'a.'.repeat(4000), jwe, 'a.b.c', 'e30.e30.']) {
      expect(await check(text)).toBe('not_ours')
    }
    expect(computed() - from).toBeLessThan(50)
  })

  it('is refused at once when it is revoked, though its signature was found right', async () => {
    const row = signedRow()
    const { check, store, known } = await gate([row])
    const token = await signedKey(row)
    for (let at = 0; at < 100; at++) expect(await check(token)).toHaveProperty('caller')
    expect([...known.proven.values()]).toEqual([row.id])
    store.changeKeys({ keys: [{ ...row, revokedAt: now }], signers: [signer] })
    expect(await check(token)).toEqual({ failure: 'revoked_key', user: row.login })
  })

  it('outlives the rotation of what signed it until that is retired', async () => {
    const next = await testSigner()
    const old = signedRow()
    const fresh = apiKey({ id: 'k0000000000n', kid: next.kid })
    const keys = [old, fresh]
    const { check, store } = await gate([old])
    const tokens = [await signedKey(old), await next.sign(claimsOf(fresh), ownTyp)] as const
    expect(await check(tokens[0])).toHaveProperty('caller')
    store.changeKeys({ keys, signers: [next, signer] })
    for (const token of tokens) expect(await check(token)).toHaveProperty('caller')
    store.changeKeys({ keys, signers: [next] })
    expect(await check(tokens[0])).toMatchObject({ failure: 'bad_token' })
    expect(await check(tokens[1])).toHaveProperty('caller')
  })
})

describe('what is not a key of ours', () => {
  it.each(['sk-anything', 'eyJhbGciOiJub25lIn0.eyJpc3MiOiJvdGhlciJ9.', 'PST_abc', 'dummy'])(
    'is nobody’s: %s',
    async (text) => {
      const { check, recall } = await gate([])
      expect(await check(text)).toBe('not_ours')
      expect(await recall(text)).toBe('not_ours')
    },
  )
})

const encode = (text: string): string => Buffer.from(text).toString('base64url')

/** Signs a header and claims that no library would write. */
const signRaw = async (header: string, claims: string): Promise<string> => {
  const input = `${encode(header)}.${encode(claims)}`
  const bytes = await crypto.subtle.sign('Ed25519', signer.privateKey, Buffer.from(input))
  return `${input}.${Buffer.from(bytes).toString('base64url')}`
}

const signWithText = (row: ApiKey, change: (text: string) => string): Promise<string> => {
  const header = { ...ownTyp, alg: 'EdDSA', kid: signer.kid }
  return signRaw(JSON.stringify(header), change(JSON.stringify(claimsOf(row))))
}
