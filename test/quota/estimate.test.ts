import { describe, expect, it } from 'vitest'
import type { Target } from '../../src/gateway/http/env.ts'
import { estimate, spentBy } from '../../src/gateway/quota/estimate.ts'
import type { Candidate } from '../../src/platform/upstream.ts'
import { usageRow } from '../store/fixtures.ts'

const candidate = {
  model: 'claude-sonnet-4-5',
  provider: { id: 'anthropic', details: new Map() },
} as unknown as Candidate
const price = { input: 3, output: 15 }

const target = (more: object = {}): Target =>
  ({
    operation: { operation: 'messages' },
    size: 3000,
    files: [],
    bounds: { maxOutput: 100, choices: 1 },
    pricingHints: {},
    ...more,
  }) as unknown as Target

describe('what is held for a request', () => {
  it('is its prompt at three bytes a token, and the longest answer that it allows', () => {
    expect(estimate(target(), candidate, price)).toMatchObject({
      tokens: 1100,
      dollars: 1000 * 3000 + 100 * 15_000,
      requests: 1,
    })
    const twice = target({ bounds: { maxOutput: 100, choices: 2 } })
    expect(estimate(twice, candidate, price).tokens).toBe(1200)
  })

  it('has a picture as its provider counts it', () => {
    const files = [{ size: 2_200_000, encodedSize: 2_933_340, head: () => new Uint8Array([0xff]) }]
    // Whatever it is, it is not text of three megabytes.
    const size = 3000 + 2_933_340
    expect(estimate(target({ size, files }), candidate, price).tokens).toBeLessThan(740_000)
    const picture = new Uint8Array(64)
    picture.set([0x89, 0x50, 0x4e, 0x47])
    new DataView(picture.buffer).setUint32(16, 280)
    new DataView(picture.buffer).setUint32(20, 280)
    const one = [{ ...files[0], head: () => picture }]
    expect(estimate(target({ size, files: one }), candidate, price).tokens).toBe(1100 + 100)
  })

  it('is nothing of what has no price, in dollars', () => {
    expect(estimate(target(), candidate, undefined)).toMatchObject({ dollars: 0, tokens: 1100 })
  })
})

describe('what is charged for a request', () => {
  const held = estimate(target(), candidate, price)
  const row = usageRow({ inputTokens: 100, outputTokens: 10, cachedTokens: 0, reasoningTokens: 0 })

  it('is what its row says', () => {
    expect(spentBy({ ...row, costNanousd: 7 }, held, price).dollars).toBe(7)
  })

  it('is by the price known before, where the one it was served at is not', () => {
    const dollars = 100 * 3000 + 10 * 15_000
    expect(spentBy({ ...row, costNanousd: null }, held, price).dollars).toBe(dollars)
    const more = { ...row, costNanousd: null, outputTokens: 10_000 }
    expect(spentBy(more, held, price).dollars).toBe(held.dollars)
  })

  it('is what was held, where nothing was counted', () => {
    const uncounted = { ...row, costNanousd: null, tokensSource: 'none' as const }
    expect(spentBy(uncounted, held, price).dollars).toBe(held.dollars)
  })

  it('is nothing where nobody worked for it', () => {
    const refused = { ...row, provider: null, status: 429, tokensSource: 'none' as const }
    expect(spentBy(refused, held, price)).toMatchObject({ dollars: 0, requests: 0, tokens: 0 })
    const failed = { ...row, status: 400, outcome: 'upstream_error', tokensSource: 'none' } as const
    expect(spentBy(failed, held, price)).toMatchObject({ dollars: 0, requests: 0 })
  })
})
