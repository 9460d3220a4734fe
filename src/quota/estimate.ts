import type { QuotaUnit } from '../config/config.ts'
import type { Target } from '../http/env.ts'
import { costOf } from '../prices/cost.ts'
import type { Candidate, Price } from '../upstream/upstream.ts'
import type { UsageRow } from '../usage/row.ts'

/** By unit, in whole units. */
export type Amounts = Readonly<Record<QuotaUnit, number>>

const bytesPerToken = 4
/** What a request that sets no limit is taken to answer. */
const usualOutput = 1024
/** A picture in a body looks like a million tokens, and is a few hundred: no prompt is longer than this. */
const longestPrompt = 200_000
/** Time of a provider that is held for a request, ms. */
const usualCompute = 10_000

/** What a request may cost, before it is sent. */
export function estimate(target: Target, candidate: Candidate, price: Price | undefined): Amounts {
  const details = candidate.provider.details.get(candidate.model)
  const input = target.body
    ? Math.min(Math.ceil(target.size / bytesPerToken), details?.contextLength ?? longestPrompt)
    : 0
  const output = outputOf(target, details?.maxOutputTokens)
  const counts = { input, output, cached: 0, reasoning: 0 }
  return {
    // What nobody knows the price of holds nothing back, as it will be charged nothing.
    dollars: (price && costOf(price, { counts, ms: usualCompute })) ?? 0,
    tokens: input + output,
    requests: 1,
    compute: usualCompute,
    concurrent: 1,
  }
}

const answersNothing = new Set(['embeddings', 'rerank', 'moderations', 'messages/count_tokens'])

function outputOf({ body, operation }: Target, most = Number.POSITIVE_INFINITY): number {
  if (!body || answersNothing.has(operation.operation)) return 0
  const { json } = body
  const wanted = [
    json.max_completion_tokens,
    json.max_tokens,
    json.max_output_tokens,
    of(json.generationConfig, 'maxOutputTokens'),
    of(json.inferenceConfig, 'maxTokens'),
  ].find(isCount)
  return Math.min(wanted ?? usualOutput, most) * (isCount(json.n) ? Math.min(json.n, 128) : 1)
}

const of = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 1e9

/** What a request did cost, by its line in the ledger; nothing when nobody worked for it. */
export function spentBy(row: UsageRow): Amounts {
  const answered = row.provider !== null && row.status < 400
  if (!answered && row.tokensSource === 'none') return nothing
  return {
    dollars: row.costNanousd ?? 0,
    tokens: row.inputTokens + row.outputTokens,
    requests: 1,
    compute: Math.max(0, Math.round(row.durationMs - row.overheadUs / 1000)),
    concurrent: 0,
  }
}

const nothing: Amounts = { dollars: 0, tokens: 0, requests: 0, compute: 0, concurrent: 0 }
