import type { JWK } from 'jose'
import { LRUCache } from 'lru-cache'
import type { Platform } from '../../platform/platform.ts'
import type { ApiKey, KeyRing } from '../../platform/records/api-key.ts'

/** The keys of the ledger, in memory: no request waits for the database, and no text of a request reaches it. */
export interface Keys {
  /** Settles once the keys are known, or the database did not tell them. */
  readonly loaded: Promise<void>
  /** False until they could be read: then a key can be called neither right nor wrong. */
  readonly known: boolean
  byId(id: string): ApiKey | undefined
  byDigest(digest: string): ApiKey | undefined
  /** The public key whose signatures count. */
  signer(kid: string): JWK | undefined
  /**
   * Which key a credential was found to be, by its fingerprint: spares the digest or the signature. It says nothing of
   * whether that key is still good.
   */
  readonly proven: LRUCache<string, string>
  /** Notes that a key was used; written once a minute. */
  used(id: string): void
}

type Needs = Pick<Platform, 'clock' | 'store' | 'log' | 'waitUntil'>

/** ms between two notes of one key's use. */
const noteEvery = 60_000
const remembered = 5000

export const createKeys = ({ clock, store, log, waitUntil }: Needs): Keys => {
  let byId: ReadonlyMap<string, ApiKey> = new Map()
  let byDigest: ReadonlyMap<string, ApiKey> = new Map()
  let signers: ReadonlyMap<string, JWK> = new Map()
  let known = false
  const notedAt = new Map<string, number>()

  const replace = (ring: KeyRing): void => {
    byId = new Map(ring.keys.map((key) => [key.id, key]))
    byDigest = new Map(ring.keys.flatMap((key) => (key.digest === null ? [] : [[key.digest, key]])))
    signers = new Map(ring.signers.map(({ kid, jwk }) => [kid, jwk]))
    for (const id of notedAt.keys()) if (!byId.has(id)) notedAt.delete(id)
    known = true
  }

  store.onKeysChanged(replace)
  return {
    loaded: store
      .loadKeys()
      .then(replace)
      .catch((error: unknown) => log('error', 'key.unloaded', { error: String(error) })),
    get known() {
      return known
    },
    byId: (id) => byId.get(id),
    byDigest: (digest) => byDigest.get(digest),
    signer: (kid) => signers.get(kid),
    proven: new LRUCache({ max: remembered }),
    used: (id) => {
      const now = clock.elapsed()
      if (now - (notedAt.get(id) ?? Number.NEGATIVE_INFINITY) < noteEvery) return
      notedAt.set(id, now)
      waitUntil(store.recordKeyUse({ id, at: clock.now() }))
    },
  }
}
