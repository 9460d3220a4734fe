import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  request as openRequest,
  type RequestOptions,
  type Server,
  type ServerResponse,
} from 'node:http'
import { type AddressInfo, BlockList, connect, isIPv4, type Socket } from 'node:net'
import { createGunzip } from 'node:zlib'
import { type Answer, type Ask, askOver, type HeaderLines, linesOf } from '../tailnet/http.ts'
import { cleanQuery, marshal, qEncode, sorted, withoutHopByHop } from './go-http.ts'
import { fullName, nodeAt, type Tailnet } from './people.ts'

/** What `tailscale serve` passes requests on to. */
export type Target = { readonly socket: string } | { readonly port: number }

export interface FrontOptions {
  /** Open to the internet as well, which is with TLS always. Default false. */
  readonly funnel?: boolean
  /** As `--https` rather than `--http`. Nothing is encrypted; the target is told so. Default `funnel`. */
  readonly tls?: boolean
  /** As `--accept-app-caps`. Default none, and then no capability is passed on. */
  readonly acceptAppCaps?: readonly string[]
}

export interface FrontAsk extends Omit<Ask, 'headers'> {
  /** `Host` with the gateway's name is added where there is none. */
  readonly headers?: HeaderLines | Readonly<Record<string, string>>
}

export interface Front {
  /** One request from an address of the tailnet, or of the internet. */
  ask(from: string, request: FrontAsk): Promise<Answer>
  /**
   * A port of 127.0.0.1 for any client, SDK or WebSocket: whoever connects there counts as `from`. Send the gateway's
   * name as Host unless the front has TLS.
   */
  portFor(from: string): Promise<number>
}

const tailnetAddresses = new BlockList()
tailnetAddresses.addSubnet('100.64.0.0', 10)
tailnetAddresses.addSubnet('fd7a:115c:a1e0::', 48, 'ipv6')

interface Passing {
  readonly tailnet: Tailnet
  readonly target: Target
  readonly options: FrontOptions
  /** Who asks. */
  readonly from: string
}

/** Starts a front. `stops` gets what ends it. */
export const startFront = (
  tailnet: Tailnet,
  target: Target,
  options: FrontOptions,
  stops: (() => Promise<void>)[],
): Front => {
  const ports = new Map<string, Promise<number>>()
  const portFor = async (from: string): Promise<number> => {
    if (isPublic(from) && !options.funnel) throw new Error('ingress: 403 denied')
    const listening = ports.get(from) ?? listen({ tailnet, target, options, from }, stops)
    ports.set(from, listening)
    return listening
  }
  return {
    portFor,
    ask: async (from, request) => {
      const port = await portFor(from)
      const headers = withHost(request.headers ?? [], fullName(tailnet, tailnet.self))
      return askOver(connect(port, '127.0.0.1'), { ...request, headers })
    },
  }
}

const isPublic = (from: string) => !tailnetAddresses.check(from, isIPv4(from) ? 'ipv4' : 'ipv6')

const withHost = (given: NonNullable<FrontAsk['headers']>, name: string): HeaderLines => {
  const lines: HeaderLines = Array.isArray(given) ? (given as HeaderLines) : Object.entries(given)
  return lines.some(([line]) => line.toLowerCase() === 'host') ? lines : [['Host', name], ...lines]
}

const listen = async (passing: Passing, stops: (() => Promise<void>)[]): Promise<number> => {
  const server = createServer({ keepAliveTimeout: 0 })
  server.on('request', (request, response) => pass(passing, request, response))
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    passUpgrade(passing, request, socket, head)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stops.push(() => closeOf(server))
  return (server.address() as AddressInfo).port
}

const closeOf = async (server: Server) => {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

interface Asked {
  readonly host: string
  readonly path: string
}

/** Where Go would look: a target in absolute form overrules Host. Undefined when nothing is served there. */
const askedOf = ({ tailnet, options }: Passing, request: IncomingMessage): Asked | undefined => {
  const [, authority, rest] = /^https?:\/\/([^/?]*)(.*)$/i.exec(request.url ?? '') ?? []
  const host = authority ?? request.headers.host ?? ''
  const target = rest ?? request.url ?? ''
  if (!target.startsWith('/')) return undefined
  const suffix = `.${tailnet.domain}`
  const alone = host.replace(/:\d*$/, '')
  const name = alone.endsWith(suffix) ? alone : alone + suffix
  if (!isSecure(options) && name !== fullName(tailnet, tailnet.self)) return undefined
  const [path = '', query] = cut(target, '?')
  return { host, path: query === undefined ? path : `${path}?${cleanQuery(query)}` }
}

const cut = (text: string, at: string): readonly string[] => {
  const index = text.indexOf(at)
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)]
}

const isSecure = ({ tls, funnel = false }: FrontOptions) => tls ?? funnel

const own = [
  'Forwarded',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
  'Tailscale-User-Login',
  'Tailscale-User-Name',
  'Tailscale-User-Profile-Pic',
  'Tailscale-Funnel-Request',
  'Tailscale-Headers-Info',
  'Tailscale-App-Capabilities',
]

/** What tailscaled says of a request itself; the underscore spellings of it pass through from the caller. */
const ownHeaders = ({ tailnet, options, from }: Passing, host: string): HeaderLines => {
  const forwarded = [
    ['X-Forwarded-For', from],
    ['X-Forwarded-Host', host],
    ...(isSecure(options) ? [['X-Forwarded-Proto', 'https'] as const] : []),
  ] as const
  if (isPublic(from)) return [...forwarded, ['Tailscale-Funnel-Request', '?1']]
  return [...forwarded, ...identityOf(tailnet, from), ...capabilitiesOf(tailnet, from, options)]
}

const identityOf = (tailnet: Tailnet, from: string): HeaderLines => {
  const node = nodeAt(tailnet, from)
  if (node?.login === undefined || node.tags?.length) return []
  return [
    ['Tailscale-User-Login', qEncode(node.login)],
    ['Tailscale-User-Name', qEncode(node.displayName ?? node.login)],
    ['Tailscale-User-Profile-Pic', node.picture ?? ''],
    ['Tailscale-Headers-Info', 'https://tailscale.com/s/serve-headers'],
  ]
}

const capabilitiesOf = (tailnet: Tailnet, from: string, options: FrontOptions): HeaderLines => {
  const granted = nodeAt(tailnet, from)?.capMap
  if (granted === undefined || options.acceptAppCaps === undefined) return []
  const accepted = options.acceptAppCaps.filter((name) => name in granted)
  const map = Object.fromEntries(accepted.map((name) => [name, granted[name]]))
  return [['Tailscale-App-Capabilities', qEncode(marshal(map))]]
}

const first = ['User-Agent', 'Content-Length', 'Transfer-Encoding']

/** The headers as the target gets them, in Go's order, and whether gzip was asked for without the caller's wish. */
const outgoingHeaders = (passing: Passing, request: IncomingMessage, { host }: Asked) => {
  const lines = linesOf(request.rawHeaders)
  const kept = withoutHopByHop(lines).filter(([name]) => name !== 'Host' && !own.includes(name))
  const framing: HeaderLines = request.headers['transfer-encoding']
    ? [...kept.filter(([name]) => name !== 'Content-Length'), ['Transfer-Encoding', 'chunked']]
    : kept
  const all = sorted([...framing, ...ownHeaders(passing, host)])
  const gzip =
    request.method !== 'HEAD' && !kept.some(([name]) => ['Accept-Encoding', 'Range'].includes(name))
  const headers: HeaderLines = [
    ['Host', 'socket' in passing.target ? 'localhost' : host],
    ...first.flatMap((name) => all.filter(([given]) => given === name)),
    ...all.filter(([name]) => !first.includes(name)),
    ...(gzip ? [['Accept-Encoding', 'gzip'] as const] : []),
  ]
  return { headers, gzip }
}

const openTo = (target: Target, options: RequestOptions, headers: HeaderLines) => {
  const place =
    'socket' in target ? { socketPath: target.socket } : { host: '127.0.0.1', port: target.port }
  const outgoing = openRequest({ ...place, ...options, setHost: false, agent: false })
  for (const [name, value] of headers) outgoing.appendHeader(name, value)
  if (!outgoing.hasHeader('connection')) outgoing.removeHeader('connection') // or Node adds its own
  return outgoing
}

const pass = (passing: Passing, request: IncomingMessage, response: ServerResponse) => {
  const asked = askedOf(passing, request)
  if (asked === undefined) return notFound(response)
  const { headers, gzip } = outgoingHeaders(passing, request, asked)
  const options = { method: request.method ?? 'GET', path: asked.path }
  const outgoing = openTo(passing.target, options, headers)
  outgoing.on('response', (incoming) => passBack(incoming, response, gzip))
  outgoing.on('error', () => {
    if (response.headersSent) response.destroy()
    else response.writeHead(502, { 'Content-Length': '0' }).end()
  })
  response.on('close', () => outgoing.destroy())
  request.pipe(outgoing)
}

const notFound = (response: ServerResponse) => {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.writeHead(404)
  response.end('404 page not found\n')
}

const passBack = (incoming: IncomingMessage, response: ServerResponse, gzip: boolean) => {
  const unzip = gzip && incoming.headers['content-encoding'] === 'gzip'
  const changed = unzip ? ['Content-Encoding', 'Content-Length'] : []
  const headers = withoutHopByHop(linesOf(incoming.rawHeaders))
  response.writeHead(
    incoming.statusCode ?? 502,
    headers.filter(([name]) => !changed.includes(name)).flat(),
  )
  response.flushHeaders()
  incoming.on('error', () => response.destroy())
  const body = unzip ? incoming.pipe(createGunzip()) : incoming
  body.on('error', () => response.destroy())
  body.pipe(response)
}

const passUpgrade = (passing: Passing, request: IncomingMessage, socket: Socket, head: Buffer) => {
  socket.on('error', () => {})
  const asked = askedOf(passing, request)
  if (asked === undefined) {
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
    return
  }
  const { headers } = outgoingHeaders(passing, request, asked)
  const outgoing = openTo(passing.target, { method: 'GET', path: asked.path }, headers)
  outgoing.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'))
  outgoing.on('response', (incoming) => {
    socket.write(headOf(incoming))
    incoming.pipe(socket)
  })
  outgoing.on('upgrade', (incoming: IncomingMessage, backend: Socket, begun: Buffer) => {
    backend.on('error', () => socket.destroy())
    socket.on('close', () => backend.destroy())
    socket.write(headOf(incoming))
    socket.write(begun)
    backend.write(head)
    socket.pipe(backend).pipe(socket)
  })
  outgoing.end()
}

const headOf = (incoming: IncomingMessage) => {
  const lines = withoutHopByHop(linesOf(incoming.rawHeaders))
  const close = incoming.statusCode === 101 ? [] : ['Connection: close']
  return [
    `HTTP/1.1 ${incoming.statusCode} ${incoming.statusMessage}`,
    ...lines.map(([name, value]) => `${name}: ${value}`),
    ...close,
    '\r\n',
  ].join('\r\n')
}
