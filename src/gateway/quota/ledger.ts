import type { QuotaConfig } from '../../config/config.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Charge, KeptQuotas, QuotaChange, Refill } from '../../platform/records/balance.ts'
import type { UsageRow } from '../../platform/records/usage.ts'
import { type Bucket, hold, release } from './bucket.ts'
import { Buckets, type Held } from './buckets.ts'
import { CatchUp } from './catch-up.ts'
import { toCharge, toHold } from './chain.ts'
import {
  amountFor,
  bucketsIn,
  type HeldChain,
  type Offer,
  type Refusal,
  refusalOf,
} from './decide.ts'
import { spentBy } from './estimate.ts'
import type { BucketRef, ChainRef } from './names.ts'
import { type BucketState, stateOf } from './show.ts'

export type Decision<O extends Offer> =
  /** Those that every one of their chains lets pass; never empty. */
  | { readonly offers: readonly O[]; readonly refused?: undefined }
  | { readonly offers?: undefined; readonly refused: Refusal }

type HeldOffer = Offer & { readonly held: readonly HeldChain[] }

interface Reservation {
  readonly offers: readonly HeldOffer[]
  readonly holds: ReadonlyMap<Bucket, number>
}

export type LedgerOptions = Pick<Platform, 'clock' | 'log' | 'store' | 'waitUntil'>

/** Refills that were done and may still be told of again. */
const remembered = 1000

/**
 * Reservations and charges. Every decision is made here and now, without waiting for anybody, so that no two requests
 * can both take the last of a budget; what comes of it is written with the request's line in the ledger.
 */
export class QuotaLedger {
  readonly #options: LedgerOptions
  readonly #buckets: Buckets
  readonly #catchUp: CatchUp
  readonly #reservations = new Map<string, Reservation>()
  readonly #refilled = new Set<string>()
  /** Read, and not yet in use, since no configuration was there. */
  #kept: KeptQuotas | undefined
  #inUse = false
  /** What the database knew is in the buckets. */
  #loaded = false

  constructor(options: LedgerOptions) {
    this.#options = options
    this.#buckets = new Buckets(options.clock)
    this.#catchUp = new CatchUp({
      platform: options,
      unsaved: () => this.#buckets.unsaved(),
      join: (kept, unsaved) => {
        this.#join(kept, unsaved)
        this.refill(kept.refills)
      },
    })
    options.store.onQuotas({
      kept: (kept) => this.#take(kept),
      refills: (refills) => this.refill(refills),
    })
  }

  /** Puts definitions in force. Buckets of those that are gone are dropped, the others keep what fits. */
  use(quotas: ReadonlyMap<string, QuotaConfig>): void {
    this.#change(this.#buckets.use(quotas))
    this.#inUse = true
    if (this.#kept) this.#take(this.#kept)
  }

  /** To be waited for before a decision: where others charge the same buckets, it may take a moment at first. */
  ready(): Promise<void> {
    return this.#catchUp.ready()
  }

  /**
   * Holds back what a request may cost, at once in every chain of every offer that has room, or says how long to wait.
   * @param id of the request, used once; `settle` must be called with it
   */
  reserve<O extends Offer>(id: string, offers: readonly O[]): Decision<O> {
    const now = this.#options.clock.elapsed()
    const refusals = offers.map((offer) => refusalOf(offer, (refs) => this.#find(refs), now))
    const open = offers.filter((_, index) => !refusals[index])
    const [soonest] = refusals.flatMap((it) => it ?? []).sort((a, b) => a.wait - b.wait)
    if (open.length === 0 && soonest) return { refused: soonest }
    const held = open.map((offer) => ({ ...offer, held: offer.chains.map((it) => this.#find(it)) }))
    const holds = holdsOf(held)
    for (const [bucket, amount] of holds) hold(bucket, amount)
    this.#reservations.set(id, { offers: held, holds })
    return { offers: open }
  }

  /**
   * Gives back what was held for a request, and charges what it did cost to the buckets of who served it.
   * @returns what to write with its line; the second time nothing
   */
  settle(row: UsageRow): readonly Charge[] {
    const reservation = this.#reservations.get(row.requestId)
    if (!reservation) return []
    this.#reservations.delete(row.requestId)
    for (const [bucket, amount] of reservation.holds) release(bucket, amount)
    const { offers } = reservation
    const served =
      offers.find(
        ({ provider, model }) => provider === row.provider && model === row.upstreamModel,
      ) ?? offers[0]
    const parts = served ? chargesOf(served, row, this.#options.clock.elapsed()) : new Map()
    return [...parts].flatMap(([held, amount]) => this.#charge(held, amount) ?? [])
  }

  /** The database has these. */
  saved(charges: readonly Charge[]): void {
    for (const charge of charges) this.#buckets.saved(charge)
  }

  /** Puts something back, once for each id. */
  refill(refills: readonly Refill[]): void {
    const fresh = refills.filter(({ id }) => !this.#refilled.has(id))
    const at = this.#options.clock.now()
    for (const put of fresh) {
      this.#remember(put.id)
      this.#buckets.refill(put)
    }
    this.#change({ refilled: fresh.map((put) => ({ ...put, at })) })
  }

  /** As they are now. One that nobody has used yet is shown full, and not made. */
  show(refs: readonly BucketRef[]): BucketState[] {
    return refs.flatMap((ref) => {
      const bucket = this.#buckets.look(ref)
      return bucket ? [stateOf(ref, bucket)] : []
    })
  }

  /** Everybody's buckets and those that somebody used. */
  refs(): readonly BucketRef[] {
    return this.#buckets.refs()
  }

  /** Requests that hold something. */
  get open(): number {
    return this.#reservations.size
  }

  #charge(held: Held, amount: number): Charge | undefined {
    const charge = this.#buckets.charge(held, amount)
    if (!this.#buckets.isCurrent(held)) return undefined
    this.#catchUp.charged(held, amount)
    return charge
  }

  /** Shorter than asked where one cannot be used. */
  #find(refs: ChainRef): HeldChain {
    return refs.flatMap((ref) => this.#buckets.find(ref) ?? [])
  }

  #take(kept: KeptQuotas): void {
    this.#kept = this.#inUse ? undefined : kept
    if (!this.#inUse) return
    // A thread that was started again tells what was known before; refills it may have new ones.
    if (!this.#loaded) this.#join(kept)
    this.refill(kept.refills)
  }

  #join({ balances }: KeptQuotas, unsaved = this.#buckets.unsaved()): void {
    const dropped = this.#buckets.join(balances, unsaved)
    this.#loaded = true
    // Where others charge too, they may know quotas that are not in this configuration yet.
    if (!this.#options.store.shared) this.#change({ dropped })
  }

  #change(change: QuotaChange): void {
    const { store, waitUntil, log } = this.#options
    if (Object.values(change).every((list) => list.length === 0)) return
    waitUntil(
      store.changeQuotas(change).catch((error: unknown) => {
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

/** Only one of the offers will be charged, so a bucket holds for the dearest. */
const holdsOf = (offers: readonly HeldOffer[]): ReadonlyMap<Bucket, number> => {
  const holds = new Map<Bucket, number>()
  for (const { held: chains, amounts } of offers) {
    for (const chain of chains) {
      for (const { bucket, amount } of toHold(bucketsIn(chain), amountFor(chain, amounts))) {
        holds.set(bucket, Math.max(holds.get(bucket) ?? 0, amount))
      }
    }
  }
  return holds
}

/** A bucket that several chains lead to pays once. */
const chargesOf = (
  { held: chains, amounts, rates }: HeldOffer,
  row: UsageRow,
  now: number,
): ReadonlyMap<Held, number> => {
  const spent = spentBy(row, amounts, rates)
  const parts = new Map<Held, number>()
  for (const chain of chains) {
    for (const { bucket, amount } of toCharge(bucketsIn(chain), amountFor(chain, spent), now)) {
      const held = chain.find((it) => it.bucket === bucket)
      if (held) parts.set(held, Math.max(parts.get(held) ?? 0, amount))
    }
  }
  return parts
}
