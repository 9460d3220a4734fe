import { LRUCache } from 'lru-cache'
import type { Clock } from '../platform.ts'

/**
 * What recent password checks found, so that a client is hashed once and not per request. Keys are keyed digests of
 * the whole credential (`Platform.fingerprint`). A verdict holds for one stored hash: with the user removed or the
 * password changed it is void at once, so this may outlive a reload.
 */
export interface CredentialCache {
  /** The verdict on this credential against this hash; undefined when there is none young enough. */
  recall(fingerprint: string, hash: string): boolean | undefined
  remember(fingerprint: string, hash: string, right: boolean): void
  /** Checks under way, so that equal ones share one. */
  readonly flights: Map<string, Flight>
}

/** One check that several requests may be waiting for. */
export interface Flight {
  readonly right: Promise<boolean>
  waiting: number
  /** Nobody waits any more: drops the check unless it is over. */
  abandon(): void
}

/** Forgotten after this long without use; a verdict cannot go stale sooner, see above. */
const rightFor = 60_000
/** From the check on: a script with an old password costs one hash a minute. */
const wrongFor = 60_000

export const createCredentialCache = (platform: { readonly clock: Clock }): CredentialCache => {
  const perf = { now: () => platform.clock.elapsed() }
  // ttlResolution 0: no timers. Apart, so that a flood of wrong guesses cannot push out the right ones.
  const common = { max: 1000, ttlResolution: 0, perf }
  const right = new LRUCache<string, string>({ ...common, ttl: rightFor, updateAgeOnGet: true })
  const wrong = new LRUCache<string, string>({ ...common, ttl: wrongFor })
  return {
    recall: (fingerprint, hash) => {
      if (right.get(fingerprint) === hash) return true
      return wrong.get(fingerprint) === hash ? false : undefined
    },
    remember: (fingerprint, hash, verdict) => {
      ;(verdict ? right : wrong).set(fingerprint, hash)
    },
    flights: new Map(),
  }
}
