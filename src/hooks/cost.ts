import type { TokenCounts } from '../dialect/usage.ts'
import type { Candidate, Price } from '../upstream/upstream.ts'

export interface Cost {
  readonly dollars: number
  /** Whose price it is; empty where none is known. */
  readonly cost_basis: string
}

const million = 1_000_000

/** By the provider's own prices. */
export function costOf({ provider, model }: Candidate, counts: TokenCounts | undefined): Cost {
  const price = provider.prices?.get(model) ?? provider.prices?.get('*')
  if (!price || !counts) return { dollars: 0, cost_basis: '' }
  return { dollars: dollarsFor(price, counts), cost_basis: `${provider.id}/${model}` }
}

const dollarsFor = (
  { input = 0, output = 0, inputCacheRead = input }: Price,
  counts: TokenCounts,
): number =>
  ((counts.input - counts.cached) * input +
    counts.cached * inputCacheRead +
    counts.output * output) /
  million
