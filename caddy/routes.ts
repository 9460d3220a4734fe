import type { Handler, HeaderValues, Route } from 'caddy-json-config-types'
import { noSuchSite, refuse, tooLarge } from './errors.ts'
import { loggedByName } from './logging.ts'
import { type CaddyOptions, dialAddress, isPlain, type Site } from './options.ts'

/**
 * What only a proven proxy may say of a caller, wherever in the name it stands. Some back ends read `X.Real.Ip` as
 * `X-Real-Ip`, and 2.11.4 passes it; names with `_` Caddy drops by itself.
 */
const forgeable: readonly string[] = [
  '*Webauth*',
  '*X-Gateway*',
  '*X.Gateway*',
  '*Remote-*',
  '*Remote.*',
  '*Forwarded*',
  '*Real-Ip*',
  '*Real.Ip*',
  '*Client-Ip*',
  '*Client.Ip*',
  '*Connecting-Ip*',
  '*Connecting.Ip*',
  '*Auth-Request*',
  '*Auth.Request*',
]

/**
 * tailscaled replaces its own headers, whatever a caller sent, but lets pass what merely looks like them
 * (tailscale 1.102 serve.go).
 */
const lookAlikes: readonly string[] = ['*.*', '*-Tailscale*', 'Tailscale-Ingress*']

const forgeableAt = ({ tls }: Site): readonly string[] =>
  tls === 'serve' ? [...lookAlikes, ...forgeable] : ['*Tailscale*', ...forgeable]

/** `/v1*` would also take `/v1foo`. */
const apiPaths = [
  '/v1',
  '/v1/*',
  '/v1alpha',
  '/v1alpha/*',
  '/v1beta',
  '/v1beta/*',
  '/v1beta1/*',
  '/bedrock',
  '/bedrock/*',
  '/ollama/api/*',
]

/** The stages of a request, in order. The last answers what none took. */
export const routes = (options: CaddyOptions): readonly Route[] => [
  { handle: [...loggedByName, asSeenHere] },
  ...asSeenByTrustedProxy,
  refuseTooLarge(options),
  ...(sharesConnections(options) ? [closeAfterBody] : []),
  { handle: [{ handler: 'headers', request: { delete: forgeableAt(options.site) } }] },
  ...(options.site.tls === 'node' ? namedByTailnet : []),
  {
    match: [{ path: apiPaths }],
    handle: [{ handler: 'request_body', max_size: options.bodyLimit }],
  },
  {
    '@id': 'postern',
    ...('hosts' in options.site && { match: [{ host: options.site.hosts }] }),
    handle: [toGateway(options)],
    terminal: true,
  },
  noSuchSite,
]

const declared = '{http.request.header.Content-Length}'

/**
 * A body that says it is too large is refused untouched, so that Go drains it or hangs up gently. The gateway would hang
 * up while Caddy is still sending, which Caddy takes for a 502. One that does not say is counted while it passes.
 */
const refuseTooLarge = ({ bodyLimit }: CaddyOptions): Route => ({
  match: [{ path: apiPaths, expression: `${declared} != "" && int(${declared}) > ${bodyLimit}` }],
  handle: [{ handler: 'subroute', routes: refuse({}, tooLarge) }],
  terminal: true,
})

/** What the client asked for, kept in variables because every header that could say it is deleted next. */
const asSeenHere: Handler = {
  handler: 'vars',
  postern_scheme: '{http.request.scheme}',
  postern_host: '{http.request.hostport}',
}

/**
 * Behind tailscaled we see plain HTTP, and on a socket the host `localhost`; it says what it saw. The scheme needs no
 * trust: where a stranger can connect it is `https` already.
 */
const asSeenByTrustedProxy: readonly Route[] = [
  {
    match: [{ header: { 'X-Forwarded-Proto': ['https'] } }],
    handle: [{ handler: 'vars', postern_scheme: 'https' }],
  },
  {
    match: [{ vars: { trusted_proxy: ['true'] }, header: { 'X-Forwarded-Host': ['*'] } }],
    handle: [{ handler: 'vars', postern_host: '{http.request.header.X-Forwarded-Host}' }],
  },
]

/** Do many clients come on one connection, that of a proxy before us? */
const sharesConnections = ({ site, trustedProxies }: CaddyOptions): boolean =>
  isPlain(site) || trustedProxies.length > 0

/**
 * Caddy 2.11.7 takes what an early answer left unread of a body for the next requests of the connection, which a
 * stranger could fill with a victim's address. So no request follows a body on a connection that clients share.
 * To be removed once no supported version does that; 2.11.4 closes the connection by itself.
 */
const closeAfterBody: Route = {
  match: [
    { protocol: 'http/1.1', header: { 'Content-Length': ['*'] } },
    { protocol: 'http/1.1', header: { 'Transfer-Encoding': ['*'] } },
  ],
  handle: [{ handler: 'headers', response: { deferred: true, set: { Connection: ['close'] } } }],
}

/**
 * Lets in whom caddy-tailscale names, after its header was wiped: it strips nothing by itself. The gateway could not tell
 * people of other tailnets, to whom this machine was shared, from our own, so they stay nameless.
 */
const namedByTailnet: readonly Route[] = [
  { handle: [{ handler: 'authentication', providers: { tailscale: {} } }] },
  {
    match: [{ not: [{ vars: { '{http.auth.user.tailscale_tailnet}': [''] } }] }],
    handle: [{ handler: 'vars', postern_user: '{http.auth.user.id}' }],
  },
]

/**
 * Set last, where no `Connection` header of a client can take it away. One address, the caller's: Caddy alone would
 * append its peer's to what a trusted proxy sent.
 */
const told = (site: Site): HeaderValues => ({
  'X-Forwarded-For': ['{http.vars.client_ip}'],
  'X-Forwarded-Proto': ['{http.vars.postern_scheme}'],
  'X-Forwarded-Host': ['{http.vars.postern_host}'],
  ...(site.tls === 'node' && { 'X-Webauth-User': ['{http.vars.postern_user}'] }),
  ...(site.tls === 'node' && site.hop && { 'X-Gateway-Hop': ['{env.POSTERN_HOP_SECRET}'] }),
})

const toGateway = ({ gateway, site }: CaddyOptions): Handler => ({
  handler: 'reverse_proxy',
  upstreams: [{ dial: dialAddress(gateway) }],
  transport: {
    protocol: 'http',
    dial_timeout: '2s',
    // Bytes pass as the gateway sent them.
    compression: false,
    // Below the gateway's 75 s: a connection that it closes while it is being used again would be a 502.
    keep_alive: { idle_timeout: '60s' },
  },
  headers: { request: { set: told(site) } },
  flush_interval: -1,
  // WebSockets outlive a reload; without it they are cut at once.
  stream_close_delay: '1h',
})
