import { LRUCache } from 'lru-cache'
import type { Clock } from '../../platform/platform.ts'

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
   * When this very credential was found right in this place: within a minute of its last use it needs no hash, within a
   * day a hash may be spent on it where no other would get one. Looked up without leave of the attempt gate, even for
   * banned clients, so wrong answers are bounded: or guessing would be quickest while being banned.
   */
  proof(offer: Offer): 'fresh' | 'old' | undefined
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
  /** `clock.elapsed()` of its last use. */
  usedAt: number
  misses: number
}

/** Forgotten after this long without use; it cannot go stale sooner, as the hash is compared. */
const rightFor = 60_000
/** ms that a place is remembered for what was proven there. */
const knownFor = 86_400_000
/** From the check on: a script with an old password costs one hash a minute. */
const wrongFor = 60_000
/** Wrong guesses at a proven user from the same place, until the proof has to be given anew through the gate. */
const maxMisses = 200

export const createCredentialCache = ({ clock }: { readonly clock: Clock }): CredentialCache => {
  // ttlResolution 0: no timers.
  const common = { ttlResolution: 0, perf: { now: () => clock.elapsed() } }
  const proven = new LRUCache<string, Proof>({ ...common, max: 5000, ttl: knownFor })
  // Apart, so that a flood of wrong guesses cannot push out the right ones.
  const right = new LRUCache<string, string>({ ...common, max: 1000, ttl: rightFor })
  const wrong = new LRUCache<string, string>({ ...common, max: 1000, ttl: wrongFor })
  return {
    proof: (offer) => {
      const proof = proven.get(offer.place)
      if (proof === undefined || proof.hash !== offer.hash || proof.misses >= maxMisses) {
        return undefined
      }
      if (proof.fingerprint !== offer.fingerprint) {
        proof.misses += 1
        return undefined
      }
      if (clock.elapsed() - proof.usedAt > rightFor) return 'old'
      proof.usedAt = clock.elapsed()
      proven.set(offer.place, proof)
      return 'fresh'
    },
    recall: ({ fingerprint, hash }) => {
      if (right.get(fingerprint) === hash) return true
      return wrong.get(fingerprint) === hash ? false : undefined
    },
    remember: ({ place, fingerprint, hash }, verdict) => {
      ;(verdict ? right : wrong).set(fingerprint, hash)
      if (verdict) proven.set(place, { fingerprint, hash, usedAt: clock.elapsed(), misses: 0 })
    },
    flights: new Map(),
  }
}
