import type { Failure } from '../../platform/failure.ts'

/** Whose error shape a client on this path understands. */
export type Envelope =
  | 'openai'
  | 'anthropic'
  | 'gemini'
  | 'bedrock'
  | 'ollama'
  | 'problem'
  | 'aperture'

/** Anthropic's `error.type` by status; their SDK chooses its exception class by status, people read this. */
const anthropicTypes: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  502: 'api_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
}

/** Google's canonical status names. */
const geminiStatuses: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}

/** Names of Amazon's exceptions; its SDKs choose their class by the header that carries one. */
const bedrockTypes: Readonly<Record<number, string>> = {
  401: 'UnrecognizedClientException',
  403: 'AccessDeniedException',
  404: 'ResourceNotFoundException',
  408: 'ModelTimeoutException',
  429: 'ThrottlingException',
  500: 'InternalServerException',
  502: 'ModelErrorException',
  503: 'ServiceUnavailableException',
  504: 'ModelTimeoutException',
}

const openaiType = (status: number): string => {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 429) return 'rate_limit_error'
  return status < 500 ? 'invalid_request_error' : 'api_error'
}

/** Of our own API (RFC 9457), as HTTP calls them. */
const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

type Told = Pick<Failure, 'status' | 'code' | 'message'> & Partial<Pick<Failure, 'details'>>

/** The error as the path's dialect writes it. `code` and a request id are there in each of them. */
export const errorBody = (
  envelope: Envelope,
  { status, code, message, details = [] }: Told,
  requestId: string,
): object => {
  if (code === 'guardrail_blocked') return blockedBody(envelope, status, message)
  switch (envelope) {
    case 'openai':
      // OpenAI's own words, which its SDKs and agents know.
      if (code === 'quota_exceeded') {
        const spent = 'insufficient_quota'
        return { error: { message, type: spent, code: spent, param: null }, request_id: requestId }
      }
      return {
        error: { message, type: openaiType(status), code, param: null },
        request_id: requestId,
      }
    case 'anthropic':
      return {
        type: 'error',
        error: { type: anthropicTypes[status] ?? 'invalid_request_error', message, code },
        request_id: requestId,
      }
    case 'gemini':
      return {
        error: {
          code: status,
          message,
          status: geminiStatuses[status] ?? 'UNKNOWN',
          details: [{ reason: code, requestId }],
        },
      }
    case 'bedrock':
      return { message, code, requestId }
    case 'ollama':
      return { error: message, code, request_id: requestId }
    case 'aperture':
      // Its clients look for this sentence at this place, and find a problem document nowhere else.
      if (code === 'no_role') return { error: message }
      return problem(status, code, message, details, requestId)
    case 'problem':
      return problem(status, code, message, details, requestId)
  }
}

const problem = (
  status: number,
  code: Failure['code'],
  message: string,
  details: Failure['details'],
  requestId: string,
): object => ({
  title: titles[status] ?? 'Error',
  status,
  detail: message,
  code,
  request_id: requestId,
  ...(details.length > 0 && { errors: details }),
})

const bedrockType = (status: number, code: Failure['code']): string =>
  bedrockTypes[code === 'guardrail_blocked' ? 403 : status] ?? 'ValidationException'

/** What of an error a dialect says in headers. */
export const errorHeaders = (
  envelope: Envelope,
  { status, code }: Pick<Failure, 'status' | 'code'>,
): Readonly<Record<string, string>> =>
  envelope === 'bedrock'
    ? { 'x-amzn-errortype': bedrockType(status, code) }
    : envelope === 'problem' || (envelope === 'aperture' && code !== 'no_role')
      ? { 'content-type': 'application/problem+json' }
      : {}

/** Anthropic has a status of its own for having too much to do, which its SDK and Claude Code wait for. */
export const statusFor = (
  envelope: Envelope,
  { status, code }: Pick<Failure, 'status' | 'code'>,
): Failure['status'] =>
  envelope === 'anthropic' && status === 503 && code !== 'guardrail_blocked'
    ? (529 as Failure['status'])
    : status

/**
 * The same as a last event of a stream that failed after it had begun.
 * @param sequence the number of that event, in the responses API
 */
export const errorEvent = (
  envelope: Envelope,
  failure: Told,
  requestId: string,
  sequence?: number,
): string => {
  const body = errorBody(envelope, failure, requestId)
  if (envelope === 'ollama') return `\n${JSON.stringify(body)}\n`
  const { code, message } = failure
  // Its clients tell events by `type`; OpenAI's SDK looks for `error` in each of them first.
  const event =
    sequence === undefined
      ? body
      : { type: 'error', code, message, param: null, sequence_number: sequence, ...body }
  const isNamed = envelope === 'anthropic' || sequence !== undefined
  // The blank line first: the upstream may have died in the middle of an event.
  return `\n\n${isNamed ? 'event: error\n' : ''}data: ${JSON.stringify(event)}\n\n`
}

/** Google answers for Claude as well, and names methods after a colon. */
const google =
  /^\/v1(?:alpha|beta1?)(?:\/|$)|^\/v1\/(?:projects|publishers)\/|^(?:\/v1)?\/models\/.+:\w*(?:Content|Contents|Tokens)$/
const ollama =
  /^\/ollama\/api(?:\/|$)|^\/api\/(?:tags|show|version|ps|chat|generate|embed|embeddings|pull|push|create|copy|delete|blobs\/.*)$/

/** Which dialect answers for a path, also where nothing is served. */
export const envelopeOf = (path: string): Envelope => {
  if (path === '/v1/messages' || path.startsWith('/v1/messages/')) return 'anthropic'
  if (google.test(path)) return 'gemini'
  if (/^\/(?:aperture|api\/(?:providers|quotas|connectors))(?:[/:]|$)/.test(path)) return 'aperture'
  if (/^\/postern\/api(?:[/:]|$)/.test(path)) return 'problem'
  if (path === '/bedrock' || path.startsWith('/bedrock/')) return 'bedrock'
  return ollama.test(path) ? 'ollama' : 'openai'
}

type Header = (name: string) => string | undefined

/** The vendor of the client's SDK, for paths that several vendors have: Anthropic's and Google's send headers of their own. */
export const clientOf = (header: Header): 'openai' | 'anthropic' | 'gemini' => {
  if (header('anthropic-version') !== undefined) return 'anthropic'
  const isGoogle = header('x-goog-api-client') ?? header('x-goog-api-key')
  return isGoogle === undefined ? 'openai' : 'gemini'
}

/** Paths of OpenAI's API alone. */
const openai =
  /^\/v1\/(?:chat|completions|embeddings|responses|rerank|moderations|audio|images)(?:\/|$)/
const shared = /^\/(?:v1|models)(?:\/|$)/

/** The same for a request, whose headers decide where the path does not. */
export const envelopeFor = (path: string, header: Header): Envelope => {
  const envelope = envelopeOf(path)
  const undecided = envelope === 'openai' && shared.test(path) && !openai.test(path)
  return undecided ? clientOf(header) : envelope
}

/** Exactly what Aperture answers for a guard, whatever the status that it chose. */
const blockedBody = (envelope: Envelope, status: number, message: string): object => {
  switch (envelope) {
    case 'anthropic':
      return { type: 'error', error: { type: 'invalid_request_error', message } }
    case 'gemini':
      return { error: { code: status, message, status: 'PERMISSION_DENIED' } }
    case 'bedrock':
      return { message }
    case 'ollama':
      return { error: message }
    default:
      return { error: { message, type: 'guardrail_blocked' } }
  }
}
