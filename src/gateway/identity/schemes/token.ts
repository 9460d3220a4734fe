import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import type { IssuerConfig } from '../../../config/config.ts'
import { isLogin } from '../../../config/values/fields/fields.ts'
import type { Caller } from '../../../platform/caller.ts'
import type { Platform } from '../../../platform/platform.ts'
import type { Auth } from '../../http/env.ts'
import { claim, isTime, leeway, readToken, type Token } from '../jwt.ts'
import { IssuerUnavailable, type KeySets } from '../key-sets.ts'

/** Tokens of others that the configuration believes. */
export interface TokenScheme {
  /** Is it an issuer of ours? */
  knows(issuer: string): boolean
  /** Never rejects. No failure counts as a guess: no secret of ours can be guessed there. */
  check(token: Token): Promise<Auth>
  /** Who a proxy in front says is calling, in the header of an issuer. Undefined: it says nothing. */
  asserted(headers: Headers, keysOf?: 'find' | 'recall'): Promise<Auth> | undefined
  /** The same as `check` without asking the issuer. */
  recall(token: Token): Promise<Auth>
}

export interface TokenSchemeOptions {
  readonly issuers: readonly IssuerConfig[]
  readonly keySets: KeySets
  readonly clock: Platform['clock']
  readonly fingerprint: Platform['fingerprint']
}

/** ms until an issuer that did not answer is worth another try. */
const retryAfter = 5000
/** ms that a verdict is kept: a key that the issuer drops counts no longer for it. */
const provenFor = 60_000
const remembered = 5000
/** As long as any credential. */
const maxToken = 8 * 1024

interface Proof {
  readonly caller: Caller
  /** s since the epoch. */
  readonly exp: number
}

export const createTokenScheme = (options: TokenSchemeOptions): TokenScheme => {
  const { keySets, clock, fingerprint } = options
  const issuers = new Map(options.issuers.map((issuer) => [issuer.issuer, issuer]))
  const proven = new LRUCache<string, Proof>({
    max: remembered,
    ttl: provenFor,
    ttlResolution: 0,
    perf: { now: () => clock.elapsed() },
  })

  const examine = async (token: Token, keysOf: 'find' | 'recall'): Promise<Auth> => {
    const issuer = issuers.get(token.issuer)
    if (issuer === undefined || !token.sound) return badToken
    const print = await fingerprint(token.text)
    const known = proven.get(print)
    if (known !== undefined && known.exp > clock.now() / 1000) return { caller: known.caller }
    const proof = await verify(token.text, issuer, keySets.of(issuer)[keysOf], clock.now())
    if ('failure' in proof) return proof
    proven.set(print, proof)
    return { caller: proof.caller }
  }

  const carriers = options.issuers.filter(({ header }) => header !== undefined)

  return {
    asserted: (headers, keysOf = 'find') => {
      for (const { issuer, header = '' } of carriers) {
        const text = headers.get(header)
        if (text === null || text === '') continue
        const token = text.length > maxToken ? undefined : readToken(text)
        // Another's token is not an answer to what this header asks.
        return token?.issuer === issuer ? examine(token, keysOf) : Promise.resolve(badToken)
      }
      return undefined
    },
    knows: (issuer) => issuers.has(issuer),
    check: (token) => examine(token, 'find'),
    recall: (token) => examine(token, 'recall'),
  }
}

type Refused = Extract<Auth, { readonly user: string }>

const badToken: Refused = { failure: 'bad_token', user: '' }
const expired: Refused = { failure: 'expired_key', user: '' }
const unavailable: Refused = { failure: 'unavailable', user: '', retryAfter }

const verify = async (
  text: string,
  issuer: IssuerConfig,
  keys: JWTVerifyGetKey,
  now: number,
): Promise<Proof | Refused> => {
  try {
    const { payload } = await jwtVerify(text, keys, {
      algorithms: [...issuer.algorithms],
      issuer: issuer.issuer,
      audience: issuer.audience,
      clockTolerance: leeway,
      currentDate: new Date(now),
    })
    const { exp, iat } = payload
    // Also one that has none.
    if (!isTime(exp)) return badToken
    if (iat !== undefined && (!isTime(iat) || iat > now / 1000 + leeway)) return badToken
    const caller = callerOf(payload, issuer)
    return caller === undefined ? badToken : { caller, exp: exp + leeway }
  } catch (error) {
    if (error instanceof IssuerUnavailable) return unavailable
    return error instanceof errors.JWTExpired ? expired : badToken
  }
}

const callerOf = (claims: JWTPayload, issuer: IssuerConfig): Caller | undefined => {
  for (const [name, wanted] of issuer.requiredClaims) {
    if (claim(claims, name) !== wanted) return undefined
  }
  const login = loginOf(claims, issuer)
  if (login === undefined) return undefined
  const subject = claim(claims, 'sub')
  const name = typeof subject === 'string' && subject !== '' ? subject : login
  return {
    login,
    kind: 'token',
    credentialId: `${new URL(issuer.issuer).host}/${name}`.slice(0, maxId),
    groups: groupsOf(claims, issuer),
  }
}

const maxId = 128
const maxGroups = 64

const loginOf = (claims: JWTPayload, issuer: IssuerConfig): string | undefined => {
  const name = nameOf(claims, issuer)
  // Letters that stand for others (U+212A is lower-case "k") are another person to the issuer, and would be one here.
  if (name === undefined || name.normalize('NFKC') !== name) return undefined
  const text = name.toLowerCase()
  const login = issuer.prefix + text
  return inDomains(text, issuer.domains) && isLogin(login) ? login : undefined
}

const nameOf = (claims: JWTPayload, issuer: IssuerConfig): string | undefined => {
  const { loginClaim, requireEmailVerified } = issuer
  const verified = !requireEmailVerified || claim(claims, 'email_verified') === true
  const email = verified ? textOf(claims, 'email') : undefined
  if (loginClaim === 'email') return email
  return loginClaim === undefined ? (email ?? textOf(claims, 'sub')) : textOf(claims, loginClaim)
}

const textOf = (claims: JWTPayload, name: string): string | undefined => {
  const value = claim(claims, name)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** With one `@` there is one reading of where the domain begins. */
const inDomains = (login: string, domains: readonly string[]): boolean => {
  if (domains.length === 0) return true
  const [local, domain, ...more] = login.split('@')
  return local !== '' && domain !== undefined && more.length === 0 && domains.includes(domain)
}

const groupsOf = (claims: JWTPayload, { groupsClaim }: IssuerConfig): readonly string[] => {
  const value = groupsClaim === undefined ? [] : claim(claims, groupsClaim)
  const names: readonly unknown[] = Array.isArray(value) ? value : [value]
  return names
    .filter((name) => typeof name === 'string' && /^[^\s\p{C}:*]{1,128}$/u.test(name))
    .slice(0, maxGroups)
    .map((name) => `group:${name}`)
}
