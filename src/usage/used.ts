import type { TokenCounts } from '../dialect/usage.ts'
import type { Outcome, UsageRow } from './row.ts'

/** What is known of a request when it is over. */
export interface Known {
  /** `chat/completions`, `generateContent`; undefined for what asks no model. */
  readonly operation: string | undefined
  /** As the upstream told. */
  readonly counts: TokenCounts | undefined
  /** Tokens of the text that came, about. */
  readonly spoken: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly outcome: Outcome
  readonly sent: boolean
  /** There was an answer, of that status. */
  readonly answered: boolean
  readonly status: number
}

export interface Used {
  readonly row: Pick<
    UsageRow,
    | 'inputTokens'
    | 'outputTokens'
    | 'cachedTokens'
    | 'reasoningTokens'
    | 'tokensSource'
    | 'cacheWriteTokens'
    | 'webSearches'
    | 'images'
    | 'audioMs'
  >
  /** The same, for who makes a price of it; undefined when nobody can say. */
  readonly counts: TokenCounts | undefined
  /** The upstream did something for the client. */
  readonly worked: boolean
}

/** Bytes per token, for the estimate when an upstream is silent: the usual rule of thumb for English. */
const bytesPerToken = 4

/** The size of a picture, a recording or a vector says nothing about tokens. */
const generatesText = new Set([
  'chat/completions',
  'completions',
  'responses',
  'responses/compact',
  'codex/responses',
  'messages',
  'generateContent',
  'streamGenerateContent',
  'rawPredict',
  'streamRawPredict',
  'invoke',
  'invoke-with-response-stream',
  'converse',
  'converse-stream',
  'api/chat',
  'api/generate',
])

/** What nobody pays tokens for, and tells none of. */
const asksForNoTokens = new Set([
  'messages/count_tokens',
  'countTokens',
  'responses/input_tokens',
  'moderations',
])
const noTokens: TokenCounts = { input: 0, output: 0, cached: 0, reasoning: 0 }

/** What the upstream counted; else, when it worked for the client, an estimate marked as one; else nothing. */
export const usedBy = (known: Known): Used => {
  const { sent, outcome, status, answered, counts } = known
  const worked =
    counts !== undefined || (sent && outcome !== 'rejected' && status < (answered ? 400 : 500))
  const { source, tokens } = tokensOf(known, worked)
  return { row: inRow(source, tokens), counts: tokens, worked }
}

type Tokens = {
  readonly source: UsageRow['tokensSource']
  readonly tokens: TokenCounts | undefined
}

const tokensOf = (known: Known, worked: boolean): Tokens => {
  const { counts, operation = '', spoken, bytesIn, bytesOut, outcome } = known
  const text = generatesText.has(operation)
  const estimate = {
    input: Math.ceil(bytesIn / bytesPerToken),
    output: spoken > 0 ? spoken : Math.ceil(bytesOut / bytesPerToken),
  }
  if (counts === undefined) {
    if (asksForNoTokens.has(operation)) return { source: 'none', tokens: noTokens }
    if (!worked || !text) return { source: 'none', tokens: undefined }
    return { source: 'estimated', tokens: { ...estimate, cached: 0, reasoning: 0 } }
  }
  if (counts.input + counts.output === 0 && counts.audioMs === undefined) {
    return text
      ? { source: 'estimated', tokens: { ...counts, ...estimate } }
      : { source: 'none', tokens: counts }
  }
  // Who left early was sent more than the upstream had told by then.
  const missed = outcome !== 'ok' && spoken > counts.output
  return missed
    ? { source: 'estimated', tokens: { ...counts, output: spoken } }
    : { source: 'reported', tokens: counts }
}

const inRow = (tokensSource: UsageRow['tokensSource'], tokens: TokenCounts | undefined) => ({
  tokensSource,
  inputTokens: tokens?.input ?? 0,
  outputTokens: tokens?.output ?? 0,
  cachedTokens: tokens?.cached ?? 0,
  reasoningTokens: tokens?.reasoning ?? 0,
  cacheWriteTokens: tokens?.cacheWrite ?? 0,
  webSearches: tokens?.searches ?? 0,
  images: tokens?.images ?? 0,
  audioMs: tokens?.audioMs ?? 0,
})
