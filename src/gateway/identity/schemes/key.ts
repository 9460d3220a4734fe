import { errors, type JWK, type JWTPayload, jwtVerify } from 'jose'
import type { Platform } from '../../../platform/platform.ts'
import type { ApiKey } from '../../../platform/records/api-key.ts'
import type { IdentityFailure } from '../../../platform/records/auth-failure.ts'
import type { Auth } from '../../http/env.ts'
import { claim, isTime, leeway, readToken, type Token } from '../jwt.ts'
import { digestOf, isWhole, looksRandom, signedKey } from '../key-format.ts'
import type { Keys } from '../keys.ts'
import type { TokenScheme } from './token.ts'

export interface KeyScheme {
  /**
   * Whose key this is. One of ours that is bad is refused here and now; `not_ours` claims to be nobody's.
   * Never rejects.
   */
  check(key: string): Promise<Auth | 'not_ours'>
  /** The same, as far as that can be told cheaply: no issuer is asked, and no use is noted. For a banned address. */
  recall(key: string): Promise<Auth | 'not_ours'>
}

export interface KeySchemeOptions {
  readonly keys: Keys
  readonly tokens: TokenScheme
  readonly clock: Platform['clock']
  readonly fingerprint: Platform['fingerprint']
}

/** ms until a database that did not answer is worth another try. */
const retryAfter = 2000

/**
 * API keys: random ones (`pst_…`), ones that we signed, and tokens of issuers that the configuration names.
 *
 * What counts as a guess: a whole random key that nobody has, and a wrong signature under the name of a
 * key that exists. A slip of the finger, an expired or revoked key and a token that is wrong in any other way do not.
 */
export const createKeyScheme = ({
  keys,
  tokens,
  clock,
  fingerprint,
}: KeySchemeOptions): KeyScheme => {
  const accept = acceptance()

  /** The verdict on a key that the credential was proven to be. */
  const conclude = (row: ApiKey): Auth => {
    const failure = standing(row, keys, clock.now())
    return failure === undefined ? accept(row) : { failure, user: row.login }
  }

  const ofRandom = async (text: string, print: string): Promise<Auth> => {
    if (!isWhole(text)) return { failure: 'malformed', user: '' }
    if (!keys.known) return unavailable
    const row = keys.byDigest(await digestOf(text))
    if (row === undefined) return { failure: 'unknown_key', user: '' }
    keys.proven.set(print, row.id)
    return conclude(row)
  }

  const ofSigned = async (token: Token, print: string): Promise<Auth> => {
    if (!keys.known) return unavailable
    const row = named(token, keys)
    if (row === undefined) return badToken
    const verdict = conclude(row)
    // No signature is worth checking under the name of a key that is not valid.
    if (verdict.caller === undefined) return verdict
    const failure = await verify(token.text, row, keys, clock.now())
    if (failure !== undefined) return { failure, user: row.login }
    keys.proven.set(print, row.id)
    return verdict
  }

  const examine = async (
    text: string,
    ofIssuer: (token: Token) => Promise<Auth>,
  ): Promise<Auth | 'not_ours'> => {
    const print = await fingerprint(text)
    const known = keys.byId(keys.proven.get(print) ?? '')
    if (known !== undefined) return conclude(known)
    if (looksRandom(text)) return ofRandom(text, print)
    const token = readToken(text)
    if (token?.issuer === signedKey.issuer) return ofSigned(token, print)
    return token && tokens.knows(token.issuer) ? ofIssuer(token) : 'not_ours'
  }

  return {
    check: async (text) => {
      const auth = await examine(text, tokens.check)
      if (auth !== 'not_ours' && auth.caller?.kind === 'key') keys.used(auth.caller.credentialId)
      return auth
    },
    recall: (text) => examine(text, tokens.recall),
  }
}

const unavailable: Auth = { failure: 'unavailable', user: '', retryAfter }
const badToken: Auth = { failure: 'bad_token', user: '' }

/** The same object for the same key, so that what is made of it can be kept. */
const acceptance = (): ((row: ApiKey) => Auth) => {
  const accepted = new WeakMap<ApiKey, Auth>()
  return (row) => {
    const auth = accepted.get(row) ?? { caller: callerOf(row) }
    accepted.set(row, auth)
    return auth
  }
}

const callerOf = ({ id, login, limits }: ApiKey) => ({
  login,
  kind: 'key' as const,
  credentialId: id,
  // `policy` finds the groups of a login.
  groups: [],
  ...(Object.keys(limits).length > 0 && { limits }),
})

/** What is wrong with a key that was given out by us. */
const standing = (row: ApiKey, keys: Keys, now: number): IdentityFailure | undefined => {
  if (row.revokedAt !== null) return 'revoked_key'
  if (row.expiresAt !== null && row.expiresAt <= now) return 'expired_key'
  // What its signature says no longer counts, whatever was found before.
  return row.kid !== null && keys.signer(row.kid) === undefined ? 'bad_token' : undefined
}

/** The key of the ledger that a token of ours names, if all that can be told without its signature fits. */
const named = ({ header, claims, sound }: Token, keys: Keys): ApiKey | undefined => {
  const id = claim(claims, 'jti')
  const row = typeof id === 'string' ? keys.byId(id) : undefined
  const fits = row !== undefined && row.kid !== null && claim(header, 'kid') === row.kid
  return sound && fits ? row : undefined
}

const verify = async (
  text: string,
  row: ApiKey,
  keys: Keys,
  now: number,
): Promise<IdentityFailure | undefined> => {
  try {
    const signer = keys.signer(row.kid ?? '') as JWK
    const { payload } = await jwtVerify(text, signer, {
      algorithms: [signedKey.algorithm],
      typ: signedKey.typ,
      issuer: signedKey.issuer,
      requiredClaims: ['sub', 'jti', 'iat'],
      clockTolerance: leeway,
      currentDate: new Date(now),
    })
    return agrees(payload, row, now) ? undefined : 'bad_token'
  } catch (error) {
    return error instanceof errors.JWSSignatureVerificationFailed ? 'unknown_key' : 'bad_token'
  }
}

/**
 * Says the token what the ledger says? Only there can a key be made that does not expire. Its audience is
 * one: in a list another service might be named too.
 */
const agrees = ({ sub, aud, iat, exp }: JWTPayload, row: ApiKey, now: number): boolean => {
  if (sub !== row.login || aud !== signedKey.audience) return false
  if (!isTime(iat) || iat > now / 1000 + leeway) return false
  return row.expiresAt === null
    ? exp === undefined
    : exp !== undefined && exp * 1000 === row.expiresAt
}
