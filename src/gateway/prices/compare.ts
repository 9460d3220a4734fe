import type { Rates } from '../../platform/upstream.ts'
import { loadCatalogue } from './catalogue.ts'
import { costOf } from './cost.ts'

/** Sums over requests, as the ledger names them. */
export interface TokenSums {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedTokens: number
  readonly reasoningTokens: number
  readonly cacheWriteTokens?: number
}

/** What the same tokens would have cost, in billionths of a dollar; null when no list has that model. */
export type Compare = (sums: TokenSums) => number | null

/**
 * Holds tokens against a model of a cloud.
 * @param name `anthropic/claude-sonnet-4-6`
 * @param at of which moment the prices are, ms since the epoch
 */
export const comparison = async (name: string, at: number): Promise<Compare> => {
  const listed = (await loadCatalogue()).find(undefined, name, at)
  if (listed === undefined) return () => null
  // Tiers go by the length of one prompt, and sums know none.
  const { input, output, inputCacheRead, inputCacheWrite, internalReasoning } = listed.price
  const rates = known({ input, output, inputCacheRead, inputCacheWrite, internalReasoning })
  return (sums) => costOf(rates, { counts: countsOf(sums), ms: 0 })
}

const countsOf = (sums: TokenSums) => ({
  input: sums.inputTokens,
  output: sums.outputTokens,
  cached: sums.cachedTokens,
  reasoning: sums.reasoningTokens,
  cacheWrite: sums.cacheWriteTokens ?? 0,
})

const known = (rates: { readonly [Rate in keyof Rates]: Rates[Rate] | undefined }): Rates =>
  Object.fromEntries(Object.entries(rates).filter(([, usd]) => usd !== undefined))
