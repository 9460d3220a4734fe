import type { Platform } from '../../platform/platform.ts'
import type { KeptQuotas } from '../../platform/records/balance.ts'
import type { Held } from './buckets.ts'

/** What others charged is asked for this often, ms. */
const FRESH = 5000
/** A first request waits this long to learn what is left, ms; then it is decided without. */
const PATIENCE = 2000
/** Clocks of several gateways may differ by this, ms. */
const SKEW = 300_000

export interface CatchUpOptions {
  readonly platform: Pick<Platform, 'clock' | 'log' | 'store' | 'waitUntil'>
  /** What was charged here and may not be in the database yet. */
  readonly unsaved: () => ReadonlyMap<Held, number>
  readonly join: (kept: KeptQuotas, unsaved: ReadonlyMap<Held, number>) => void
}

/**
 * Learns what other gateways, or other isolates of this one, charged to the same buckets in the same database. Each
 * decides by itself in between: together they can overspend by what they let in within these seconds.
 */
export class CatchUp {
  readonly #options: CatchUpOptions
  #knows = false
  #reading: Promise<void> | undefined
  #readAt = Number.NEGATIVE_INFINITY
  #since = 0
  /** What may be missing from the answer that is waited for. */
  #unread: Map<Held, number> | undefined

  constructor(options: CatchUpOptions) {
    this.#options = options
  }

  /** Asks now and then. Only who comes before anything is known waits for the answer. */
  async ready(): Promise<void> {
    const { clock, store, waitUntil } = this.#options.platform
    if (!store.shared) return
    if (this.#reading === undefined && clock.elapsed() - this.#readAt >= FRESH) {
      this.#readAt = clock.elapsed()
      this.#reading = this.#read()
      waitUntil(this.#reading)
    }
    if (this.#knows || this.#reading === undefined) return
    await Promise.race([this.#reading, sleep(PATIENCE)])
  }

  /** Counted twice for the moment rather than not at all. */
  charged(held: Held, amount: number): void {
    this.#unread?.set(held, (this.#unread.get(held) ?? 0) + amount)
  }

  /** A database that does not answer leaves what is known in force. */
  async #read(): Promise<void> {
    const { platform, unsaved, join } = this.#options
    const began = platform.clock.now()
    const unread = new Map(unsaved())
    this.#unread = unread
    try {
      join(await platform.store.ask('quotas', { since: this.#since }), unread)
      this.#since = began - SKEW
      this.#knows = true
    } catch (error) {
      platform.log('error', 'quota.not_read', { reason: String(error) })
    } finally {
      this.#unread = undefined
      this.#reading = undefined
    }
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
