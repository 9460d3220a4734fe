import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { LRUCache } from 'lru-cache'
import type { UserConfig } from '../../../config/config.ts'
import type { Caller } from '../../../platform/caller.ts'
import type { Platform } from '../../../platform/platform.ts'
import { passwordCaller } from './password.ts'

/** What a browser holds once its user has signed in with a password here. */
export interface Session {
  readonly caller: Caller
  /** The same for as long as it is renewed. */
  readonly id: string
  /** To be replaced by a new one: it is old, or signed with a secret that is on its way out. */
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
  /** The first signs. What any of them signed is good, so that one can take the place of another. */
  readonly secrets: readonly Uint8Array[]
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
/** Of its own, so that nothing else we sign counts as a session, nor a session as anything else. */
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
  const signers = options.secrets.map(createSigner)
  const [first] = signers
  const verified = new LRUCache<string, Claims>({ max: remembered })
  // One object per user: who it proves can be told from who was proven otherwise.
  const callers = new Map([...users].map(([name, user]) => [name, passwordCaller(name, user)]))

  const verify = async (token: string): Promise<Claims | undefined> => {
    const fingerprint = await options.fingerprint(token)
    const known = verified.get(fingerprint)
    if (known) return known
    const claims = await verifyWithAny(signers, token, clock.now())
    if (claims) verified.set(fingerprint, claims)
    return claims
  }

  const accept = async (claims: Claims): Promise<Session | undefined> => {
    const now = Math.floor(clock.now() / 1000)
    const user = users.get(claims.user)
    const caller = callers.get(claims.user)
    if (user === undefined || caller?.login !== claims.sub || claims.exp <= now) return undefined
    if ((await claims.signer.digest(claims.user, user)) !== claims.password) return undefined
    if (await options.ended(claims.id)) return undefined
    const aging = now - claims.iat > agesAfter || claims.signer !== first
    return { caller, id: claims.id, aging }
  }

  return {
    check: async (token) => {
      try {
        const claims = await verify(token)
        return claims && (await accept(claims))
      } catch {
        // What cannot be read or verified is not a session.
        return undefined
      }
    },
    issue: async (name, id = options.newId()) => {
      const user = users.get(name)
      if (user === undefined || first === undefined) throw new RangeError('there is no such user')
      const now = Math.floor(clock.now() / 1000)
      return new SignJWT({ user: name, password: await first.digest(name, user) })
        .setProtectedHeader({ alg: 'HS256', typ })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(user.login.toLowerCase())
        .setJti(id)
        .setIssuedAt(now)
        .setExpirationTime(now + sessionLifetime)
        .sign(await first.key)
    },
  }
}

/** One of the secrets. */
interface Signer {
  readonly key: Promise<CryptoKey>
  /** Keyed, so that it tells the browser that holds it nothing about the hash. */
  digest(name: string, user: UserConfig): Promise<string>
}

const createSigner = (secret: Uint8Array): Signer => {
  const key = crypto.subtle.importKey(
    'raw',
    Uint8Array.from(secret),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign', 'verify'],
  )
  const digests = new Map<string, Promise<string>>()
  return {
    key,
    digest: (name, { password, totp }) => {
      const digest = digests.get(name) ?? digestOf(key, totp ? `${password} ${totp}` : password)
      digests.set(name, digest)
      return digest
    },
  }
}

/** A JWT's signing input has no such head. */
const digestOf = async (key: Promise<CryptoKey>, hash: string): Promise<string> => {
  const input = new TextEncoder().encode(`password hash:${hash}`)
  const digest = await crypto.subtle.sign('HMAC', await key, input)
  return btoa(String.fromCharCode(...new Uint8Array(digest)))
}

/** @throws what jose throws for a token that no secret could make good */
const verifyWithAny = async (
  signers: readonly Signer[],
  token: string,
  now: number,
): Promise<Claims | undefined> => {
  for (const signer of signers) {
    try {
      const { payload } = await jwtVerify(token, await signer.key, {
        algorithms: ['HS256'],
        typ,
        issuer,
        audience,
        requiredClaims: ['iat', 'exp', 'jti', 'sub'],
        currentDate: new Date(now),
      })
      return readClaims(payload, signer)
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error
    }
  }
  return undefined
}

interface Claims {
  readonly signer: Signer
  readonly id: string
  readonly sub: string
  readonly user: string
  readonly password: string
  readonly iat: number
  readonly exp: number
}

/** One by one, for a claim may have any type; `1e400` would be an expiry that never comes. */
const readClaims = (
  { jti, sub, user, password, iat, exp }: JWTPayload,
  signer: Signer,
): Claims | undefined =>
  typeof jti === 'string' &&
  typeof sub === 'string' &&
  typeof user === 'string' &&
  typeof password === 'string' &&
  Number.isSafeInteger(iat) &&
  Number.isSafeInteger(exp)
    ? { signer, id: jti, sub, user, password, iat: iat as number, exp: exp as number }
    : undefined
