import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { QuotaLimit } from '../../src/config/config.ts'
import {
  charge,
  fill,
  hold,
  newBucket,
  redefine,
  refill,
  release,
} from '../../src/gateway/quota/bucket.ts'
import { BUSY, toCharge, toHold, waitFor } from '../../src/gateway/quota/chain.ts'

const dollars = (capacity: number, perSecond = 0): QuotaLimit => ({
  unit: 'dollars',
  capacity,
  ...(perSecond > 0 && { rate: { amount: perSecond, per: 1000, text: '' } }),
})

const never = Number.POSITIVE_INFINITY

describe('a bucket', () => {
  it('fills drop by drop, and not beyond what it holds', () => {
    const bucket = newBucket(dollars(100, 10), 0)
    charge(bucket, 60, 0)
    fill(bucket, 1500)
    expect(bucket.balance).toBe(55)
    fill(bucket, 60_000)
    expect(bucket.balance).toBe(100)
  })

  it('lets nothing flow in for time that passed already', () => {
    const bucket = newBucket(dollars(100, 10), 5000)
    charge(bucket, 60, 5000)
    for (const at of [6000, 1000, 6000]) fill(bucket, at)
    expect(bucket.balance).toBe(50)
  })

  it('loses what a refill puts beyond its rim', () => {
    const bucket = newBucket(dollars(100), 0)
    charge(bucket, 30, 0)
    refill(bucket, 500, 0)
    expect([bucket.balance, bucket.spent]).toEqual([100, 30])
  })

  it('loses what does not fit a smaller definition, for good', () => {
    const bucket = newBucket(dollars(100), 0)
    redefine(bucket, dollars(40), 0)
    expect(bucket.balance).toBe(40)
    redefine(bucket, dollars(100), 0)
    expect(bucket.balance).toBe(40)
  })
})

describe('a request', () => {
  it('passes on the last cent, and one at a time overdraws', () => {
    const bucket = newBucket(dollars(10), 0)
    expect(waitFor([bucket], 50, 0)).toBe(0)
    hold(bucket, 50)
    expect(waitFor([bucket], 1, 0)).toBe(BUSY)
    release(bucket, 50)
    charge(bucket, 50, 0)
    expect(bucket.balance).toBe(-40)
    expect(waitFor([bucket], 1, 0)).toBe(never)
  })

  it('passes beside others as long as all of them fit whole', () => {
    const bucket = newBucket(dollars(100), 0)
    hold(bucket, 60)
    expect(waitFor([bucket], 40, 0)).toBe(0)
    expect(waitFor([bucket], 41, 0)).toBe(BUSY)
  })

  it('is told when enough has flowed in', () => {
    const bucket = newBucket(dollars(100, 10), 0)
    charge(bucket, 149, 0)
    expect(waitFor([bucket], 20, 0)).toBe(5000)
    expect(waitFor([bucket], 20, 4999)).toBeGreaterThan(0)
    expect(waitFor([bucket], 20, 5000)).toBe(0)
  })

  it.each(['dollars', 'tokens', 'requests', 'compute', 'concurrent'] as const)(
    'never passes a bucket of no %s',
    (unit) => {
      const rate = { amount: 5, per: 1000, text: '' }
      expect(waitFor([newBucket({ unit, capacity: 0, rate }, 0)], 0, 9999)).toBe(never)
    },
  )

  it('takes a place that it gives back', () => {
    const bucket = newBucket({ unit: 'concurrent', capacity: 2 }, 0)
    hold(bucket, 1)
    expect(waitFor([bucket], 1, 0)).toBe(0)
    hold(bucket, 1)
    expect(waitFor([bucket], 1, 0)).toBe(BUSY)
    release(bucket, 1)
    expect(waitFor([bucket], 1, 0)).toBe(0)
  })

  it('counts as one of so many, never beyond', () => {
    const bucket = newBucket({ unit: 'requests', capacity: 2 }, 0)
    hold(bucket, 1)
    hold(bucket, 1)
    expect(waitFor([bucket], 1, 0)).toBe(BUSY)
    release(bucket, 1)
    charge(bucket, 1, 0)
    expect(waitFor([bucket], 1, 0)).toBe(BUSY)
    release(bucket, 1)
    charge(bucket, 1, 0)
    expect(waitFor([bucket], 1, 0)).toBe(never)
  })
})

describe('a chain', () => {
  const chain = () => [
    newBucket(dollars(10), 0),
    newBucket(dollars(20), 0),
    newBucket(dollars(30), 0),
  ]
  const pay = (buckets: ReturnType<typeof chain>, amount: number) => {
    for (const part of toCharge(buckets, amount, 0)) charge(part.bucket, part.amount, 0)
    return buckets.map(({ balance }) => balance)
  }

  it('spends the first bucket, then borrows in order, and splits a request', () => {
    const buckets = chain()
    expect(pay(buckets, 4)).toEqual([6, 20, 30])
    expect(pay(buckets, 16)).toEqual([0, 10, 30])
    expect(pay(buckets, 15)).toEqual([0, 0, 25])
  })

  it('lets only the last go below zero, and blocks until the sum is above it', () => {
    const buckets = chain()
    expect(pay(buckets, 75)).toEqual([0, 0, -15])
    expect(waitFor(buckets, 1, 0)).toBe(never)
    const [first] = buckets
    if (first) refill(first, 10, 0)
    expect(waitFor(buckets, 1, 0)).toBe(never)
    const [, second] = buckets
    if (second) refill(second, 6, 0)
    expect(waitFor(buckets, 1, 0)).toBe(0)
  })

  it('holds where it would pay', () => {
    const buckets = chain()
    expect(toHold(buckets, 35).map(({ amount }) => amount)).toEqual([10, 20, 5])
    for (const part of toHold(buckets, 35)) hold(part.bucket, part.amount)
    expect(waitFor(buckets, 25, 0)).toBe(0)
    expect(waitFor(buckets, 26, 0)).toBe(BUSY)
  })
})

/** What happens to a bucket, one thing after the other. */
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('ask' as const), amount: fc.integer({ min: 0, max: 400 }) }),
    fc.record({
      kind: fc.constant('end' as const),
      which: fc.nat(20),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 0, max: 5000 }) }),
    fc.record({ kind: fc.constant('refill' as const), amount: fc.integer({ min: 0, max: 500 }) }),
    fc.record({ kind: fc.constant('resize' as const), capacity: fc.integer({ min: 1, max: 800 }) }),
  ),
  { maxLength: 200 },
)

describe('a bucket under anything that may happen to it', () => {
  it('holds what a plain sum says, and is overdrawn by one request at most', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 0, max: 50 }), steps, run),
      { numRuns: 300 },
    )
  })

  const run = (
    capacity: number,
    rate: number,
    happenings: typeof steps extends fc.Arbitrary<infer T> ? T : never,
  ) => {
    const bucket = newBucket(dollars(capacity, rate), 0)
    const open: number[] = []
    let now = 0
    // The naive model: one number, filled and capped step by step.
    let expected = capacity
    let spent = 0
    let dearest = 0
    let shrunk = false
    for (const step of happenings) {
      switch (step.kind) {
        case 'ask':
          if (waitFor([bucket], step.amount, now) > 0) break
          for (const part of toHold([bucket], step.amount)) hold(part.bucket, part.amount)
          open.push(step.amount)
          dearest = Math.max(dearest, step.amount)
          break
        case 'end': {
          const [amount] = open.splice(step.which % Math.max(1, open.length), 1)
          if (amount === undefined) break
          const cost = Math.round(amount * step.part)
          if (amount > 0) release(bucket, amount)
          charge(bucket, cost, now)
          expected -= cost
          spent += cost
          break
        }
        case 'time':
          now += step.ms
          expected = Math.min(bucket.limit.capacity, expected + (rate * step.ms) / 1000)
          break
        case 'refill':
          refill(bucket, step.amount, now)
          expected = Math.min(bucket.limit.capacity, expected + step.amount)
          break
        case 'resize':
          redefine(bucket, dollars(step.capacity, rate), now)
          expected = Math.min(step.capacity, expected)
          shrunk = true
      }
      fill(bucket, now)
      expect(bucket.balance).toBeCloseTo(expected, 6)
      expect(bucket.spent).toBe(spent)
      // What a smaller definition took away was promised to who was let in before.
      if (!shrunk) expect(bucket.balance).toBeGreaterThan(-dearest - 1e-6)
      expect(bucket.held).toBeCloseTo(
        open.reduce((sum, amount) => sum + amount, 0),
        6,
      )
    }
  }
})
