import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/gateway/ratelimit/limits.ts'
import { fakeClock } from '../support/clock.ts'

const open = () => {
  const clock = fakeClock()
  return { clock, limiter: createLimiter(clock) }
}
const rate = { events: 5, window: 60_000 }

describe('a limiter', () => {
  it('lets so many events pass at once, and tells when the next one may', () => {
    const { clock, limiter } = open()
    for (let i = 0; i < 5; i += 1) expect(limiter.take(['a'], rate)).toBe(0)
    expect(limiter.take(['a'], rate)).toBe(12_000)
    clock.advance(11_999)
    expect(limiter.take(['a'], rate)).toBe(1)
    clock.advance(1)
    expect(limiter.take(['a'], rate)).toBe(0)
    expect(limiter.take(['a'], rate)).toBe(12_000)
  })

  it('keeps subjects apart', () => {
    const { limiter } = open()
    for (let i = 0; i < 5; i += 1) limiter.take(['a'], rate)
    expect(limiter.take(['b'], rate)).toBe(0)
  })

  it('is full again after the window, and no fuller', () => {
    const { clock, limiter } = open()
    for (let i = 0; i < 5; i += 1) limiter.take(['a'], rate)
    clock.advance(10 * 60_000)
    for (let i = 0; i < 5; i += 1) expect(limiter.take(['a'], rate)).toBe(0)
    expect(limiter.take(['a'], rate)).toBeGreaterThan(0)
  })

  it('grants exactly the burst, for any rate and at any time, and is right about the wait', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 86_400_000 }),
        fc.double({ min: 0, max: 1e10, noNaN: true }),
        (events, window, at) => {
          const { clock, limiter } = open()
          clock.advance(at)
          for (let i = 0; i < events; i += 1) {
            expect(limiter.take(['a'], { events, window })).toBe(0)
          }
          const wait = limiter.take(['a'], { events, window })
          expect(wait).toBeGreaterThan(0)
          expect(wait).toBeLessThanOrEqual(window + 0.01)
          clock.advance(wait)
          expect(limiter.take(['a'], { events, window })).toBe(0)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('follows a rate that a reload changed, without a fresh bucket', () => {
    const { limiter } = open()
    for (let i = 0; i < 5; i += 1) limiter.take(['a'], rate)
    expect(limiter.take(['a'], { events: 1, window: 60_000 })).toBeGreaterThan(0)
  })
})

describe('a limiter with more subjects than room', () => {
  const address = (i: number) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`
  const crowd = (i: number) => [`${address(i)}`, `10.${(i >> 16) & 255}`, 'all']

  it('does not forget live buckets for newcomers, who share coarser ones', () => {
    const { clock, limiter } = open()
    for (let i = 0; i < 5; i += 1) limiter.take(['first', 'neighbours', 'all'], rate)
    for (let i = 0; i < 200_000; i += 1) limiter.take(crowd(i), rate)
    expect(limiter.take(['first', 'neighbours', 'all'], rate)).toBeGreaterThan(0)
    for (let i = 0; i < 5; i += 1) limiter.take([`new ${i}`, 'newcomers', 'all'], rate)
    expect(limiter.take(['new 5', 'newcomers', 'all'], rate)).toBeGreaterThan(0)
    expect(limiter.take(['new 6', 'elsewhere', 'all'], rate)).toBe(0)
    clock.advance(60_000)
    for (let i = 0; i < 6; i += 1) {
      expect(limiter.take([`new ${i}`, 'newcomers', 'all'], rate)).toBe(0)
    }
  })
})
