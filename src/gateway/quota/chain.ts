import { type Bucket, fill, ratePerMs } from './bucket.ts'

/** Buckets of one unit: when the first is empty the next ones lend, and only the last goes below zero. Never empty. */
export type Chain = readonly Bucket[]

/** Others hold what is left, and nobody can tell when they are done: asked again after this, ms. */
export const BUSY = 2000

/**
 * How long until a request that may cost `amount` fits, in ms; 0: now. Infinity: never by itself.
 *
 * A request fits while something is left, even if it may cost more: nobody could use the last cent of a budget
 * otherwise. But only one at a time may overdraw; who comes beside it must fit whole. So a chain dips below zero by
 * one request at most, however many come at once, as long as each costs no more than was held for it.
 */
export function waitFor(chain: Chain, amount: number, now: number): number {
  for (const bucket of chain) fill(bucket, now)
  const places = sum(chain, ({ limit }) => limit.capacity)
  if (places <= 0) return Number.POSITIVE_INFINITY
  switch (chain[0]?.limit.unit) {
    case 'concurrent':
      return sum(chain, ({ held }) => held) < places ? 0 : BUSY
    case 'requests':
      // A request is charged as exactly one: there is nothing to overdraw.
      return untilOne(chain) || (sum(chain, free) > 1 - SLACK ? 0 : BUSY)
    default: {
      const isIdle = chain.every(({ held }) => held === 0)
      return untilOne(chain) || (isIdle || sum(chain, free) >= amount ? 0 : BUSY)
    }
  }
}

/** Rounding of many small steps must not cost the last one. */
const SLACK = 1e-6

/** Until a whole unit is there. */
function untilOne(chain: Chain): number {
  const missing = 1 - sum(chain, ({ balance }) => balance)
  if (missing <= SLACK) return 0
  const flow = sum(chain, ({ limit, balance }) => (balance < limit.capacity ? ratePerMs(limit) : 0))
  return flow > 0 ? missing / flow : Number.POSITIVE_INFINITY
}

const free = ({ balance, held }: Bucket): number => Math.max(0, balance - held)

/** Which bucket holds how much of what a request may cost. */
export const toHold = (chain: Chain, amount: number): readonly Part[] =>
  split(chain, amount, (bucket) => Math.floor(free(bucket)))

/** Which bucket pays how much of what it did cost. */
export const toCharge = (chain: Chain, amount: number, now: number): readonly Part[] =>
  split(chain, amount, (bucket) => {
    fill(bucket, now)
    return Math.floor(Math.max(0, bucket.balance))
  })

export interface Part {
  readonly bucket: Bucket
  readonly amount: number
}

function split(chain: Chain, amount: number, has: (bucket: Bucket) => number): readonly Part[] {
  const last = chain.length - 1
  let rest = amount
  return chain.flatMap((bucket, at) => {
    const part = at === last ? rest : Math.min(rest, has(bucket))
    rest -= part
    return part > 0 ? [{ bucket, amount: part }] : []
  })
}

const sum = (chain: Chain, of: (bucket: Bucket) => number): number =>
  chain.reduce((total, bucket) => total + of(bucket), 0)
