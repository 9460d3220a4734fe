import type { JWK } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import type { IssuerConfig } from '../../src/config/config.ts'
import { readToken } from '../../src/gateway/identity/jwt.ts'
import { createKeySets } from '../../src/gateway/identity/key-sets.ts'
import { createTokenScheme } from '../../src/gateway/identity/schemes/token.ts'
import { fakeClock } from '../support/clock.ts'
import { testConfig } from '../support/config.ts'
import { now, type TestSigner, testSigner, unsigned } from '../support/keys.ts'

const issuer = 'https://issuer.example.com'
const jwks = `${issuer}/keys`

let rsa: TestSigner
let ed: TestSigner
beforeAll(async () => {
  ;[rsa, ed] = await Promise.all([testSigner('RS256'), testSigner()])
})

const configured = (more: object = {}): IssuerConfig => {
  const entry = { issuer, audience: 'postern', domains: ['example.com'], ...more }
  const [config] = testConfig({ issuers: [entry] }).issuers
  return config as IssuerConfig
}

/** A gateway that believes one issuer. `documents`: what the network has, by URL. */
const gate = (config: IssuerConfig, documents?: Record<string, unknown>) => {
  const clock = fakeClock()
  clock.setWall(now)
  const asked: string[] = []
  const logged: string[] = []
  const network: Record<string, unknown> = documents ?? {
    [`${issuer}/.well-known/openid-configuration`]: { issuer, jwks_uri: jwks },
    [jwks]: setOf(rsa),
  }
  const platform = {
    clock,
    log: (_level: string, evt: string, fields?: object) =>
      void logged.push(`${evt} ${JSON.stringify(fields)}`),
    waitUntil: (work: Promise<unknown>) => void work,
    fingerprint: (secret: string) => `digest of ${secret}`,
    getJson: async ({ href }: URL) => {
      asked.push(href)
      if (network[href] === undefined) throw new Error(`${href} does not answer`)
      return network[href]
    },
  }
  const keySets = createKeySets(platform)
  const scheme = createTokenScheme({ ...platform, issuers: [config], keySets })
  const read = (text: string) => {
    const token = readToken(text)
    if (token === undefined) throw new Error('not a token')
    return token
  }
  return {
    ...scheme,
    check: (text: string) => scheme.check(read(text)),
    isProven: async (text: string) => (await scheme.recall(read(text))).caller !== undefined,
    clock,
    asked,
    logged,
    network,
  }
}

const setOf = (...signers: readonly TestSigner[]) => ({
  keys: signers.map(({ jwk, kid }): JWK => ({ ...jwk, kid })),
})

const claims = (changes: object = {}) => ({
  iss: issuer,
  aud: 'postern',
  sub: 'user-1',
  email: 'Alice@Example.com',
  email_verified: true,
  iat: now / 1000,
  exp: now / 1000 + 600,
  ...changes,
})

const alice = {
  login: 'alice@example.com',
  kind: 'token',
  credentialId: 'issuer.example.com/user-1',
  groups: [],
}

describe('a token of an issuer', () => {
  it('is believed for the address that it says is verified', async () => {
    const { check, asked } = gate(configured())
    expect(await check(await rsa.sign(claims()))).toEqual({ caller: alice })
    expect(asked).toEqual([`${issuer}/.well-known/openid-configuration`, jwks])
  })

  it.each([
    ['another audience', { aud: 'another' }],
    ['no audience', { aud: undefined }],
    ['another issuer in the signed part', { iss: `${issuer}/` }],
    ['no end', { exp: undefined }],
    ['an end that never comes', { exp: 1e300 }],
    ['an end that is text', { exp: '9999999999' }],
    ['a start in ten minutes', { nbf: now / 1000 + 600 }],
    ['a signature of the future', { iat: now / 1000 + 600 }],
    ['an address that is not verified', { email_verified: false }],
    ['an address that is verified in words', { email_verified: 'true' }],
    ['an address of another domain', { email: 'alice@evil.example' }],
    ['an address of a domain below', { email: 'alice@sub.example.com' }],
    ['an address of a domain that ends alike', { email: 'alice@notexample.com' }],
    ['two domains', { email: 'alice@evil.example@example.com' }],
    ['two domains, ours first', { email: 'alice@example.com@evil.example' }],
    ['nobody at the domain', { email: '@example.com' }],
    ['blanks in the address', { email: 'alice smith@example.com' }],
    ['letters that look like others', { email: 'alice\u212A@example.com' }],
    ['a list of addresses', { email: ['alice@example.com'] }],
    ['no address', { email: undefined }],
  ])('with %s is refused', async (_, changes) => {
    const { check } = gate(configured())
    const token = await rsa.sign(claims(changes))
    const known = readToken(token)?.issuer === issuer
    if (known) expect(await check(token)).toMatchObject({ failure: 'bad_token' })
  })

  it('is refused after its end, with half a minute for the clocks, also when it was right before', async () => {
    const { check, isProven, clock } = gate(configured())
    const token = await rsa.sign(claims({ exp: now / 1000 + 20 }))
    expect(await check(token)).toHaveProperty('caller')
    clock.advance(49_000)
    expect(await check(token)).toHaveProperty('caller')
    clock.advance(1000)
    expect(await check(token)).toEqual({ failure: 'expired_key', user: '' })
    expect(await isProven(token)).toBe(false)
  })

  it('of an algorithm that is not named, or of none, is refused', async () => {
    const { check } = gate(configured({ algorithms: ['ES256'] }))
    expect(await check(await rsa.sign(claims()))).toMatchObject({ failure: 'bad_token' })
    for (const alg of ['none', 'HS256']) {
      const token = unsigned({ alg, kid: rsa.kid }, claims(), 'AAAA')
      expect(await check(token)).toMatchObject({ failure: 'bad_token' })
    }
  })

  it.each(['jku', 'x5u', 'jwk', 'x5c', 'crit', 'b64'])(
    'whose header has %s is refused, and nothing is fetched for it',
    async (name) => {
      const { check, asked } = gate(configured())
      const header = { alg: 'RS256', kid: rsa.kid, [name]: 'https://evil.example/keys' }
      expect(await check(unsigned(header, claims(), 'AAAA'))).toMatchObject({
        failure: 'bad_token',
      })
      expect(asked).toEqual([])
    },
  )

  it('signed by somebody else is refused, and is not a guess', async () => {
    const { check } = gate(configured())
    const other = await testSigner('RS256')
    const forged = await other.sign(claims(), { kid: rsa.kid })
    expect(await check(forged)).toEqual({ failure: 'bad_token', user: '' })
  })
})

describe('the login', () => {
  const loginOf = async (config: object, changes: object = {}): Promise<unknown> => {
    const { check } = gate(configured(config))
    const auth = await check(await rsa.sign(claims(changes)))
    return auth.caller?.login ?? auth.failure
  }

  it('may be another claim, with a prefix of the issuer (GitHub Actions)', async () => {
    const config = {
      login_claim: 'repository',
      prefix: 'github:',
      domains: [],
      required_claims: { repository_owner: 'acme' },
    }
    const workflow = { repository: 'Acme/Widgets', repository_owner: 'acme', email: undefined }
    expect(await loginOf(config, workflow)).toBe('github:acme/widgets')
    expect(await loginOf(config, { ...workflow, repository_owner: 'ACME' })).toBe('bad_token')
    expect(await loginOf(config, { ...workflow, repository_owner: ['acme'] })).toBe('bad_token')
    expect(await loginOf(config, { ...workflow, repository: undefined })).toBe('bad_token')
  })

  it('is the subject where there is no verified address', async () => {
    const config = { domains: [], prefix: 'idp:' }
    expect(await loginOf(config, { email: undefined })).toBe('idp:user-1')
    expect(await loginOf(config, { email_verified: false })).toBe('idp:user-1')
    expect(await loginOf({ ...config, login_claim: 'email' }, { email_verified: false })).toBe(
      'bad_token',
    )
  })

  it('is an address that nobody says is verified only where that is configured (Access, tsidp)', async () => {
    const unsaid = { email_verified: undefined }
    expect(await loginOf({ require_email_verified: false }, unsaid)).toBe('alice@example.com')
  })

  it.each(['owner', '(loopback)', 'group:admins', 'tag:server', '*'])(
    'is never somebody else’s: %s',
    async (name) => {
      expect(await loginOf({ login_claim: 'sub' }, { sub: name })).toBe('bad_token')
      const prefixed = await loginOf(
        { login_claim: 'sub', domains: [], prefix: 'x:' },
        { sub: name },
      )
      expect(prefixed).toBe(`x:${name}`)
    },
  )

  it('brings the groups of a claim, as far as they are names', async () => {
    const { check } = gate(configured({ groups_claim: 'groups' }))
    const groups = ['family', 'a b', '*', 7, 'x:y', 'ops']
    const auth = await check(await rsa.sign(claims({ groups })))
    expect(auth.caller?.groups).toEqual(['group:family', 'group:ops'])
  })
})

describe('the keys of an issuer', () => {
  it('are asked for once for many tokens, and remembered', async () => {
    const { check, asked } = gate(configured({ jwks }))
    const tokens = await Promise.all(
      Array.from({ length: 20 }, (_, at) => rsa.sign(claims({ sub: `user-${at}` }))),
    )
    const auths = await Promise.all(tokens.map(check))
    expect(auths.every(({ caller }) => caller !== undefined)).toBe(true)
    expect(asked).toEqual([jwks])
  })

  it('rotate with an overlap: no token fails while both are there, the old one after', async () => {
    const { check, network, clock } = gate(configured({ jwks }))
    const old = await rsa.sign(claims({ exp: now / 1000 + 7200 }))
    const fresh = await ed.sign(claims())
    expect(await check(old)).toHaveProperty('caller')
    network[jwks] = setOf(rsa, ed)
    clock.advance(15_000)
    for (const token of [old, fresh]) expect(await check(token)).toHaveProperty('caller')
    network[jwks] = setOf(ed)
    clock.advance(11 * 60_000)
    expect(await check(old)).toMatchObject({ failure: 'bad_token' })
  })

  it('are not asked for by whoever makes up key ids', async () => {
    const { check, asked, clock } = gate(configured({ jwks }))
    await check(await rsa.sign(claims()))
    clock.advance(15_000)
    for (let at = 0; at < 50; at++) {
      const token = unsigned({ alg: 'RS256', kid: `made-up-${at}` }, claims(), 'AAAA')
      expect(await check(token)).toMatchObject({ failure: 'bad_token' })
    }
    expect(asked).toHaveLength(2)
    clock.advance(14_999)
    await check(unsigned({ alg: 'RS256', kid: 'again' }, claims(), 'AAAA'))
    expect(asked).toHaveLength(2)
  })

  it('that cannot be had make a token neither right nor wrong, until they can', async () => {
    const { check, isProven, network, clock, asked, logged } = gate(configured({ jwks }), {})
    const token = await rsa.sign(claims())
    expect(await check(token)).toMatchObject({ failure: 'unavailable' })
    expect(await check(token)).toMatchObject({ failure: 'unavailable' })
    expect(asked).toHaveLength(1)
    expect(logged[0]).toContain('issuer.keys')
    network[jwks] = setOf(rsa)
    clock.advance(15_000)
    expect(await isProven(token)).toBe(false)
    expect(asked).toHaveLength(1)
    expect(await check(token)).toHaveProperty('caller')
    expect(await isProven(token)).toBe(true)
  })

  it('stay in force for a day while the issuer is away', async () => {
    const { check, network, clock } = gate(configured({ jwks }))
    const token = await rsa.sign(claims({ exp: now / 1000 + 3 * 86_400 }))
    expect(await check(token)).toHaveProperty('caller')
    network[jwks] = undefined
    clock.advance(23 * 3_600_000)
    expect(await check(token)).toHaveProperty('caller')
    clock.advance(2 * 3_600_000)
    expect(await check(token)).toMatchObject({ failure: 'unavailable' })
  })

  it.each([
    ['of another issuer', { issuer: 'https://evil.example', jwks_uri: jwks }],
    ['with keys over plain http', { issuer, jwks_uri: 'http://issuer.example.com/keys' }],
    ['with keys on this machine', { issuer, jwks_uri: 'http://127.0.0.1:9/keys' }],
    ['with a password in the address', { issuer, jwks_uri: 'https://a:b@issuer.example.com/keys' }],
    ['without keys', { issuer }],
    ['that is empty', null],
  ])('are not looked for by a discovery document %s', async (_, document) => {
    const { check, asked } = gate(configured(), {
      [`${issuer}/.well-known/openid-configuration`]: document,
      [jwks]: setOf(rsa),
    })
    expect(await check(await rsa.sign(claims()))).toMatchObject({ failure: 'unavailable' })
    expect(asked).toHaveLength(1)
  })

  it.each([
    ['a shared secret', { keys: [{ kty: 'oct', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0' }] }],
    ['no list', { keys: 'x' }],
    ['nothing', null],
    ['text', 'keys'],
  ])('that are %s let nobody in', async (_, set) => {
    const { check } = gate(configured({ jwks }), { [jwks]: set })
    expect(await check(await rsa.sign(claims()))).toHaveProperty('failure')
  })
})

describe('the header of a proxy in front', () => {
  const header = 'cf-access-jwt-assertion'

  it('is read only where the issuer has one, and only for its tokens', async () => {
    const headers = new Headers({ [header]: await rsa.sign(claims()) })
    expect(gate(configured()).asserted(headers)).toBeUndefined()
    const { asserted } = gate(configured({ header }))
    expect(await asserted(headers)).toEqual({ caller: alice })
    expect(asserted(new Headers())).toBeUndefined()
    const ours = unsigned({ alg: 'none' }, { iss: 'postern' })
    for (const text of ['x', ours, 'a'.repeat(9000)]) {
      expect(await asserted(new Headers({ [header]: text }))).toMatchObject({
        failure: 'bad_token',
      })
    }
  })
})
