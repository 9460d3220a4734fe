/** Tokens of one request, as the upstream counted them. */
export interface TokenCounts {
  readonly input: number
  readonly output: number
  readonly cached: number
  readonly reasoning: number
}

type Json = Readonly<Record<string, unknown>>

const object = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined

/** A count an upstream told us: a whole number in a believable range, or nothing (hazards 227). */
const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= 1_000_000_000
    ? value
    : undefined

/**
 * Reads the usage out of one parsed event or body, whatever its dialect: OpenAI chat and completions (`prompt_tokens`),
 * responses and Anthropic (`input_tokens`), Bedrock's Converse (`inputTokens`), Gemini (`usageMetadata`). Partial counts are merged over `before`, since Anthropic tells the input in
 * `message_start` and the output in `message_delta`, and some servers repeat a growing total in every frame.
 */
export const readUsage = (event: unknown, before?: TokenCounts): TokenCounts | undefined => {
  const metadata = object(object(event)?.usageMetadata)
  if (metadata) return readMetadata(metadata) ?? before
  const usage = findUsage(object(event))
  if (!usage) return before ?? readMetrics(object(event))
  const input = count(usage.prompt_tokens) ?? count(usage.input_tokens) ?? count(usage.inputTokens)
  const output =
    count(usage.completion_tokens) ?? count(usage.output_tokens) ?? count(usage.outputTokens)
  if (input === undefined && output === undefined) return before
  const inputDetails = object(usage.prompt_tokens_details) ?? object(usage.input_tokens_details)
  const outputDetails =
    object(usage.completion_tokens_details) ?? object(usage.output_tokens_details)
  const cacheRead = count(usage.cache_read_input_tokens) ?? count(usage.cacheReadInputTokens)
  const cacheWrite =
    count(usage.cache_creation_input_tokens) ?? count(usage.cacheWriteInputTokens) ?? 0
  return {
    // Anthropic and Amazon count cached tokens beside the input, the others within it: one meaning in the ledger.
    input: input === undefined ? (before?.input ?? 0) : input + (cacheRead ?? 0) + cacheWrite,
    output: output ?? before?.output ?? 0,
    cached: cacheRead ?? count(inputDetails?.cached_tokens) ?? before?.cached ?? 0,
    reasoning: count(outputDetails?.reasoning_tokens) ?? before?.reasoning ?? 0,
  }
}

/** Gemini counts what it thought beside its answer, the others within it; both are paid as output. */
const readMetadata = (told: Json): TokenCounts | undefined => {
  const prompt = count(told.promptTokenCount)
  if (prompt === undefined) return undefined
  const reasoning = count(told.thoughtsTokenCount) ?? 0
  return {
    input: prompt + (count(told.toolUsePromptTokenCount) ?? 0),
    output: (count(told.candidatesTokenCount) ?? 0) + reasoning,
    cached: count(told.cachedContentTokenCount) ?? 0,
    reasoning,
  }
}

/** Amazon's own count at the end of a stream, for models that tell none. */
const readMetrics = (event: Json | undefined): TokenCounts | undefined => {
  const metrics = object(event?.['amazon-bedrock-invocationMetrics'])
  const input = count(metrics?.inputTokenCount)
  const output = count(metrics?.outputTokenCount)
  if (input === undefined || output === undefined) return undefined
  return { input, output, cached: count(metrics?.cacheReadInputTokenCount) ?? 0, reasoning: 0 }
}

const findUsage = (event: Json | undefined): Json | undefined =>
  object(event?.usage) ??
  object(object(event?.response)?.usage) ??
  object(object(event?.message)?.usage)

/**
 * The extra frame an OpenAI-compatible server sends when asked for usage: no choices, nothing but counts.
 * A server that puts its usage beside the last choice sends no such frame, and loses none.
 */
export const isUsageOnlyFrame = (event: unknown): boolean => {
  const frame = object(event)
  return (
    frame !== undefined &&
    Array.isArray(frame.choices) &&
    frame.choices.length === 0 &&
    object(frame.usage) !== undefined
  )
}
