import type { Candidate } from '../../platform/upstream.ts'
import type { Target } from '../http/env.ts'

/** What a request that sets no limit is taken to answer, where its model's own is not known. */
const LONGEST = 32_768
/** The same for what answers sounds or pictures. */
const LONGEST_MEDIA = 8192

const answersNothing = new Set([
  'embeddings',
  'rerank',
  'moderations',
  'embedContent',
  'batchEmbedContents',
  'api/embed',
  'api/embeddings',
])
const answersMedia = /^(?:audio|images)\//

/** Counts tokens, and asks no model. At Google, Anthropic's is a model by its path. */
export const isCount = (operation: string, model = ''): boolean =>
  /(?:^|\/)(?:count_?tokens|input_tokens|count-tokens)$/i.test(operation) ||
  model === 'count-tokens'

/** Tokens that all answers to a request may have: what it allows, else what its model can. */
export const longestAnswer = (
  { operation: { operation }, bounds }: Pick<Target, 'operation' | 'bounds'>,
  { provider, model }: Candidate,
): number => {
  if (answersNothing.has(operation) || isCount(operation, model)) return 0
  const known = provider.details.get(model)?.maxOutputTokens
  const most = known ?? (answersMedia.test(operation) ? LONGEST_MEDIA : LONGEST)
  // More than a model can write is never written, whatever a request allows.
  const one = bounds.maxOutput === undefined ? most : Math.min(bounds.maxOutput, known ?? Infinity)
  return one * Math.min(128, Math.max(1, bounds.choices))
}
