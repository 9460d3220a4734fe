import type { HeaderList } from '../../platform/upstream.ts'
import type { Envelope } from '../dialect/envelope.ts'
import { folded, isIdentityHeader } from './identity-headers.ts'
import { withoutSession } from './session-cookie.ts'

/** RFC 9110 §7.6.1: meant for the next hop only, so never passed on, in either direction. */
const hopByHop = new Set([
  'connection', // names further hop-by-hop headers, see `connectionNames`
  'keep-alive', // about this connection's life
  'proxy-connection', // the same, as old clients spell it
  'proxy-authenticate', // a challenge by us as a proxy
  'proxy-authorization', // a credential for us as a proxy
  'te', // which trailers this hop takes
  'trailer', // trailers are dropped: they could carry identity past every check
  'transfer-encoding', // each side frames its own messages
  'upgrade', // the WebSocket path sets it anew
  'http2-settings', // h2c upgrade, never forwarded
])

/** Response headers of a model server that a client may see, whatever the dialect. */
const upstreamResponse = new Set([
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'retry-after',
  'retry-after-ms', // OpenAI's; its SDKs prefer it to the one in seconds
  'x-should-retry', // OpenAI's and Anthropic's: their SDKs do as it says
])
const rateLimits = ['x-ratelimit-', 'anthropic-ratelimit-']

/** What the SDKs of a dialect read besides. Whose account it was (`openai-organization`) is the gateway's own affair. */
const ofDialect: Readonly<Partial<Record<Envelope, readonly string[]>>> = {
  openai: [
    'openai-processing-ms',
    'openai-version',
    'openai-model',
    'openai-poll-after-ms',
    'x-codex-', // the state that Codex returns with its next request, and the limits of a subscription
  ],
  bedrock: ['x-amzn-'], // which exception, which request, tokens counted: Amazon's SDKs look nowhere else
  gemini: ['x-gemini-', 'x-vertex-ai-'],
}

/** Ids by which a provider finds a request again. Ours goes by their names, so that it can be asked for here. */
const upstreamIds = new Set(['x-request-id', 'request-id'])

/** Nothing is worth waiting for longer than a day, s. */
const longestWait = 86_400

/**
 * What of a model server's headers goes to the client.
 * @param now wall clock, ms since the epoch; absent: dates are passed on unread
 */
export const fromUpstream = (
  headers: HeaderList,
  envelope: Envelope = 'openai',
  now?: number,
): Record<string, string> => {
  const kept: Record<string, string> = {}
  const more = ofDialect[envelope] ?? []
  for (const [name, value] of headers) {
    if (upstreamIds.has(name)) kept['x-upstream-request-id'] = value
    else if (name === 'retry-after') keep(kept, name, waitOf(value, now))
    else if (name === 'retry-after-ms') keep(kept, name, bounded(value, longestWait * 1000))
    else if (upstreamResponse.has(name) || startsAs(name, rateLimits) || startsAs(name, more)) {
      kept[name] = value
    }
  }
  return kept
}

const startsAs = (name: string, prefixes: readonly string[]): boolean =>
  prefixes.some((prefix) => name.startsWith(prefix))

const keep = (kept: Record<string, string>, name: string, value: string | undefined): void => {
  if (value !== undefined) kept[name] = value
}

/** Seconds or a date (RFC 9110 §10.2.3), at most a day ahead; undefined for what is neither. */
const waitOf = (value: string, now: number | undefined): string | undefined => {
  const seconds = bounded(value, longestWait)
  if (seconds !== undefined) return seconds
  const date = Date.parse(value)
  if (Number.isNaN(date) || !/[a-z]/i.test(value)) return undefined
  return now !== undefined && date - now > longestWait * 1000 ? String(longestWait) : value
}

const bounded = (value: string, most: number): string | undefined =>
  /^\s*\d+(?:\.\d+)?\s*$/.test(value) ? String(Math.min(Math.ceil(Number(value)), most)) : undefined

/** Carriers of gateway credentials that Open WebUI has no use for. */
const gatewayOnly = new Set(['x-api-key', 'api-key', 'x-goog-api-key'])
/** Said again by whoever sends the request on. */
const setAnew = new Set(['host', 'content-length', 'expect'])

/**
 * Headers for a server of our own side (Open WebUI): everything but hops, identity and our own credentials.
 * @param reserved names, in lower case, by which we tell it who is calling; no client may
 */
export const toFallback = (
  headers: Headers,
  reserved: ReadonlySet<string> = none,
): [string, string][] => {
  const connection = connectionNames(headers.get('connection'))
  const kept: [string, string][] = []
  for (const [name, value] of headers) {
    // Servers behind us may take `Transfer_Encoding` for the header that it resembles.
    const plain = folded(name)
    if (hopByHop.has(plain) || connection.has(plain) || isIdentityHeader(name)) continue
    if (setAnew.has(plain) || reserved.has(plain)) continue
    if (gatewayOnly.has(plain) || (name === 'authorization' && isGatewayCredential(value))) continue
    const said = name === 'cookie' ? withoutSession(value) : value
    if (said !== '' || value === '') kept.push([name, said])
  }
  return kept
}

const none: ReadonlySet<string> = new Set()

/** Is one of the carriers there that hold a bare key? */
export const hasKey = (headers: Headers): boolean =>
  [...gatewayOnly].some((name) => headers.has(name))

export const fromFallback = (headers: HeaderList): [string, string][] => {
  const listed = headers.find(([name]) => name === 'connection')?.[1] ?? null
  const connection = connectionNames(listed)
  return headers.filter(([name]) => !hopByHop.has(name) && !connection.has(folded(name))) as [
    string,
    string,
  ][]
}

/**
 * Is this `Authorization` meant for the gateway, on paths that it shares with Open WebUI? Open WebUI knows only Bearer
 * tokens of its own, which hold no colon: Basic (a browser sends it to the whole origin once it was asked for it under
 * /v1), `Bearer user:password`, and keys that are ours by their look are none of its business.
 */
export const isGatewayCredential = (authorization: string): boolean => {
  if (/^(?:basic(?:\s|$)|bearer\s.*:|bearer\s+pst_)/is.test(authorization)) return true
  const claims = /^bearer\s+[\w=-]+\.([\w-]+)=*\./i.exec(authorization)?.[1]
  return claims !== undefined && isSignedHere(claims)
}

/** A token of Open WebUI's own making, for its own API below `/ollama`: it names a user by `id`, and no issuer. */
export const isWebuiToken = (authorization: string): boolean => {
  const claims = /^bearer\s+[\w=-]+\.([\w-]+)=*\.[\w=-]+$/i.exec(authorization)?.[1]
  const { id, iss } = (claims && claimsIn(claims)) || {}
  return typeof id === 'string' && iss === undefined
}

const claimsIn = (
  claims: string,
): { readonly id?: unknown; readonly iss?: unknown } | undefined => {
  try {
    return JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/')))
  } catch {
    return undefined
  }
}

/** Open WebUI signs tokens too, and names no issuer in them. */
const isSignedHere = (claims: string): boolean => claimsIn(claims)?.iss === 'postern'

const connectionNames = (connection: string | null): ReadonlySet<string> =>
  new Set(
    (connection ?? '')
      .toLowerCase()
      .split(',')
      .map((name) => folded(name.trim())),
  )
