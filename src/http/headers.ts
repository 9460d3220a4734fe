import { folded, isIdentityHeader } from './identity-headers.ts'
import { withoutSession } from './session-cookie.ts'

export type HeaderList = readonly (readonly [name: string, value: string])[]

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

/** Response headers of a model server that a client may see (identity.md 1.5). */
const upstreamResponse = new Set([
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'openai-processing-ms',
  'openai-version',
  'retry-after',
  'x-amzn-errortype', // which exception: Amazon's SDKs look nowhere else
])
const upstreamResponsePrefixes = ['x-ratelimit-', 'anthropic-ratelimit-']

/** What of a model server's headers goes to the client. */
export const fromUpstream = (headers: HeaderList): Record<string, string> => {
  const kept: Record<string, string> = {}
  for (const [name, value] of headers) {
    if (upstreamResponse.has(name) || upstreamResponsePrefixes.some((p) => name.startsWith(p))) {
      kept[name] = value
    }
  }
  return kept
}

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
    if (hopByHop.has(name) || connection.has(name) || isIdentityHeader(name)) continue
    if (setAnew.has(name) || reserved.has(folded(name))) continue
    if (gatewayOnly.has(name) || (name === 'authorization' && isGatewayCredential(value))) continue
    const said = name === 'cookie' ? withoutSession(value) : value
    if (said !== '' || value === '') kept.push([name, said])
  }
  return kept
}

const none: ReadonlySet<string> = new Set()

export const fromFallback = (headers: HeaderList): [string, string][] => {
  const listed = headers.find(([name]) => name === 'connection')?.[1] ?? null
  const connection = connectionNames(listed)
  return headers.filter(([name]) => !hopByHop.has(name) && !connection.has(name)) as [
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
      .map((name) => name.trim()),
  )
