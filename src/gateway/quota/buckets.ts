import type { QuotaConfig, QuotaLimit, QuotaUnit } from '../../config/config.ts'
import { formatAmount } from '../../config/values/quota-text.ts'
import type { Clock } from '../../platform/platform.ts'
import type {
  Balance,
  Charge,
  QuotaChange,
  Redefinition,
  Refill,
} from '../../platform/records/balance.ts'
import { type Bucket, charge, fill, newBucket, ratePerMs, redefine, refill } from './bucket.ts'
import { type BucketRef, KEYS } from './names.ts'

/** A bucket, and whose it is. */
export interface Held extends Pick<BucketRef, 'quota' | 'holder'> {
  readonly bucket: Bucket
  /** Charged, and not known to be in the database. */
  unsaved: number
  /** Holder that the database still has it under. */
  formerly?: string | undefined
}

type Key = Pick<BucketRef, 'quota' | 'holder'>

/** The buckets of this process, under the definitions in force. */
export class Buckets {
  readonly #clock: Clock
  #quotas: ReadonlyMap<string, QuotaConfig> = new Map()
  readonly #held = new Map<string, Held>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** One that nobody used yet is made. Undefined where the quota is not defined, or could not be read. */
  find(ref: BucketRef): Held | undefined {
    const limit = this.limitOf(ref)
    if (!limit) return undefined
    const known = this.#peekOrRename(ref)
    const now = this.#clock.elapsed()
    if (known) this.#redefine(known, limit, now)
    return this.peek(ref) ?? this.#put(ref, newBucket(limit, now))
  }

  limitOf({ quota, limit }: BucketRef): QuotaLimit | undefined {
    return quota === KEYS ? limit : this.#quotas.get(quota)?.limit
  }

  /** One that was used. */
  peek(ref: Key): Held | undefined {
    return this.#held.get(keyOf(ref))
  }

  /** A request that began under an older definition must not charge the newer one. */
  isCurrent(held: Held): boolean {
    return this.#held.get(keyOf(held)) === held
  }

  /**
   * Puts definitions in force. Buckets of those that are gone are dropped, and the others keep what fits. One that cannot
   * be read keeps its buckets as they are: a slip of the pen must not make everybody's full.
   */
  use(quotas: ReadonlyMap<string, QuotaConfig>): QuotaChange {
    const now = this.#clock.elapsed()
    const before = this.#quotas
    this.#quotas = quotas
    for (const [key, held] of this.#held) {
      if (!this.#isDefined(held)) this.#held.delete(key)
      const limit = quotas.get(held.quota)?.limit
      if (limit) this.#redefine(held, limit, now)
    }
    const at = this.#clock.now()
    return {
      dropped: [...before.keys()].filter((name) => !quotas.has(name)),
      redefined: [...before].flatMap(([name, { limit }]) => {
        const next = quotas.get(name)?.limit
        return limit && next && !isSame(limit, next) ? [redefinition(name, next, at)] : []
      }),
    }
  }

  /**
   * Takes over what the database knows. What was charged here and is not in there is taken out of it.
   * @returns names of quotas that are not defined any more
   */
  join(balances: readonly Balance[], unsaved: ReadonlyMap<Held, number>): string[] {
    for (const kept of balances) {
      const known = this.#held.get(keyOf(kept))
      if (!this.#isDefined(kept)) continue
      const limit = this.limitOf(kept) ?? limitFrom(kept)
      if (limit.unit !== kept.unit) continue
      const here = known?.bucket.limit.unit === kept.unit ? known : undefined
      const { bucket } = here ?? this.#put(kept, newBucket(limit, this.#clock.elapsed()))
      const mine = (here && unsaved.get(here)) ?? 0
      // A clock that was set back lets nothing flow in, instead of letting it flow in twice.
      const flowsIn = ratePerMs(limit) * Math.max(0, this.#clock.now() - kept.at)
      bucket.balance = Math.min(limit.capacity, kept.balance + flowsIn) - mine
      bucket.at = this.#clock.elapsed()
      bucket.spent = kept.spent + mine
    }
    return [...new Set(balances.filter((it) => !this.#isDefined(it)).map(({ quota }) => quota))]
  }

  charge(held: Held, amount: number): Charge {
    charge(held.bucket, amount, this.#clock.elapsed())
    held.unsaved += amount
    const { quota, holder, bucket } = held
    const { unit, capacity } = bucket.limit
    const at = this.#clock.now()
    const rate = ratePerMs(bucket.limit)
    const { formerly } = held
    return { quota, holder, unit, capacity, rate, amount, at, ...(formerly && { formerly }) }
  }

  /** One that nobody used is full. */
  refill(put: Refill): void {
    const held = this.peek(put)
    if (held) refill(held.bucket, put.amount, this.#clock.elapsed())
  }

  /** As it is now; one that nobody used is full, and not made. */
  look(ref: BucketRef): Bucket | undefined {
    const limit = this.limitOf(ref)
    const bucket = this.#peekOrRename(ref)?.bucket ?? (limit && newBucket(limit, 0))
    if (bucket) fill(bucket, this.#clock.elapsed())
    return bucket
  }

  /** Everybody's buckets, and those that somebody used. */
  refs(): Key[] {
    const shared = [...this.#quotas.values()].filter(({ per }) => per === 'everybody')
    const all = [
      ...shared.map(({ name }) => ({ quota: name, holder: '' })),
      ...[...this.#held.values()].map(({ quota, holder }) => ({ quota, holder })),
    ]
    return [...new Map(all.map((ref) => [keyOf(ref), ref])).values()]
  }

  saved(charge: Charge): void {
    const held = this.peek(charge)
    if (!held) return
    held.unsaved = Math.max(0, held.unsaved - charge.amount)
    held.formerly = undefined
  }

  unsaved(): ReadonlyMap<Held, number> {
    return new Map([...this.#held.values()].map((held) => [held, held.unsaved]))
  }

  /** What is left in a bucket that was kept under an earlier name goes on under the one it has now. */
  #peekOrRename(ref: BucketRef): Held | undefined {
    const known = this.peek(ref)
    const { quota, holder, formerly } = ref
    if (known || formerly === undefined) return known
    const before = this.peek({ quota, holder: formerly })
    if (!before) return undefined
    this.#held.delete(keyOf(before))
    const held = this.#put({ quota, holder }, before.bucket)
    held.unsaved = before.unsaved
    held.formerly = formerly
    return held
  }

  #isDefined({ quota }: Key): boolean {
    return quota === KEYS || this.#quotas.has(quota)
  }

  #put({ quota, holder }: Key, bucket: Bucket): Held {
    const held: Held = { quota, holder, bucket, unsaved: 0 }
    this.#held.set(keyOf(held), held)
    return held
  }

  /** What counts something else now is another bucket, and full. */
  #redefine(held: Held, limit: QuotaLimit, now: number): void {
    if (held.bucket.limit === limit) return
    if (held.bucket.limit.unit === limit.unit) redefine(held.bucket, limit, now)
    else this.#put(held, newBucket(limit, now))
  }
}

const keyOf = ({ quota, holder }: Key): string => `${quota}\n${holder}`

const isSame = (one: QuotaLimit, other: QuotaLimit): boolean =>
  one.unit === other.unit && one.capacity === other.capacity && ratePerMs(one) === ratePerMs(other)

const redefinition = (quota: string, limit: QuotaLimit, at: number): Redefinition => ({
  quota,
  unit: limit.unit,
  capacity: limit.capacity,
  rate: ratePerMs(limit),
  at,
})

const DAY = 86_400_000

/** As it was when it was last charged, for want of a better one. */
const limitFrom = ({ unit, capacity, rate }: Balance): QuotaLimit => {
  const amount = Math.round(rate * DAY)
  const known = unit as QuotaUnit
  if (amount === 0) return { unit: known, capacity }
  const text = `${formatAmount({ unit: known, amount })}/day`
  return { unit: known, capacity, rate: { amount, per: DAY, text } }
}
