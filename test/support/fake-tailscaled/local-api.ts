import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { nodeAt, nodeOfKey, recorded, statusOf, type Tailnet, whoisOf } from './people.ts'

/** As whom a caller writes: an operator may not serve files and sockets, anyone else nothing. */
export type Writer = 'root' | 'operator' | 'nobody'

/** What the daemon is asked from, and what it changes. */
export interface Daemon {
  readonly tailnet: Tailnet
  readonly writer: Writer
  /** Laid over the answer to `status`. */
  status: Readonly<Record<string, unknown>>
  /** `null` until something was served. */
  serveConfig: unknown
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const guards = {
  'Content-Security-Policy':
    "default-src 'none'; frame-ancestors 'none'; script-src 'none'; script-src-elem 'none'; script-src-attr 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
}

const text = (status: number, message: string): Reply => ({
  status,
  headers: { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
  body: `${message}\n`,
})

const json = (status: number, body: string, headers = {}): Reply => ({
  status,
  headers: { 'Content-Type': 'application/json', ...headers },
  body,
})

/** What tailscaled 1.102.3 answers on its own socket, where no password is asked. */
export const answer = (daemon: Daemon, request: IncomingMessage, body: string): Reply => {
  if (!request.url?.startsWith('/localapi/')) return text(404, '404 page not found')
  const { host = '', origin, referer } = request.headers
  if (origin || referer || !['', 'local-tailscaled.sock'].includes(host)) {
    return text(403, 'invalid localapi request')
  }
  const reply = route(daemon, request, body)
  const { Version = recorded.version } = daemon.status
  const told = { 'Tailscale-Cap': String(recorded.cap), 'Tailscale-Version': String(Version) }
  return { ...reply, headers: { ...guards, ...told, ...reply.headers } }
}

const route = (daemon: Daemon, request: IncomingMessage, body: string): Reply => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://local-tailscaled.sock')
  switch (pathname) {
    case '/localapi/v0/whois':
      return whois(daemon.tailnet, searchParams.get('addr') ?? '')
    case '/localapi/v0/status':
      return status(daemon, searchParams.get('peers') !== 'false')
    case '/localapi/v0/serve-config':
      return serveConfig(daemon, request, body)
    default:
      return text(404, '404 page not found')
  }
}

const status = (daemon: Daemon, peers: boolean): Reply => {
  const all = { ...statusOf(daemon.tailnet, peers), ...daemon.status }
  return json(200, `${JSON.stringify(all, null, '\t')}\n`)
}

const addressAlone = /^(.*?)(?:%.*)?$/
const withPort = /^(?:\[(.+)\]|([\d.]+)):\d{1,5}$/

/** `100.64.0.1`, `100.64.0.1:80`, `[fd7a::1]:80`; an IPv4 address in IPv6 clothes is unclothed. */
const addressIn = (given: string): string | undefined => {
  const [, bracketed, plain] = withPort.exec(given) ?? []
  const address = bracketed ?? plain ?? given
  if (isIP(addressAlone.exec(address)?.[1] ?? '') === 0) return undefined
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}

const whois = (tailnet: Tailnet, given: string): Reply => {
  if (given === '') return text(400, "missing 'addr' parameter")
  const isKey = given.startsWith('nodekey:')
  if (isKey && !/^nodekey:[0-9a-f]{64}$/.test(given)) {
    return text(400, "invalid nodekey in 'addr' parameter")
  }
  const address = addressIn(given)
  if (!isKey && address === undefined) return text(400, "invalid 'addr' parameter")
  const node = isKey ? nodeOfKey(tailnet, given) : nodeAt(tailnet, address ?? '')
  if (node === undefined) return text(404, 'no match for IP:port')
  return json(200, JSON.stringify(whoisOf(tailnet, node), null, '\t'))
}

const serveConfig = (daemon: Daemon, request: IncomingMessage, body: string): Reply => {
  const before = JSON.stringify(daemon.serveConfig)
  const etag = createHash('sha256').update(before).digest('hex')
  if (request.method === 'GET') return json(200, before, { Etag: etag })
  if (request.method !== 'POST') return text(405, 'method not allowed')
  if (daemon.writer === 'nobody') return text(403, 'serve config denied')
  const config = decode(body)
  if (typeof config === 'string') {
    return json(500, `${JSON.stringify({ error: `decoding config: ${config}` })}\n`)
  }
  if (daemon.writer === 'operator' && /"Path":|"Proxy":"unix:/.test(JSON.stringify(config))) {
    return text(401, needsRoot)
  }
  const match = request.headers['if-match']
  if (match !== undefined && match !== etag) return text(412, 'etag mismatch')
  daemon.serveConfig = config
  return { status: 200, headers: {}, body: '' }
}

const needsRoot =
  "must be root, or be an operator and able to run 'sudo tailscale' to serve a path or Unix socket"

const known = ['TCP', 'Web', 'Services', 'AllowFunnel', 'Foreground']

/** The part of a config that the daemon understands, or in Go's words why it is none. */
const decode = (body: string): Record<string, unknown> | string => {
  try {
    const given: unknown = JSON.parse(body)
    if (Array.isArray(given)) {
      return 'json: cannot unmarshal array into Go value of type ipn.ServeConfig'
    }
    const entries = Object.entries(given ?? {}).filter(([key]) => known.includes(key))
    return Object.fromEntries(entries) as Record<string, unknown>
  } catch {
    return body.trim() === '' ? 'EOF' : 'unexpected EOF'
  }
}
