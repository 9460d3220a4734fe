import { Failure } from '../http/errors.ts'

/** A JSON request body, read once: what routing needs to know, and how to forward it. */
export interface JsonBody {
  readonly model: string
  readonly stream: boolean
  /** The client itself asked for the usage frame at the end of the stream. */
  readonly usageAsked: boolean
  readonly fields: Readonly<Record<string, unknown>>
  /** Bytes to send: the client's own wherever nothing had to change. */
  forward(model: string, askUsage: boolean): Uint8Array
}

/** Fields by which a body could choose its own destination or credential (CVE-2024-6587); ours come from the config. */
const steering = [
  'api_base',
  'api_key',
  'base_url',
  'baseurl',
  'custom_llm_provider',
  'endpoint',
  'extra_headers',
]
const counts = ['max_tokens', 'max_completion_tokens', 'max_output_tokens', 'n', 'best_of']

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
const encoder = new TextEncoder()

/** @throws Failure `invalid_request` naming the field that is wrong. */
export const parseJsonBody = (bytes: Uint8Array): JsonBody => {
  const text = decode(bytes)
  const fields = parseObject(text)
  checkFields(fields)
  const model = modelName(fields.model)
  const options = fields.stream_options
  const usageAsked = isObject(options) && options.include_usage === true
  return {
    model,
    stream: fields.stream === true,
    usageAsked,
    fields,
    forward: (upstreamModel, askUsage) =>
      forward(bytes, text, fields, upstreamModel, askUsage && !usageAsked),
  }
}

/**
 * A body whose model stands in the path: nothing in it needs to be known, and it is sent as it came.
 * @throws Failure like `parseJsonBody`
 */
export const checkJsonBody = (bytes: Uint8Array): Readonly<Record<string, unknown>> => {
  const fields = parseObject(decode(bytes))
  checkFields(fields)
  return fields
}

/**
 * The grant is checked on the model that we parsed, so the upstream must read the same one: where the text could hold
 * a second `model` (a duplicate key, or one spelled with escapes), what we parsed is sent, not what came.
 */
const forward = (
  bytes: Uint8Array,
  text: string,
  fields: Record<string, unknown>,
  model: string,
  askUsage: boolean,
): Uint8Array => {
  const doubtful =
    text.indexOf('"model"') !== text.lastIndexOf('"model"') || /\\u00[4-7]/.test(text)
  const ambiguous = doubtful || model !== fields.model
  if (!ambiguous && !askUsage) return bytes
  if (!ambiguous && fields.stream_options === undefined) {
    return encoder.encode(text.replace('{', '{"stream_options":{"include_usage":true},'))
  }
  const options = isObject(fields.stream_options) ? fields.stream_options : {}
  const changed = askUsage ? { stream_options: { ...options, include_usage: true } } : {}
  return encoder.encode(JSON.stringify({ ...fields, ...changed, model }))
}

const decode = (bytes: Uint8Array): string => {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new Failure('invalid_request', 'The request body is not valid UTF-8.')
  }
}

const parseObject = (text: string): Record<string, unknown> => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Failure('invalid_request', 'The request body is not valid JSON.')
  }
  if (!isObject(value))
    throw new Failure('invalid_request', 'The request body must be a JSON object.')
  return value
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const checkFields = (fields: Record<string, unknown>): void => {
  const steered = steering.find((name) => Object.hasOwn(fields, name))
  if (steered) {
    const message = `The field "${steered}" is not accepted: where requests go is decided by the gateway.`
    throw new Failure('invalid_request', message)
  }
  for (const name of counts) {
    const value = fields[name]
    if (value === undefined || value === null) continue
    if (!Number.isSafeInteger(value) || (value as number) < 1 || (value as number) > 100_000_000) {
      throw new Failure('invalid_request', `The field "${name}" must be a positive integer.`)
    }
  }
}

/** @throws Failure when it is no name that a provider could list. */
export const modelName = (model: unknown): string => {
  if (model === undefined) throw new Failure('invalid_request', 'The field "model" is missing.')
  const control = /[\u0000-\u001f\u007f]/
  if (
    typeof model !== 'string' ||
    model === '' ||
    model.length > 256 ||
    model !== model.trim() ||
    control.test(model) ||
    model.split('/').includes('..')
  ) {
    throw new Failure('invalid_request', 'The field "model" must be the name of a model.')
  }
  return model
}
