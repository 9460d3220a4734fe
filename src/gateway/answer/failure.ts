import { type Json, object } from '../dialect/json.ts'

const MAX_CODE = 64
/** Stands for the code of an error that has none. */
export const NO_CODE = 'upstream_error'

/**
 * The code of the error that an event or a body reports, whatever its dialect and its HTTP status; undefined where it
 * reports none. Many servers answer 200 and then an error: OpenAI and OpenRouter in the middle of a stream, Anthropic as
 * `event: error`, the responses API as `response.failed`, vLLM as `{"object":"error"}`, Cloudflare as `"success": false`.
 */
export const failureIn = (value: unknown): string | undefined => {
  const event = object(value)
  if (event === undefined) return undefined
  const response = object(event.response)
  const error = [event.error, response?.error, ...choiceErrors(event)].find(isError)
  if (error !== undefined) return codeOf(error)
  if (event.type === 'error' || event.object === 'error') return codeOf(event)
  if (event.type === 'response.failed' || response?.status === 'failed') return NO_CODE
  if (event.success === false) return NO_CODE
  return undefined
}

/** OpenRouter reports one in place of an answer. https://openrouter.ai/docs/api-reference/errors */
const choiceErrors = ({ choices }: Json): readonly unknown[] =>
  Array.isArray(choices) ? choices.map((choice) => object(choice)?.error) : []

/** `null` stands in every answer of the responses API, and some servers write an empty one. */
const isError = (value: unknown): boolean => {
  if (typeof value === 'string' || typeof value === 'boolean') return Boolean(value)
  // Not what is in them: a list within a list within a list could be as deep as a body is long.
  const parts = Array.isArray(value) ? value : Object.values(object(value) ?? {})
  return parts.some((part) => part !== null && part !== '' && part !== 0)
}

/** Google's `code` is the status in numbers, so a word of another field says more. */
const codeOf = (error: unknown): string => {
  const { code, type, status } = object(error) ?? {}
  const words = [code, type, status].filter((part) => typeof part === 'string')
  const word = words.find((part) => part !== 'error') ?? (code === undefined ? NO_CODE : code)
  return clean(typeof word === 'string' || typeof word === 'number' ? String(word) : NO_CODE)
}

/** A code is short and plain; anything else in its field may be a sentence. */
const clean = (code: string): string =>
  /^[\w.:/-]+$/.test(code) && code.length <= MAX_CODE ? code : NO_CODE

/** May a text hold what `failureIn` finds? Saves parsing all the others. */
export const mayReportFailure = (text: string): boolean =>
  /"error"\s*:\s*(?:\{|\[|true|"(?!"))|"success"\s*:\s*false|"(?:type|object)"\s*:\s*"error"|"response\.failed"/.test(
    text,
  )
