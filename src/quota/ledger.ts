import type { QuotaConfig } from '../config/config.ts'
import type { Platform } from '../platform.ts'
import type { UsageRow } from '../usage/row.ts'
import type { Balance, BalanceChange, KeptQuotas, Refill } from './balance.ts'
import {
  type Bucket,
  charge,
  fill,
  hold,
  inflow,
  newBucket,
  redefine,
  refill,
  release,
  waitFor,
} from './bucket.ts'
import { type Amounts, spentBy } from './estimate.ts'
import { type BucketRef, nameOf } from './names.ts'

/** One way to serve a request: what it would be charged to there, and what it may cost. */
export interface Offer {
  readonly provider: string
  readonly model: string
  readonly buckets: readonly BucketRef[]
  readonly amounts: Amounts
}

export type Decision<O extends Offer> =
  /** Those that every one of their buckets lets pass; never empty. */
  | { readonly offers: readonly O[]; readonly refused?: undefined }
  | { readonly offers?: undefined; readonly refused: Refusal }

export interface Refusal {
  readonly bucket: string
  /** ms until it fits; Infinity: never by itself. */
  readonly wait: number
}

/** A bucket as it is shown. */
export interface BucketState extends BucketRef {
  readonly bucket: string
  readonly unit: string
  readonly balance: number
  readonly held: number
  readonly capacity: number
  readonly rate: string
  readonly spent: number
}

interface Held extends BucketRef {
  readonly bucket: Bucket
}

interface Reservation {
  readonly offers: readonly (Offer & { readonly held: readonly Held[] })[]
  readonly holds: ReadonlyMap<Bucket, number>
}

export type LedgerOptions = Pick<Platform, 'clock' | 'log' | 'store' | 'waitUntil'>

/** Refills that were done and may still be told of again. */
const remembered = 1000

/**
 * The buckets of this process. Every decision is made here and now, without waiting for anybody, so that no two requests
 * can both take the last of a budget; what comes of it is written with the request's line in the ledger.
 */
export class QuotaLedger {
  readonly #options: LedgerOptions
  #quotas: ReadonlyMap<string, QuotaConfig> = new Map()
  readonly #buckets = new Map<string, Held>()
  readonly #reservations = new Map<string, Reservation>()
  /** Read, and not yet in use, since no configuration was there. */
  #kept: KeptQuotas | undefined
  /** What was kept is in the buckets, so their states may be written. */
  #loaded = false
  #inUse = false
  #seq = 0
  readonly #refilled = new Set<string>()

  constructor(options: LedgerOptions) {
    this.#options = options
    options.store.onQuotas((kept) => this.#take(kept))
  }

  /** Puts definitions in force. Buckets of those that are gone are dropped, the others keep what fits. */
  use(quotas: ReadonlyMap<string, QuotaConfig>): void {
    const now = this.#options.clock.elapsed()
    const dropped = [...this.#quotas.keys()].filter((name) => !quotas.get(name)?.limit)
    this.#quotas = quotas
    this.#inUse = true
    for (const [key, held] of this.#buckets) {
      const limit = quotas.get(held.quota)?.limit
      if (limit?.unit !== held.bucket.limit.unit) this.#buckets.delete(key)
      if (limit) redefine(held.bucket, limit, now)
    }
    if (dropped.length > 0 && this.#loaded) this.#save({ balances: [], dropped })
    if (this.#kept) this.#take(this.#kept)
  }

  /**
   * Holds back what a request may cost, at once in every bucket of every offer that has room, or says how long to wait.
   * @param id of the request; `settle` must be called with it
   */
  reserve<O extends Offer>(id: string, offers: readonly O[]): Decision<O> {
    const now = this.#options.clock.elapsed()
    const refusals = offers.map((offer) => this.#refusal(offer, now))
    const open = offers.filter((_, index) => !refusals[index])
    const [soonest] = refusals.flatMap((it) => it ?? []).sort((a, b) => a.wait - b.wait)
    if (open.length === 0 && soonest) return { refused: soonest }
    const holds = new Map<Bucket, number>()
    const held = open.map((offer) => ({ ...offer, held: this.#find(offer.buckets) }))
    for (const { held: buckets, amounts } of held) {
      for (const { bucket } of buckets) {
        holds.set(bucket, Math.max(holds.get(bucket) ?? 0, amounts[bucket.limit.unit]))
      }
    }
    for (const [bucket, amount] of holds) hold(bucket, amount)
    this.#reservations.set(id, { offers: held, holds })
    return { offers: open }
  }

  /**
   * Gives back what was held for a request, and charges what it did cost to the buckets of who served it.
   * @returns the states to write with its line; the second time none
   */
  settle(row: UsageRow): readonly Balance[] {
    const reservation = this.#reservations.get(row.requestId)
    if (!reservation) return []
    this.#reservations.delete(row.requestId)
    const now = this.#options.clock.elapsed()
    for (const [bucket, amount] of reservation.holds) release(bucket, amount)
    const { offers } = reservation
    const served =
      offers.find(
        ({ provider, model }) => provider === row.provider && model === row.upstreamModel,
      ) ?? offers[0]
    const spent = spentBy(row)
    const charged = (served?.held ?? []).filter(({ bucket }) => spent[bucket.limit.unit] > 0)
    for (const { bucket } of charged) charge(bucket, spent[bucket.limit.unit], now)
    return this.#loaded
      ? charged.filter((it) => this.#isCurrent(it)).map((it) => this.#stateOf(it))
      : []
  }

  /** Puts something back, once for each id. False: there is no such bucket yet, so it is full. */
  refill(refills: readonly Refill[]): void {
    const fresh = refills.filter(({ id }) => !this.#refilled.has(id))
    if (fresh.length === 0 || !this.#loaded) return
    const now = this.#options.clock.elapsed()
    const changed = new Set<Held>()
    for (const { id, quota, holder, amount } of fresh) {
      this.#remember(id)
      const held = this.#buckets.get(keyOf({ quota, holder }))
      if (!held) continue
      refill(held.bucket, amount, now)
      changed.add(held)
    }
    this.#save({
      balances: [...changed].map((held) => this.#stateOf(held)),
      refilled: fresh.map(({ id }) => id),
    })
  }

  /** As they are now. One that nobody has used yet is shown full, and not made. */
  show(refs: readonly BucketRef[]): BucketState[] {
    const now = this.#options.clock.elapsed()
    return refs.flatMap((ref) => {
      const limit = this.#quotas.get(ref.quota)?.limit
      const bucket = this.#buckets.get(keyOf(ref))?.bucket ?? (limit && newBucket(limit, now))
      if (!bucket) return []
      fill(bucket, now)
      return [stateFrom(ref, bucket)]
    })
  }

  /** Everybody's buckets and those that somebody used. */
  all(): BucketRef[] {
    const shared = [...this.#quotas.values()].filter(({ per }) => per === 'everybody')
    const refs = [
      ...shared.map(({ name }) => ({ quota: name, holder: '' })),
      ...this.#buckets.values(),
    ]
    return [
      ...new Map(
        refs.map(({ quota, holder }) => [keyOf({ quota, holder }), { quota, holder }]),
      ).values(),
    ]
  }

  /** Requests that hold something. */
  get open(): number {
    return this.#reservations.size
  }

  #refusal({ buckets, amounts }: Offer, now: number): Refusal | undefined {
    let worst: Refusal | undefined
    for (const ref of buckets) {
      const bucket = this.#bucket(ref, now)?.bucket
      const wait = bucket
        ? waitFor(bucket, amounts[bucket.limit.unit], now)
        : Number.POSITIVE_INFINITY
      if (wait > (worst?.wait ?? 0)) worst = { bucket: nameOf(ref), wait }
    }
    return worst
  }

  #find(refs: readonly BucketRef[]): readonly Held[] {
    return refs.flatMap((ref) => this.#buckets.get(keyOf(ref)) ?? [])
  }

  /** Undefined where the quota is not defined, or could not be read. */
  #bucket(ref: BucketRef, now: number): Held | undefined {
    const key = keyOf(ref)
    const known = this.#buckets.get(key)
    const limit = this.#quotas.get(ref.quota)?.limit
    if (known || !limit) return known
    const made = { quota: ref.quota, holder: ref.holder, bucket: newBucket(limit, now) }
    this.#buckets.set(key, made)
    return made
  }

  /** A request that began under an older definition must not write over the newer one. */
  #isCurrent(held: Held): boolean {
    return this.#buckets.get(keyOf(held)) === held
  }

  /** What the database knew is joined with what was charged before it could be read. */
  #take(kept: KeptQuotas): void {
    if (!this.#inUse) {
      this.#kept = { ...this.#kept, ...kept }
      return
    }
    this.#kept = undefined
    if (kept.balances && !this.#loaded) this.#join(kept.balances)
    this.refill(kept.refills)
  }

  #join(balances: readonly Balance[]): void {
    const now = this.#options.clock.elapsed()
    const wall = this.#options.clock.now()
    this.#loaded = true
    for (const kept of balances) {
      this.#seq = Math.max(this.#seq, kept.seq)
      const limit = this.#quotas.get(kept.quota)?.limit
      if (limit?.unit !== kept.unit) continue
      const { bucket } = this.#bucket(kept, now) as Held
      // A clock that was set back lets nothing flow in, instead of letting it flow in twice.
      bucket.balance = Math.min(limit.capacity, kept.balance + inflow(limit, wall - kept.at))
      bucket.balance -= bucket.spent
      bucket.at = now
      bucket.spent += kept.spent
    }
    const gone = balances.map(({ quota }) => quota).filter((name) => !this.#quotas.get(name)?.limit)
    const early = [...this.#buckets.values()].filter(({ bucket }) => bucket.spent > 0)
    if (gone.length > 0) this.#save({ balances: [], dropped: [...new Set(gone)] })
    if (early.length > 0) this.#save({ balances: early.map((held) => this.#stateOf(held)) })
  }

  #stateOf({ quota, holder, bucket }: Held): Balance {
    const { clock } = this.#options
    fill(bucket, clock.elapsed())
    const { balance, spent, limit } = bucket
    const seq = ++this.#seq
    return { quota, holder, unit: limit.unit, balance, spent, at: clock.now(), seq }
  }

  #save(change: BalanceChange): void {
    const { store, waitUntil, log } = this.#options
    waitUntil(
      store.saveBalances(change).catch((error: unknown) => {
        log('error', 'quota.not_saved', { reason: String(error) })
      }),
    )
  }

  #remember(id: string): void {
    this.#refilled.add(id)
    if (this.#refilled.size <= remembered) return
    for (const oldest of this.#refilled) {
      this.#refilled.delete(oldest)
      break
    }
  }
}

const keyOf = ({ quota, holder }: BucketRef): string => `${quota}\n${holder}`

const stateFrom = (ref: BucketRef, { limit, balance, held, open, spent }: Bucket): BucketState => ({
  quota: ref.quota,
  holder: ref.holder,
  bucket: nameOf(ref),
  unit: limit.unit,
  balance: limit.unit === 'concurrent' ? limit.capacity - open : Math.floor(balance),
  held: limit.unit === 'concurrent' ? open : held,
  capacity: limit.capacity,
  rate: limit.rate?.text ?? '',
  spent,
})
