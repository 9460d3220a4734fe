import { type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { LRUCache } from 'lru-cache'
import type { UserConfig } from '../../config/config.ts'
import type { Platform } from '../../platform.ts'
import type { Caller } from '../caller.ts'
import { passwordCaller } from './password.ts'

/** What a browser holds once its user has signed in with a password here. */
export interface Session {
  readonly caller: Caller
  /** The same for as long as it is renewed. */
  readonly id: string
  /** Old enough to be replaced by a new one, so that who comes back within 30 days stays signed in. */
  readonly aging: boolean
}

export interface SessionScheme {
  /** Undefined: no session, whatever is wrong with it. Never throws. */
  check(token: string): Promise<Session | undefined>
  /** A token for a user of the configuration, who was proven just now. @param id of a session that is renewed */
  issue(user: string, id?: string): Promise<string>
}

export interface SessionSchemeOptions {
  readonly users: ReadonlyMap<string, UserConfig>
  readonly sessionSecret: Uint8Array
  readonly fingerprint: Platform['fingerprint']
  readonly clock: Platform['clock']
  readonly newId: Platform['newId']
  /** Was it ended before its time? */
  readonly ended: (id: string) => boolean | Promise<boolean>
}

/** Seconds. */
export const sessionLifetime = 30 * 86_400
const agesAfter = 86_400

const typ = 'postern-session+jwt'
const issuer = 'postern'
/** Of its own, so that nothing else we sign counts as a session, nor a session as anything else (hazards 40). */
const audience = 'postern-session'

/** Verified tokens; each is a few hundred bytes. */
const remembered = 2000

/**
 * Browser sessions, signed and kept by the browser. Each holds a digest of the password's hash and of the authenticator's
 * secret: a new password, the first code, a renamed login or a removed user ends it with the reload that brings the
 * change.
 */
export const createSessionScheme = (options: SessionSchemeOptions): SessionScheme => {
  const { users, clock } = options
  const keys = importKeys(options.sessionSecret)
  const verified = new LRUCache<string, Claims>({ max: remembered })
  const digests = new Map<string, Promise<string>>()
  // One object per user: who it proves can be told from who was proven otherwise.
  const callers = new Map([...users].map(([name, user]) => [name, passwordCaller(name, user)]))

  const digestFor = (user: string, { password, totp }: UserConfig): Promise<string> => {
    const digest = digests.get(user) ?? digestOf(keys, totp ? `${password} ${totp}` : password)
    digests.set(user, digest)
    return digest
  }

  const verify = async (token: string): Promise<Claims | undefined> => {
    const fingerprint = await options.fingerprint(token)
    const known = verified.get(fingerprint)
    if (known) return known
    const { payload } = await jwtVerify(token, await keys, {
      algorithms: ['HS256'],
      typ,
      issuer,
      audience,
      requiredClaims: ['iat', 'exp', 'jti', 'sub'],
      currentDate: new Date(clock.now()),
    })
    const claims = readClaims(payload)
    if (claims) verified.set(fingerprint, claims)
    return claims
  }

  const accept = async (claims: Claims): Promise<Session | undefined> => {
    const now = Math.floor(clock.now() / 1000)
    const user = users.get(claims.user)
    const caller = callers.get(claims.user)
    if (user === undefined || caller?.login !== claims.sub || claims.exp <= now) return undefined
    if ((await digestFor(claims.user, user)) !== claims.password) return undefined
    if (await options.ended(claims.id)) return undefined
    return { caller, id: claims.id, aging: now - claims.iat > agesAfter }
  }

  return {
    check: async (token) => {
      try {
        const claims = await verify(token)
        return claims && (await accept(claims))
      } catch {
        // Whatever cannot be read or verified is no session (hazards 64).
        return undefined
      }
    },
    issue: async (name, id = options.newId()) => {
      const user = users.get(name)
      if (user === undefined) throw new RangeError('there is no such user')
      const now = Math.floor(clock.now() / 1000)
      return new SignJWT({ user: name, password: await digestFor(name, user) })
        .setProtectedHeader({ alg: 'HS256', typ })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(user.login.toLowerCase())
        .setJti(id)
        .setIssuedAt(now)
        .setExpirationTime(now + sessionLifetime)
        .sign(await keys)
    },
  }
}

interface Claims {
  readonly id: string
  readonly sub: string
  readonly user: string
  readonly password: string
  readonly iat: number
  readonly exp: number
}

/** One by one, for a claim may have any type; `1e400` would be an expiry that never comes (hazards 0.1 h). */
const readClaims = ({ jti, sub, user, password, iat, exp }: JWTPayload): Claims | undefined =>
  typeof jti === 'string' &&
  typeof sub === 'string' &&
  typeof user === 'string' &&
  typeof password === 'string' &&
  Number.isSafeInteger(iat) &&
  Number.isSafeInteger(exp)
    ? { id: jti, sub, user, password, iat: iat as number, exp: exp as number }
    : undefined

const importKeys = (secret: Uint8Array): Promise<CryptoKey> =>
  crypto.subtle.importKey(
    'raw',
    Uint8Array.from(secret),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign', 'verify'],
  )

/** Keyed, so that it tells the browser that holds it nothing about the hash. A JWT's signing input has no such head. */
const digestOf = async (keys: Promise<CryptoKey>, hash: string): Promise<string> => {
  const input = new TextEncoder().encode(`password hash:${hash}`)
  const digest = await crypto.subtle.sign('HMAC', await keys, input)
  return btoa(String.fromCharCode(...new Uint8Array(digest)))
}
