import type { Outcome, UsageRow } from '../../platform/records/usage.ts'
import type { TokenCounts } from '../dialect/usage.ts'
import { isCount } from '../tokens/answer.ts'
import type { Prompt } from '../tokens/prompt.ts'
import { tokensOfText } from '../tokens/text.ts'

/** What is known of a request when it is over. */
export interface Known {
  /** `chat/completions`, `generateContent`; undefined for what asks no model. */
  readonly operation: string | undefined
  readonly model: string | undefined
  /** As the upstream told. */
  readonly counts: TokenCounts | undefined
  /** Tokens of what the model wrote, about; undefined where the answer could not be read. */
  readonly written: number | undefined
  /** The answer reports an error, whatever its status. */
  readonly failed: boolean
  /** What the prompt probably comes to, and what the answer comes to at most: asked where the upstream told nothing. */
  readonly prompt: () => Prompt
  readonly longest: () => number
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

/** A text is asked for, so that what came can be counted where nobody did. */
const writes = new Set([
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
  'responses/compact',
  'api/chat',
  'api/generate',
  'audio/transcriptions',
  'audio/translations',
])

/** Only the prompt is paid for. */
const reads = new Set([
  'embeddings',
  'rerank',
  'embedContent',
  'batchEmbedContents',
  'api/embed',
  'api/embeddings',
])

const noTokens: TokenCounts = { input: 0, output: 0, cached: 0, reasoning: 0 }

/** What the upstream counted; else, when it worked for the client, an estimate marked as one; else nothing. */
export const usedBy = (known: Known): Used => {
  const { sent, outcome, status, answered, operation = '', model } = known
  // What was refused or has failed costs nothing, whatever it says besides.
  const counts = answered && status >= 400 ? undefined : known.counts
  if (isCount(operation, model)) {
    return { row: inRow('none', noTokens), counts: noTokens, worked: false }
  }
  const worked =
    counts !== undefined ||
    (sent && !known.failed && outcome !== 'rejected' && status < (answered ? 400 : 500))
  const { source, tokens } = tokensOf({ ...known, counts }, worked)
  return { row: inRow(source, tokens), counts: tokens, worked }
}

type Tokens = {
  readonly source: UsageRow['tokensSource']
  readonly tokens: TokenCounts | undefined
}

const tokensOf = (known: Known, worked: boolean): Tokens => {
  const { counts, operation = '', failed, outcome } = known
  const countable = writes.has(operation) || reads.has(operation)
  if (counts === undefined) {
    if (operation === 'moderations') return { source: 'none', tokens: noTokens }
    if (!worked || !countable) return { source: 'none', tokens: undefined }
    return {
      source: 'estimated',
      tokens: { ...noTokens, ...promptOf(known), output: outputOf(known) },
    }
  }
  // What is told of an answer that failed is all that is paid.
  if (failed) return { source: 'reported', tokens: counts }
  if (counts.input + counts.output === 0 && counts.audioMs === undefined) {
    return countable
      ? { source: 'estimated', tokens: { ...counts, ...promptOf(known), output: outputOf(known) } }
      : { source: 'none', tokens: counts }
  }
  // Who left early was sent more than the upstream had told by then.
  const output = outcome === 'ok' ? 0 : outputOf(known)
  return output > counts.output
    ? { source: 'estimated', tokens: { ...counts, output } }
    : { source: 'reported', tokens: counts }
}

const promptOf = ({ prompt }: Known): Partial<TokenCounts> & { readonly input: number } => {
  const { input, ...parts } = prompt()
  return { input, ...Object.fromEntries(Object.entries(parts).filter(([, count]) => count > 0)) }
}

/** Never more than the request allowed, which is what was held for it. */
const outputOf = ({ operation = '', written, bytesOut, longest }: Known): number =>
  writes.has(operation) ? Math.min(written ?? tokensOfText(bytesOut), longest()) : 0

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
