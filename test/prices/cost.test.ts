import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TokenCounts } from '../../src/gateway/dialect/usage.ts'
import { costOf } from '../../src/gateway/prices/cost.ts'
import type { Price } from '../../src/platform/upstream.ts'

const counts = (told: Partial<TokenCounts>): TokenCounts => ({
  input: 0,
  output: 0,
  cached: 0,
  reasoning: 0,
  ...told,
})
const cost = (price: Price, told: Partial<TokenCounts> | undefined, ms = 0) =>
  costOf(price, { counts: told && counts(told), ms })

/** Of Claude Sonnet 4.5, USD per million tokens. */
const sonnet: Price = {
  input: 3,
  output: 15,
  inputCacheRead: 0.3,
  inputCacheWrite: 3.75,
  inputCacheWrite1h: 6,
  webSearch: 0.01,
  tiers: [
    {
      above: 200_000,
      input: 6,
      output: 22.5,
      inputCacheRead: 0.6,
      inputCacheWrite: 7.5,
      inputCacheWrite1h: 12,
    },
  ],
}

describe('the cost of a request', () => {
  it('is what its tokens cost, in billionths of a dollar', () => {
    // 1,000 × $3 + 500 × $15, per million: $0.0105.
    expect(cost(sonnet, { input: 1000, output: 500 })).toBe(10_500_000)
  })

  it('has its own rates for what was read from a cache and written to it, for minutes or an hour', () => {
    // 12 fresh, 20,000 read, 500 written, 1,000 written for an hour, 410 out.
    const told = {
      input: 21_512,
      cached: 20_000,
      cacheWrite: 1500,
      cacheWrite1h: 1000,
      output: 410,
    }
    const usd = (12 * 3 + 20_000 * 0.3 + 500 * 3.75 + 1000 * 6 + 410 * 15) / 1e6
    expect(usd).toBeCloseTo(0.020061, 9)
    expect(cost(sonnet, told)).toBe(20_061_000)
  })

  it('takes the rate of the whole for a part that has none of its own', () => {
    const all = { input: 100, cached: 40, cacheWrite: 20, cacheWrite1h: 10, audioInput: 5 }
    expect(cost({ input: 1 }, { ...all, imageInput: 5 })).toBe(100_000)
    const out = { input: 1, output: 50, reasoning: 30, audioOutput: 10 }
    expect(cost({ output: 2 }, out)).toBe(100_000)
    expect(
      cost({ input: 2, inputCacheWrite: 5 }, { input: 10, cacheWrite1h: 4, cacheWrite: 4 }),
    ).toBe((6 * 2 + 4 * 5) * 1000)
  })

  it('is that of the tier that the prompt is in, for the whole request', () => {
    // At the edge still the lower one: 200,000 × $3 = $0.60.
    expect(cost(sonnet, { input: 200_000 })).toBe(600_000_000)
    // One more, and every token costs more, those from the cache too.
    expect(cost(sonnet, { input: 200_001, cached: 1, output: 10 })).toBe(
      Math.round(200_000 * 6000 + 600 + 10 * 22_500),
    )
  })

  it('keeps the rates that a tier does not name, and takes the highest tier that fits', () => {
    const price = {
      input: 1,
      output: 1,
      tiers: [
        { above: 10, input: 2 },
        { above: 20, input: 4 },
      ],
    }
    expect(cost(price, { input: 10, output: 1 })).toBe(11_000)
    expect(cost(price, { input: 11, output: 1 })).toBe(23_000)
    expect(cost(price, { input: 21, output: 1 })).toBe(85_000)
  })

  it('has its own rate for what was thought, as part of the answer', () => {
    expect(cost({ output: 1, internalReasoning: 3 }, { output: 100, reasoning: 60 })).toBe(
      (40 + 180) * 1000,
    )
  })

  it('has its own rates for sound and pictures', () => {
    // gpt-4o-transcribe: text $2.50, sound $6, answer $10.
    const transcribe = { input: 2.5, inputAudio: 6, output: 10 }
    expect(cost(transcribe, { input: 14, audioInput: 10, output: 45 })).toBe(
      10_000 + 60_000 + 450_000,
    )
    expect(
      cost({ input: 5, image: 10, output: 40 }, { input: 373, imageInput: 323, output: 8320 }),
    ).toBe((50 * 5 + 323 * 10 + 8320 * 40) * 1000)
    expect(cost({ output: 10, outputAudio: 20 }, { output: 60, audioOutput: 45 })).toBe(
      (15 * 10 + 45 * 20) * 1000,
    )
  })

  it('is by the hour for what is only listened to', () => {
    // whisper-1: $0.36 an hour; 27 s are $0.0027.
    expect(cost({ audioHour: 0.36 }, { audioMs: 27_000 })).toBe(2_700_000)
  })

  it('is by the piece for pictures, searches and requests', () => {
    expect(cost({ picture: 0.04 }, { images: 3 })).toBe(120_000_000)
    expect(cost({ ...sonnet }, { input: 1000, searches: 2 })).toBe(3_000_000 + 20_000_000)
    expect(cost({ input: 1, request: 0.012 }, { input: 1000 })).toBe(1_000_000 + 12_000_000)
  })

  it('is by the second that the provider works, whatever it tells', () => {
    // 450 W at $0.32 per kWh: $0.144 an hour, $0.00004 a second.
    const second = (450 * 0.32) / 3_600_000
    expect(cost({ second }, undefined, 2500)).toBe(100_000)
    expect(cost({ second }, { input: 10, output: 10 }, 2500)).toBe(100_000)
  })

  it('is rounded once, to the nearest billionth, and not per kind', () => {
    // Three kinds of 0.4 billionths each are 1.2, and not 0.
    expect(
      cost(
        { input: 0.0004, inputCacheRead: 0.0004, output: 0.0004 },
        { input: 2, cached: 1, output: 1 },
      ),
    ).toBe(1)
    expect(cost({ input: 0.0005 }, { input: 1 })).toBe(1)
    expect(cost({ input: 0.0004 }, { input: 1 })).toBe(0)
  })

  it('is exact where floating point is not', () => {
    expect(0.1 * 3).not.toBe(0.3)
    expect(cost({ input: 0.1 }, { input: 3 })).toBe(300)
    expect(cost({ input: 0.15, output: 0.6 }, { input: 123_456_789, output: 987_654 })).toBe(
      123_456_789 * 150 + 987_654 * 600,
    )
  })

  it('is as much as the ledger can hold at most', () => {
    expect(cost({ input: 1e9 }, { input: 1e9 })).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('is never negative, never a fraction, and never less for more tokens', () => {
    const usd = fc.option(fc.double({ min: 0, max: 1000, noNaN: true }), { nil: undefined })
    const price = fc
      .record({ input: usd, output: usd, inputCacheRead: usd })
      .map(
        (rates) =>
          Object.fromEntries(
            Object.entries(rates).filter(([, rate]) => rate !== undefined),
          ) as Price,
      )
    fc.assert(
      fc.property(price, fc.nat(1e9), fc.nat(1e9), fc.nat(1e6), (rates, input, output, more) => {
        const least = cost(rates, { input, output }) ?? 0
        expect(Number.isSafeInteger(least)).toBe(true)
        expect(least).toBeGreaterThanOrEqual(0)
        expect(cost(rates, { input, output: output + more }) ?? 0).toBeGreaterThanOrEqual(least)
      }),
    )
  })
})

describe('a cost that nobody knows', () => {
  it('is null and not zero, where tokens have rates and nobody counted them', () => {
    expect(cost({ input: 1, output: 1 }, undefined)).toBeNull()
    expect(cost({ audioHour: 0.36 }, undefined)).toBeNull()
    expect(cost({ picture: 0.04, second: 1 }, undefined, 1000)).toBeNull()
  })

  it('is null where nothing of what was done has a price', () => {
    expect(cost({}, { input: 10 })).toBeNull()
    expect(cost({ output: 1 }, { input: 10 })).toBeNull()
    expect(cost({ input: 1 }, { images: 1 })).toBeNull()
    expect(cost({ input: 1 }, { audioMs: 1000 })).toBeNull()
  })

  it('is zero where the price is, or where nothing was done', () => {
    expect(cost({ input: 0, output: 0 }, undefined)).toBe(0)
    expect(cost({ input: 0, output: 0 }, { input: 10, output: 10 })).toBe(0)
    expect(cost({ input: 1 }, {})).toBe(0)
  })
})
