import type { QuotaLimit } from '../../config/config.ts'

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

export const newBucket = (limit: QuotaLimit, now: number): Bucket => ({
  limit,
  balance: limit.capacity,
  held: 0,
  open: 0,
  spent: 0,
  at: now,
})

/** What flows in, per ms. */
export const ratePerMs = ({ rate }: QuotaLimit): number => (rate ? rate.amount / rate.per : 0)

/** Lets flow in what is due by `now`. */
export function fill(bucket: Bucket, now: number): void {
  const flowsIn = ratePerMs(bucket.limit) * Math.max(0, now - bucket.at)
  bucket.balance = Math.min(bucket.limit.capacity, bucket.balance + flowsIn)
  bucket.at = Math.max(bucket.at, now)
}

export function hold(bucket: Bucket, amount: number): void {
  bucket.held += amount
  bucket.open += 1
}

/** Gives back what was held, whatever is charged in its place. */
export function release(bucket: Bucket, amount: number): void {
  bucket.open -= 1
  // Sums of estimates drift: an idle bucket holds exactly nothing.
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

/** A new definition in the same unit: what does not fit any more is lost. */
export function redefine(bucket: Bucket, limit: QuotaLimit, now: number): void {
  fill(bucket, now)
  bucket.limit = limit
  fill(bucket, now)
}
