import type { MatcherSet, Route, StaticResponseHandler } from 'caddy-json-config-types'
import { type Envelope, errorBody, errorHeaders } from '../src/gateway/dialect/envelope.ts'
import type { Failure } from '../src/platform/failure.ts'
import { downPage, inCaddy, people } from './down-page.ts'
import type { Site } from './options.ts'

type Explained = Pick<Failure, 'status' | 'code' | 'message'>

const errorStatus = '{http.error.status_code}'
const page = downPage()

/** Caddy writes it into its access log as `uuid` once it was used. */
const requestId = '{http.request.uuid}'

/** What Google's clients ask of a model under `/v1`, where the path alone tells them from others. */
const generations = [
  'generateContent',
  'streamGenerateContent',
  'countTokens',
  'embedContent',
  'batchEmbedContents',
]

/** Whose error shape a client expects, by path (src/gateway/dialect/envelope.ts). The last is for every other path. */
const dialects: readonly (readonly [Envelope, MatcherSet])[] = [
  ['anthropic', { path: ['/v1/messages', '/v1/messages/*'] }],
  [
    'gemini',
    {
      path: [
        '/v1alpha',
        '/v1alpha/*',
        '/v1beta',
        '/v1beta/*',
        '/v1beta1/*',
        '/v1/projects/*',
        '/v1/publishers/*',
        ...generations.map((method) => `/v1/models/*:${method}`),
      ],
    },
  ],
  ['bedrock', { path: ['/bedrock', '/bedrock/*'] }],
  ['ollama', { path: ['/ollama/api/*'] }],
  ['problem', { path: ['/postern/api', '/postern/api/*', '/aperture', '/aperture/*'] }],
  ['openai', {}],
]

/** Answers what `match` takes with this error, in the dialect of the path. */
export const refuse = (match: MatcherSet, error: Explained, close = false): readonly Route[] =>
  dialects.map(([envelope, paths]) => ({
    match: [{ ...match, ...paths }],
    handle: [answer(error.status, bodyOf(envelope, error), close, headersOf(envelope, error))],
    terminal: true,
  }))

const bodyOf = (envelope: Envelope, error: Explained): object =>
  errorBody(envelope, { ...error, details: [] }, requestId)

/** What a dialect says in headers, in Caddy's spelling. */
const headersOf = (envelope: Envelope, error: Explained): StaticResponseHandler['headers'] =>
  Object.fromEntries(
    Object.entries(errorHeaders(envelope, error)).map(([name, value]) => [inCaddy(name), [value]]),
  )

const answer = (
  status: number | string,
  body: object,
  close: boolean,
  more: StaticResponseHandler['headers'] = {},
): StaticResponseHandler => ({
  handler: 'static_response',
  status_code: status,
  headers: {
    'Content-Type': ['application/json'],
    'Cache-Control': ['no-store'],
    'X-Request-Id': [requestId],
    ...more,
  },
  body: JSON.stringify(body),
  ...(close && { close }),
})

export const tooLarge: Explained = {
  status: 413,
  code: 'request_too_large',
  message: 'The request body is too large.',
}

const made: readonly Explained[] = [
  tooLarge,
  { status: 502, code: 'upstream_error', message: 'The gateway is not running, or broke off.' },
  { status: 503, code: 'overloaded', message: 'The gateway takes no requests at present.' },
  { status: 504, code: 'upstream_timeout', message: 'The gateway did not answer in time.' },
]

/** What Caddy's `tailscale` authentication refuses: machines that only have a tag, and whom it cannot look up. */
const unnamed: Explained = {
  status: 401,
  code: 'invalid_credentials',
  message: 'Tailscale names no person for this device.',
}

/** An error of Caddy that has no message of ours. */
const other = {
  error: {
    message: '{http.error.status_text}',
    type: 'api_error',
    code: 'proxy_error',
    param: null,
  },
  request_id: requestId,
}

/** The status is kept, for load balancers and for search engines. */
const downForPeople: Route = {
  match: [{ vars: { [errorStatus]: ['502', '503', '504'] }, ...people }],
  handle: [
    {
      handler: 'static_response',
      status_code: errorStatus,
      ...page,
      headers: { ...page.headers, 'X-Request-Id': [requestId] },
      close: true,
    },
  ],
  terminal: true,
}

/**
 * For the errors that Caddy itself makes. The connection is closed after each of them: a body may have been left half
 * read, as in `closeAfterBody` (routes.ts).
 */
export const errorRoutes = (site: Site): readonly Route[] => [
  downForPeople,
  ...(site.tls === 'node' ? [unnamed, ...made] : made).flatMap((error) =>
    refuse({ vars: { [errorStatus]: [String(error.status)] } }, error, true),
  ),
  { handle: [answer(errorStatus, other, true)] },
]

/** What none of the routes took: Caddy would say an empty 200. */
export const noSuchSite: Route = {
  handle: [
    answer(
      404,
      bodyOf('openai', {
        status: 404,
        code: 'not_found',
        message: 'No site of this name is served here.',
      }),
      false,
    ),
  ],
}
