import { type Json, number, object, whole } from './json.ts'

/** What one request used, as the upstream counted it. Kinds that few tell are there only when they are not zero. */
export interface TokenCounts {
  /** All of the prompt: also what was read from a cache or written to it. */
  readonly input: number
  /** All of the answer: also what was thought. */
  readonly output: number
  /** Of the input: read from the provider's cache. */
  readonly cached: number
  /** Of the output. */
  readonly reasoning: number
  /** Of the input: written to the provider's cache, for however long. */
  readonly cacheWrite?: number
  /** Of these: for an hour. */
  readonly cacheWrite1h?: number
  /** Of the input. */
  readonly audioInput?: number
  /** Of the input. */
  readonly imageInput?: number
  /** Of the output. */
  readonly audioOutput?: number
  /** Web searches. */
  readonly searches?: number
  /** Pictures that were made. */
  readonly images?: number
  /** ms of sound that was listened to. */
  readonly audioMs?: number
  /** Billionths of a dollar that the provider says it took; there although zero. */
  readonly billed?: number
}

type Kind = keyof TokenCounts
type Told = { readonly [kind in Kind]?: number | undefined }

/**
 * Reads the usage out of one parsed event or body, whatever its dialect, and joins it to what was read `before`:
 * Anthropic tells the input in `message_start` and the output in `message_delta`, and some servers repeat a growing
 * total in every event. Of each kind the largest number counts, so that an upstream cannot take back what it told.
 * What is not a believable number was not told.
 */
export const readUsage = (event: unknown, before?: TokenCounts): TokenCounts | undefined => {
  const told = toldBy(object(event), before !== undefined)
  if (told === undefined) return before
  // The first event of OpenRouter's does not yet tell that what it counts as cached is within the input.
  const known = told.billed !== undefined && told.input !== undefined && before
  return joined(told, known ? { ...known, input: 0 } : before)
}

const toldBy = (event: Json | undefined, knowsTokens: boolean): Told | undefined => {
  if (event === undefined) return undefined
  const metadata = object(event.usageMetadata) ?? object(object(event.response)?.usageMetadata)
  const usage = findUsage(event)
  const told =
    (metadata && geminiTold(metadata, event)) ??
    (usage && usageTold(usage, isOpenRouters(event, usage))) ??
    (knowsTokens ? undefined : (metricsTold(event) ?? localTold(event)))
  const things = thingsTold(event)
  return things ? { ...things, ...told } : told
}

/**
 * OpenRouter counts cached tokens within the input also in Anthropic's dialect. Its ids give it away, and that it tells a
 * price.
 */
const isOpenRouters = (event: Json, usage: Json): boolean =>
  number(usage.cost) !== undefined || /^gen-/.test(String((object(event.message) ?? event).id))

const findUsage = (event: Json): Json | undefined =>
  object(event.usage) ??
  object(object(event.response)?.usage) ??
  object(object(event.message)?.usage)

/**
 * OpenAI chat, completions and embeddings (`prompt_tokens`), responses, audio and images (`input_tokens`), Anthropic,
 * Bedrock's Converse (`inputTokens`), rerankers (`total_tokens` alone).
 */
const usageTold = (usage: Json, within: boolean): Told | undefined => {
  const told = {
    output: usage.completion_tokens ?? usage.output_tokens ?? usage.outputTokens,
    input: usage.prompt_tokens ?? usage.input_tokens ?? usage.inputTokens,
  }
  // Who tells one number that cannot be is not believed about the other.
  if (isOdd(told.output) || isOdd(told.input)) return undefined
  const output = whole(told.output)
  const input = whole(told.input) ?? (output === undefined ? whole(usage.total_tokens) : undefined)
  const seconds = usage.type === 'duration' ? number(usage.seconds) : undefined
  if (seconds !== undefined) return { audioMs: Math.round(seconds * 1000) }
  if (input === undefined && output === undefined) return undefined
  const cache = cacheTold(usage, within)
  return {
    // Anthropic and Amazon count cached tokens beside the input, the others within it: one meaning in the ledger.
    input: input === undefined ? undefined : input + cache.beside,
    cached: cache.read,
    cacheWrite: cache.written,
    cacheWrite1h: cache.written1h,
    ...outputTold(usage, input ?? 0, output),
    ...modalitiesTold(usage),
    searches: whole(object(usage.server_tool_use)?.web_search_requests),
    billed: billedTold(usage),
  }
}

const isOdd = (value: unknown): boolean =>
  value !== undefined && value !== null && whole(value) === undefined

/**
 * OpenRouter, in dollars: what it took, and with the caller's own key at the provider (`is_byok`) what that one takes
 * besides. Without such a key it repeats the sum there. https://openrouter.ai/docs/use-cases/usage-accounting
 */
const billedTold = (usage: Json): number | undefined => {
  const own = number(usage.cost)
  if (own === undefined || own > mostDollars) return undefined
  const besides =
    usage.is_byok === true ? number(object(usage.cost_details)?.upstream_inference_cost) : 0
  return besides === undefined || besides > mostDollars
    ? undefined
    : Math.round((own + besides) * 1e9)
}

/** More is not a price of anything in one request. */
const mostDollars = 100_000

const cacheTold = (usage: Json, within: boolean) => {
  const details = object(usage.prompt_tokens_details) ?? object(usage.input_tokens_details)
  const apart = whole(usage.cache_read_input_tokens) ?? whole(usage.cacheReadInputTokens)
  const counted =
    whole(details?.cached_tokens) ??
    whole(usage.prompt_cache_hit_tokens) ?? // DeepSeek
    whole(usage.cached_tokens) // Moonshot
  const split = object(usage.cache_creation)
  const written =
    whole(usage.cache_creation_input_tokens) ??
    whole(usage.cacheWriteInputTokens) ??
    whole(details?.cache_write_tokens) // OpenRouter
  // Gateways that speak OpenAI's dialect for Anthropic repeat its names, and count within all the same.
  const beside = !within && usage.prompt_tokens === undefined && details === undefined
  return {
    beside: beside ? (apart ?? 0) + (written ?? 0) : 0,
    read: apart ?? counted,
    written,
    written1h: whole(split?.ephemeral_1h_input_tokens),
  }
}

/** xAI counts what was thought beside the answer; only its total gives that away. */
const outputTold = (usage: Json, input: number, output: number | undefined): Told => {
  const details = object(usage.completion_tokens_details) ?? object(usage.output_tokens_details)
  const reasoning = whole(details?.reasoning_tokens)
  const beside =
    reasoning !== undefined &&
    output !== undefined &&
    reasoning > 0 &&
    whole(usage.total_tokens) === input + output + reasoning
  return { output: beside ? output + reasoning : output, reasoning }
}

/** OpenAI's audio and images; transcriptions write `input_token_details`. */
const modalitiesTold = (usage: Json): Told => {
  const input =
    object(usage.prompt_tokens_details) ??
    object(usage.input_tokens_details) ??
    object(usage.input_token_details)
  const output = object(usage.completion_tokens_details) ?? object(usage.output_tokens_details)
  return {
    audioInput: whole(input?.audio_tokens),
    imageInput: whole(input?.image_tokens),
    audioOutput: whole(output?.audio_tokens),
  }
}

/** Gemini counts what it thought beside its answer, the others within it; both are paid as output. */
const geminiTold = (told: Json, event: Json): Told | undefined => {
  const prompt = whole(told.promptTokenCount)
  if (prompt === undefined) return undefined
  const reasoning = whole(told.thoughtsTokenCount) ?? 0
  return {
    input: prompt + (whole(told.toolUsePromptTokenCount) ?? 0),
    output: (whole(told.candidatesTokenCount) ?? 0) + reasoning,
    cached: whole(told.cachedContentTokenCount),
    reasoning,
    audioInput: ofModality(told.promptTokensDetails, 'AUDIO'),
    imageInput: ofModality(told.promptTokensDetails, 'IMAGE'),
    audioOutput: ofModality(told.candidatesTokensDetails, 'AUDIO'),
    searches: geminiSearches(event),
  }
}

const ofModality = (details: unknown, modality: string): number | undefined =>
  list(details).reduce<number | undefined>((sum, each) => {
    const detail = object(each)
    return detail?.modality === modality ? (sum ?? 0) + (whole(detail.tokenCount) ?? 0) : sum
  }, undefined)

const geminiSearches = (event: Json): number | undefined => {
  const asked = list(event.candidates).flatMap((each) =>
    list(object(object(each)?.groundingMetadata)?.webSearchQueries),
  )
  return asked.length || undefined
}

/** Amazon's own count at the end of a stream, for models that tell none. */
const metricsTold = (event: Json): Told | undefined => {
  const metrics = object(event['amazon-bedrock-invocationMetrics'])
  const input = whole(metrics?.inputTokenCount)
  const output = whole(metrics?.outputTokenCount)
  if (input === undefined || output === undefined) return undefined
  const cached = whole(metrics?.cacheReadInputTokenCount) ?? 0
  const cacheWrite = whole(metrics?.cacheWriteInputTokenCount) ?? 0
  return { input: input + cached + cacheWrite, output, cached, cacheWrite }
}

/** What local servers count where they tell no usage: Ollama's counts, llama.cpp's timings. */
const localTold = (event: Json): Told | undefined => {
  const timings = object(event.timings)
  const cached = whole(timings?.cache_n)
  const evaluated = whole(timings?.prompt_n)
  const input =
    whole(event.prompt_eval_count) ??
    whole(event.tokens_evaluated) ??
    (evaluated === undefined ? undefined : evaluated + (cached ?? 0))
  const output =
    whole(event.eval_count) ?? whole(event.tokens_predicted) ?? whole(timings?.predicted_n)
  return input === undefined && output === undefined ? undefined : { input, output, cached }
}

/** What Amazon tells of an answer in one piece (`InvokeModel`), whatever the model's own body tells. */
export const headerUsage = (
  headers: readonly (readonly [name: string, value: string])[],
): TokenCounts | undefined => {
  const told = (kind: string): number | undefined => {
    const value = headers.find(([name]) => name === `x-amzn-bedrock-${kind}-token-count`)?.[1]
    return value === undefined || !/^\d{1,10}$/.test(value) ? undefined : whole(Number(value))
  }
  const input = told('input')
  const output = told('output')
  if (input === undefined || output === undefined) return undefined
  const cached = told('cache-read-input') ?? 0
  const cacheWrite = told('cache-write-input') ?? 0
  return joined({ input: input + cached + cacheWrite, output, cached, cacheWrite }, undefined)
}

/** What is not a token: pictures, and how long a recording is (`verbose_json`). */
const thingsTold = (event: Json): Told | undefined => {
  if (/^image_\w+\.completed$/.test(String(event.type))) return { images: 1 }
  const made = list(event.data).filter((each) => {
    const picture = object(each)
    return picture !== undefined && ('b64_json' in picture || 'url' in picture)
  })
  if (made.length > 0) return { images: made.length }
  const seconds = typeof event.text === 'string' ? number(event.duration) : undefined
  return seconds === undefined ? undefined : { audioMs: Math.round(seconds * 1000) }
}

const rare: readonly Kind[] = [
  'cacheWrite',
  'cacheWrite1h',
  'audioInput',
  'imageInput',
  'audioOutput',
  'searches',
  'images',
  'audioMs',
]

/** A part is never more than the whole, whatever an upstream says. */
const joined = (told: Told, before: TokenCounts | undefined): TokenCounts => {
  const most = (kind: Kind): number => Math.max(told[kind] ?? 0, before?.[kind] ?? 0)
  const input = most('input')
  const output = most('output')
  const cached = Math.min(most('cached'), input)
  const limits: Told = {
    cacheWrite: input - cached,
    cacheWrite1h: Math.min(most('cacheWrite'), input - cached),
    audioInput: input,
    imageInput: input,
    audioOutput: output,
  }
  const billed = told.billed ?? before?.billed
  const others = rare.map((kind) => [kind, Math.min(most(kind), limits[kind] ?? Infinity)] as const)
  return {
    input,
    output,
    cached,
    reasoning: Math.min(most('reasoning'), output),
    ...Object.fromEntries(others.filter(([, count]) => count > 0)),
    ...(billed !== undefined && { billed: Math.max(billed, before?.billed ?? 0) }),
  }
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

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
