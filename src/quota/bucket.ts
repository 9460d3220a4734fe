import type { QuotaLimit } from '../config/config.ts'

/**
 * A bucket that fills drop by drop. What open requests are expected to cost is held back until each is settled with
 * what it did cost, so that requests that come together see each other.
 */
export interface Bucket {
  limit: QuotaLimit
  /** As of `at`, and without what is held. */
  balance: number
  held: number
  /** Requests that hold something. */
  open: number
  /** Whole units charged since the bucket was made. */
  spent: number
  /** Monotonic, ms. */
  at: number
}

/** Others hold what is left: nobody can tell when they are done, ms. */
const BUSY = 2000

export const newBucket = (limit: QuotaLimit, now: number): Bucket => ({
  limit,
  balance: limit.capacity,
  held: 0,
  open: 0,
  spent: 0,
  at: now,
})

/** What flows in during `ms`. */
export const inflow = ({ rate }: QuotaLimit, ms: number): number =>
  rate ? (rate.amount / rate.per) * Math.max(0, ms) : 0

/** Lets flow in what is due by `now`. */
export function fill(bucket: Bucket, now: number): void {
  bucket.balance = Math.min(
    bucket.limit.capacity,
    bucket.balance + inflow(bucket.limit, now - bucket.at),
  )
  bucket.at = Math.max(bucket.at, now)
}

/**
 * How long until a request that may cost `amount` fits, in ms; 0: now. Infinity: never by itself.
 *
 * A request fits while something is left, even if it may cost more: nobody could use the last cent of a budget
 * otherwise. But only one at a time may overdraw; who comes beside it must fit whole. So a bucket dips below zero by
 * one request at most, however many come at once, as long as each costs no more than was held for it.
 */
export function waitFor(bucket: Bucket, amount: number, now: number): number {
  fill(bucket, now)
  const { limit, balance, held, open } = bucket
  if (limit.capacity <= 0) return Number.POSITIVE_INFINITY
  if (limit.unit === 'concurrent') return open < limit.capacity ? 0 : BUSY
  // A request is charged as exactly one: there is nothing to overdraw.
  if (limit.unit === 'requests') return untilAtLeast(limit, balance - held, 1)
  if (balance < 1) return untilAtLeast(limit, balance, 1)
  return held === 0 || balance - held >= amount ? 0 : BUSY
}

/** Rounding of many small steps must not cost the last one. */
const SLACK = 1e-6

function untilAtLeast({ rate }: QuotaLimit, balance: number, wanted: number): number {
  if (balance >= wanted - SLACK) return 0
  return rate && rate.amount > 0
    ? ((wanted - balance) / rate.amount) * rate.per
    : Number.POSITIVE_INFINITY
}

export function hold(bucket: Bucket, amount: number): void {
  bucket.held += amount
  bucket.open += 1
}

/** Gives back what was held, whatever is charged in its place. */
export function release(bucket: Bucket, amount: number): void {
  bucket.open -= 1
  bucket.held = bucket.open === 0 ? 0 : bucket.held - amount
}

/** `amount` is whole. */
export function charge(bucket: Bucket, amount: number, now: number): void {
  fill(bucket, now)
  bucket.balance -= amount
  bucket.spent += amount
}

/** Puts something back; more than the bucket holds is lost. */
export function refill(bucket: Bucket, amount: number, now: number): void {
  fill(bucket, now)
  bucket.balance = Math.min(bucket.limit.capacity, bucket.balance + amount)
}

/** A new definition: what does not fit any more is lost. Other units make another bucket. */
export function redefine(bucket: Bucket, limit: QuotaLimit, now: number): void {
  fill(bucket, now)
  bucket.limit = limit
  bucket.balance = Math.min(limit.capacity, bucket.balance)
}
