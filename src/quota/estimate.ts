import type { QuotaUnit } from '../config/config.ts'
import type { Target } from '../http/env.ts'
import { costOf } from '../prices/cost.ts'
import type { Candidate, Price } from '../upstream/upstream.ts'
import type { UsageRow } from '../usage/row.ts'

/** By unit, in whole units. */
export type Amounts = Readonly<Record<QuotaUnit, number>>

/**
 * What is held must be no less than what will be charged, or requests that come together overspend together. So these
 * are high, and only cost whoever is near the end of a budget.
 */
const bytesPerToken = 3
/** A picture in a body looks like a million tokens, and is a few hundred: no prompt is taken to be longer than this. */
const longestPrompt = 200_000
/** What a request that sets no limit is taken to answer, where its model's own is not known. */
const longestOutput = 32_768
/** The same for what answers sounds or pictures. */
const longestMedia = 8192
/** Time that a provider may take, ms. */
const longestCompute = 300_000
/** What is recorded has more bytes in each ms. */
const bytesPerAudioMs = 2

/** What a request may cost, before it is sent. Without a price it holds no dollars, as it will be charged none. */
export function estimate(target: Target, candidate: Candidate, price: Price | undefined): Amounts {
  if (holdsNothing.has(target.operation.operation)) return onlyOne
  const details = candidate.provider.details.get(candidate.model)
  const longest = details?.contextLength ?? longestPrompt
  const input = target.body ? Math.min(Math.ceil(target.size / bytesPerToken), longest) : 0
  const output = outputOf(target, details?.maxOutputTokens)
  const audioMs = target.body ? 0 : Math.ceil(target.size / bytesPerAudioMs)
  const counts = { input, output, cached: 0, reasoning: 0, audioMs }
  return {
    dollars: (price && costOf(price, { counts, ms: longestCompute })) ?? 0,
    tokens: input + output,
    requests: 1,
    compute: longestCompute,
    concurrent: 1,
  }
}

/** Counting is free, and a stored response was held for when it was requested. */
const holdsNothing = new Set(['responses/input_tokens', 'responses/stored'])
const onlyOne: Amounts = { dollars: 0, tokens: 0, requests: 1, compute: 0, concurrent: 1 }

const answersNothing = new Set([
  'embeddings',
  'rerank',
  'moderations',
  'messages/count_tokens',
  'countTokens',
  'embedContent',
  'batchEmbedContents',
  'api/embed',
  'api/embeddings',
])
const answersMedia = /^(?:audio|images)\//

function outputOf({ body, operation }: Target, known: number | undefined): number {
  const { operation: name } = operation
  if (answersNothing.has(name)) return 0
  const json = body?.json ?? {}
  const asked = [
    json.max_completion_tokens,
    json.max_tokens,
    json.max_output_tokens,
    of(json.generationConfig, 'maxOutputTokens'),
    of(json.inferenceConfig, 'maxTokens'),
    of(json.options, 'num_predict'),
  ].filter(isCount)
  const most = known ?? (answersMedia.test(name) ? longestMedia : longestOutput)
  // Which of several a server heeds, nobody can tell.
  return (asked.length > 0 ? Math.max(...asked) : most) * choicesOf(json)
}

/** Answers to one prompt. */
const choicesOf = (json: Readonly<Record<string, unknown>>): number =>
  Math.min(
    128,
    Math.max(
      1,
      ...[json.n, json.best_of, of(json.generationConfig, 'candidateCount')].filter(isCount),
    ),
  )

const of = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 1e9

/**
 * What a request did cost, by its line in the ledger; nothing when nobody worked for it. Who leaves before an answer
 * has had a provider at work all the same. Where the price is known and what was done cannot be counted, the estimate
 * counts: to hide one's usage must not make it free.
 */
export function spentBy(row: UsageRow, estimated: Amounts): Amounts {
  const worked = row.provider !== null && (row.status < 400 || row.outcome === 'client_gone')
  if (!worked && row.tokensSource === 'none') return nothing
  return {
    dollars: row.costNanousd ?? estimated.dollars,
    tokens: row.inputTokens + row.outputTokens,
    requests: 1,
    compute: Math.max(0, Math.round(row.durationMs - row.overheadUs / 1000)),
    concurrent: 0,
  }
}

const nothing: Amounts = { dollars: 0, tokens: 0, requests: 0, compute: 0, concurrent: 0 }
