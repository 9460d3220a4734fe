import { Failure } from '../../platform/failure.ts'
import type { HeaderList } from '../../platform/upstream.ts'
import { failureIn, NO_CODE } from '../answer/failure.ts'
import { sniff } from '../answer/kind.ts'
import type { NeedleFinder } from '../answer/needles.ts'
import { scrubbed } from '../answer/scrub.ts'
import { type Envelope, errorBody, errorHeaders } from '../dialect/envelope.ts'
import { type Json, object, parse } from '../dialect/json.ts'
import type { Answer } from './exchange.ts'

/** An answer of 400 or more, without anything that must not reach the client. */
export interface ProviderError {
  readonly status: number
  readonly headers: HeaderList
  /** The body; undefined where it says nothing that a client could read. */
  readonly bytes: Uint8Array | undefined
  readonly json: Json | undefined
  /** What is wrong with the body, where there is none. */
  readonly defect: string
  /** The provider's code, or ours where it has none. */
  readonly code: string
  /** It repeated a secret of ours. */
  readonly repeatsSecret: boolean
}

const text = new TextDecoder()

export const readError = (
  { status, headers, body, isCut = false }: Answer,
  finder: NeedleFinder,
): ProviderError => {
  const came = body instanceof Uint8Array ? body : new Uint8Array(0)
  const defect = isCut ? 'an error that was cut short' : defectOf(came)
  const readable = defect === '' ? came : undefined
  const repeatsSecret =
    (readable && finder.scan(readable))?.some(({ address }) => !address) ?? false
  const bytes = readable && scrubbed(readable, finder)
  const json = bytes && errorIn(parse(text.decode(bytes)))
  const code = failureIn(json) ?? codeOf(headers, json)
  return { status, headers, bytes, json, defect, code, repeatsSecret }
}

/** Gemini's stream is a list, and so is its error. */
const errorIn = (value: unknown): Json | undefined =>
  object(Array.isArray(value) ? value[0] : value)

const defectOf = (bytes: Uint8Array): string => {
  if (bytes.length === 0) return 'no message'
  const verdict = sniff(bytes, { expected: ['json'], label: undefined })
  return verdict === 'page' ? 'a web page in place of a message' : ''
}

/** FastAPI, Amazon and others write a code outside of any `error`. */
const codeOf = (headers: HeaderList, json: Json | undefined): string => {
  const exception = headers.find(([name]) => name === 'x-amzn-errortype')?.[1]?.split(':', 1)[0]
  const code = exception ?? json?.__type ?? json?.code ?? json?.type
  return typeof code === 'string' && /^[\w.:/#-]{1,64}$/.test(code) ? code : NO_CODE
}

/** What of a message speaks of the credential that was shown, and not of what was asked for. */
const OF_CREDENTIALS =
  /(?<![a-z])api[\s_-]?keys?(?![a-z])|(?<![a-z])(?:access|auth|bearer|refresh|security)[\s_-]?tokens?(?![a-z])|(?:invalid|expired|missing|revoked|malformed)[\s_-](?:key|signature|token)(?![a-z])|credentials?(?![a-z])|authenticat|UnrecognizedClient|InvalidSignature|ExpiredToken|IncompleteSignature|arn:aws:(?:iam|sts)/i

/**
 * Refuses what is about our own credential, which the client can do nothing about, and which would make it doubt its own.
 * A 401 is never about anything else; a 403 may be about the input, the region or the model, and then concerns the
 * client. Google answers 400 for a wrong key.
 * @throws Failure `upstream_error`
 */
export const refuseOwnCredential = (error: ProviderError): void => {
  const { status, bytes, repeatsSecret } = error
  const isOurs =
    status === 401 ||
    status === 407 ||
    (status === 403 && (repeatsSecret || OF_CREDENTIALS.test(wordsOf(error)))) ||
    (status === 400 && bytes !== undefined && text.decode(bytes).includes('"API_KEY_INVALID"'))
  if (!isOurs) return
  const message = "The model server refused the gateway's own credentials."
  throw new Failure('upstream_error', message, { reason: `upstream_${status}` })
}

/** Longer than a sentence. */
const MAX_WORDS = 1024

/** Message and codes; not what an error quotes besides, such as a flagged prompt. */
const wordsOf = ({ headers, bytes, json, code }: ProviderError): string => {
  const exception = headers.find(([name]) => name === 'x-amzn-errortype')?.[1] ?? ''
  if (json === undefined) {
    return bytes === undefined ? exception : text.decode(bytes.subarray(0, MAX_WORDS))
  }
  const error = object(json.error)
  const details = Array.isArray(error?.details) ? error.details.map((it) => object(it)?.reason) : []
  return [exception, code, json.error, json.message, json.Message, json.detail, json.__type]
    .concat(error?.message, error?.code, error?.type, error?.status, ...details)
    .filter((word) => typeof word === 'string')
    .join('\n')
    .slice(0, MAX_WORDS)
}

export interface ClientError {
  readonly status: number
  readonly headers: HeaderList
  readonly body: Uint8Array
}

/** The error as the client gets it: the provider's own or, where there is nothing to read, one of the client's dialect. */
export const clientError = (
  { status, headers, bytes, defect }: ProviderError,
  { envelope, requestId }: { readonly envelope: Envelope; readonly requestId: string },
): ClientError => {
  const others = headers.filter(([name]) => !OF_BODY.has(name))
  if (bytes !== undefined) {
    const type = headers.filter(([name]) => name === 'content-type')
    return { status, headers: [...others, ...type], body: bytes }
  }
  const failure = {
    status: status as Failure['status'],
    code: 'upstream_error',
    message: `The model server answered ${status} with ${defect}.`,
  } as const
  const body = new TextEncoder().encode(JSON.stringify(errorBody(envelope, failure, requestId)))
  const own = Object.entries({
    ...errorHeaders(envelope, failure),
    'content-type': 'application/json; charset=utf-8',
  })
  return { status, headers: [...others, ...own], body }
}

const OF_BODY = new Set(['content-length', 'content-type', 'content-language'])
