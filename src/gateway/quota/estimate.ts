import type { QuotaUnit } from '../../config/config.ts'
import { RESOURCE } from '../../config/resources.ts'
import type { UsageRow } from '../../platform/records/usage.ts'
import type { Candidate, Price } from '../../platform/upstream.ts'
import type { Target } from '../http/env.ts'
import { costOf } from '../prices/cost.ts'
import { longestAnswer } from '../tokens/answer.ts'
import { promptOf } from '../tokens/prompt.ts'

/** By unit, in whole units. */
export type Amounts = Readonly<Record<QuotaUnit, number>>

/** Time that a provider may take, ms. */
const longestCompute = 300_000

/**
 * What a request may cost, before it is sent, at most: what is held must be no less than what will be charged, or requests
 * that come together overspend together. Without a price it holds no dollars, as it will be charged none.
 */
export function estimate(target: Target, candidate: Candidate, price: Price | undefined): Amounts {
  if (holdsNothing.has(target.operation.operation)) return onlyOne
  const { size, files, operation } = target
  const { most } = promptOf({ size, files, operation: operation.operation }, candidate)
  const output = longestAnswer(target, candidate)
  const counts = { ...most, output, cached: 0, reasoning: 0 }
  return {
    dollars: (price && costOf(price, { counts, ms: longestCompute })) ?? 0,
    tokens: most.input + output,
    requests: 1,
    compute: longestCompute,
    concurrent: 1,
  }
}

/** A stored response was held for when it was requested; nothing tells what a call on a resource takes. */
const holdsNothing = new Set(['responses/stored', RESOURCE])
const onlyOne: Amounts = { dollars: 0, tokens: 0, requests: 1, compute: 0, concurrent: 1 }

/**
 * What a request did cost, by its line in the ledger; nothing when nobody worked for it. Who leaves before an answer
 * has had a provider at work all the same. Where the ledger does not know the cost, it is that of the price that was
 * known before, and of what was held where nothing was counted: to hide one's usage must not make it free.
 * @param rates by which the estimate was made
 */
export function spentBy(row: UsageRow, estimated: Amounts, rates?: Price): Amounts {
  const worked = row.provider !== null && (row.status < 400 || row.outcome === 'client_gone')
  if (!worked && row.tokensSource === 'none') return nothing
  return {
    dollars: row.costNanousd ?? unpriced(row, estimated, rates),
    tokens: row.inputTokens + row.outputTokens,
    requests: 1,
    compute: Math.max(0, Math.round(row.durationMs - row.overheadUs / 1000)),
    concurrent: 0,
  }
}

const unpriced = (row: UsageRow, { dollars }: Amounts, rates: Price | undefined): number => {
  if (!rates || row.tokensSource === 'none') return dollars
  const counts = {
    input: row.inputTokens,
    output: row.outputTokens,
    cached: row.cachedTokens,
    reasoning: row.reasoningTokens,
    cacheWrite: row.cacheWriteTokens,
    searches: row.webSearches,
  }
  return Math.min(dollars, costOf(rates, { counts, ms: row.durationMs }) ?? dollars)
}

const nothing: Amounts = { dollars: 0, tokens: 0, requests: 0, compute: 0, concurrent: 0 }
