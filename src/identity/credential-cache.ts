import { LRUCache } from 'lru-cache'
import type { Clock } from '../platform.ts'

/** A credential as it was offered, in the forms that may be kept. */
export interface Offer {
  /** Where from and whose: client key and user name. */
  readonly place: string
  /** Keyed digest of the whole credential (`Platform.fingerprint`). */
  readonly fingerprint: string
  /** The stored hash it has to match. A changed password makes every earlier verdict void at once. */
  readonly hash: string
}

/** What recent checks found, so that a client is hashed once and not per request. Outlives reloads. */
export interface CredentialCache {
  /**
   * Was this credential found right in this place a moment ago? Asked without leave of the attempt gate, even for
   * clients that are shut out, so wrong answers are bounded: or guessing would be quickest while being banned.
   */
  isProven(offer: Offer): boolean
  /** The verdict from any place; undefined when there is none young enough. A guess: only for who was admitted. */
  recall(offer: Offer): boolean | undefined
  remember(offer: Offer, right: boolean): void
  /** Checks under way, so that equal ones from one place share one. */
  readonly flights: Map<string, Flight>
}

/** One check that several requests may be waiting for. */
export interface Flight {
  readonly right: Promise<boolean>
  waiting: number
  /** Nobody waits any more: drops the check unless it is over. */
  abandon(): void
}

interface Proof {
  readonly fingerprint: string
  readonly hash: string
  misses: number
}

/** Forgotten after this long without use; it cannot go stale sooner, as the hash is compared. */
const rightFor = 60_000
/** From the check on: a script with an old password costs one hash a minute. */
const wrongFor = 60_000
/** Wrong guesses at a proven user from the same place, until the proof has to be given anew through the gate. */
const maxMisses = 200

export const createCredentialCache = (platform: { readonly clock: Clock }): CredentialCache => {
  // ttlResolution 0: no timers.
  const common = { ttlResolution: 0, perf: { now: () => platform.clock.elapsed() } }
  const proven = new LRUCache<string, Proof>({ ...common, max: 5000, ttl: rightFor })
  // Apart, so that a flood of wrong guesses cannot push out the right ones.
  const right = new LRUCache<string, string>({ ...common, max: 1000, ttl: rightFor })
  const wrong = new LRUCache<string, string>({ ...common, max: 1000, ttl: wrongFor })
  return {
    isProven: ({ place, fingerprint, hash }) => {
      const proof = proven.get(place)
      if (proof === undefined || proof.hash !== hash || proof.misses >= maxMisses) return false
      if (proof.fingerprint !== fingerprint) {
        proof.misses += 1
        return false
      }
      proven.set(place, proof)
      return true
    },
    recall: ({ fingerprint, hash }) => {
      if (right.get(fingerprint) === hash) return true
      return wrong.get(fingerprint) === hash ? false : undefined
    },
    remember: ({ place, fingerprint, hash }, verdict) => {
      ;(verdict ? right : wrong).set(fingerprint, hash)
      if (verdict) proven.set(place, { fingerprint, hash, misses: 0 })
    },
    flights: new Map(),
  }
}
