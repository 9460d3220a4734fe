import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import type { IssuerConfig } from '../../config/config.ts'
import { refuseIssuerUrl } from '../../config/values/issuer-url.ts'
import type { Platform } from '../../platform/platform.ts'

/** The public keys of issuers, fetched and remembered. Outlives reloads: a reload must not make tokens wait. */
export interface KeySets {
  of(issuer: Pick<IssuerConfig, 'issuer' | 'jwks'>): KeySet
}

export interface KeySet {
  /**
   * The key for a token's header. Asks the issuer when nothing is known, when what is known is old, and when it has no
   * such key; never sooner than `cooldown` after the last time, once for many.
   * @throws IssuerUnavailable; jose's errors when the issuer has no such key
   */
  readonly find: JWTVerifyGetKey
  /** The same from what is known already. */
  readonly recall: JWTVerifyGetKey
}

/** The issuer's keys are unknown: its tokens are neither right nor wrong. */
export class IssuerUnavailable extends Error {
  constructor() {
    super('the keys of the issuer are not known')
    this.name = 'IssuerUnavailable'
  }
}

export interface KeySetsOptions extends Pick<Platform, 'clock' | 'log' | 'waitUntil'> {
  /** One small JSON document over HTTP; bounded in time and size. Rejects when it cannot be had. */
  readonly getJson: (url: URL) => Promise<unknown>
}

/** ms that a set is used without asking again: a key that the issuer drops counts this long at most. */
const freshFor = 10 * 60_000
/** ms that a set is used while its issuer does not answer. */
const staleFor = 24 * 60 * 60_000
/** ms between two questions, longer than one takes: whoever sends tokens with made-up keys does not make us ask. */
const cooldown = 15_000

type Found = ReturnType<typeof createLocalJWKSet>

export const createKeySets = (options: KeySetsOptions): KeySets => {
  const sets = new Map<string, KeySet>()
  return {
    of: ({ issuer, jwks }) => {
      const place = JSON.stringify([issuer, jwks])
      const set = sets.get(place) ?? createKeySet(issuer, jwks, options)
      sets.set(place, set)
      return set
    },
  }
}

const createKeySet = (
  issuer: string,
  jwks: string | undefined,
  { clock, log, waitUntil, getJson }: KeySetsOptions,
): KeySet => {
  let known: { readonly keys: Found; readonly at: number } | undefined
  let askedAt = Number.NEGATIVE_INFINITY
  let flight: Promise<void> | undefined

  const fetchKeys = async (): Promise<void> => {
    try {
      const set = await getJson(new URL(jwks ?? (await discover(issuer, getJson))))
      known = { keys: createLocalJWKSet(set as JSONWebKeySet), at: clock.elapsed() }
    } catch (error) {
      log('warn', 'issuer.keys', { issuer, reason: String(error) })
    } finally {
      flight = undefined
    }
  }

  /** Undefined: it is too early to ask again. Never rejects. */
  const ask = (): Promise<void> | undefined => {
    if (clock.elapsed() - askedAt < cooldown) return flight
    askedAt = clock.elapsed()
    flight = fetchKeys()
    // Others wait for it too: it must not end with the request that began it.
    waitUntil(flight)
    return flight
  }

  const age = (): number => (known === undefined ? Infinity : clock.elapsed() - known.at)

  const recall: JWTVerifyGetKey = (header, token) => {
    if (known === undefined || age() > staleFor) throw new IssuerUnavailable()
    return known.keys(header, token)
  }

  return {
    recall: async (header, token) => recall(header, token),
    find: async (header, token) => {
      if (age() > freshFor) await ask()
      try {
        return await recall(header, token)
      } catch (error) {
        const asking = error instanceof errors.JWKSNoMatchingKey ? ask() : undefined
        if (asking === undefined) throw error
        await asking
        return recall(header, token)
      }
    },
  }
}

/** OpenID Connect Discovery 1.0, section 4. */
const discover = async (issuer: string, getJson: KeySetsOptions['getJson']): Promise<string> => {
  const url = new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  const document = (await getJson(url)) as { issuer?: unknown; jwks_uri?: unknown } | null
  if (document?.issuer !== issuer) throw new Error(`${url} speaks of another issuer`)
  const address = document.jwks_uri
  if (typeof address !== 'string' || refuseIssuerUrl(address) !== undefined) {
    throw new Error(`${url} names no https address for its keys`)
  }
  // What comes over the network must not send us to services of this machine.
  if (url.protocol === 'https:' && !address.startsWith('https:')) {
    throw new Error(`${url} is https, and its keys are not`)
  }
  return address
}
