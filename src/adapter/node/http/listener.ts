import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import type { Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { ListenerConfig } from '../../../config/config.ts'
import type { ClientDisconnect } from '../../../gateway/http/disconnect.ts'
import type { Bindings, Connection } from '../../../gateway/http/env.ts'
import { inspectFraming } from '../../../gateway/http/framing.ts'
import type { Clock } from '../../../platform/platform.ts'
import { continueWhenRead } from './continue.ts'
import { splice } from './join-websocket.ts'
import { refuseOnWire } from './refuse.ts'

/** The app as the listener sees it; read anew for each request, so that a reload takes effect at once. */
export type Fetch = (request: Request, bindings: Bindings) => Response | Promise<Response>

export interface ListenerOptions {
  /** Its declaration, with the absolute path of a socket file; a reload may change whom it trusts while it stays open. */
  readonly declared: () => ListenerConfig
  /** Since when, `clock.elapsed()`, it may believe what it may now. */
  readonly since: () => number
  readonly clock: Clock
  readonly fetch: Fetch
  readonly headerTimeout: number
}

export interface Listener {
  readonly server: Server
  /** Node forgets a socket that was upgraded, and its `close` would wait for it for as long as the page stays open. */
  closeTunnels(): void
}

/**
 * An HTTP server for one listener. Node's parser has refused broken framing before we are called; here the raw request
 * is judged and its target brought into the one canonical spelling before any library looks at it.
 */
export const createListener = (options: ListenerOptions): Listener => {
  const { declared, fetch, headerTimeout, since, clock } = options
  const openedAt = new WeakMap<Socket, number>()
  const connectionOf = (socket: Socket, retire: () => void): Connection => {
    const opened = openedAt.get(socket) ?? 0
    return { openedAt: opened, outdated: opened < since(), retire }
  }
  const handle = getRequestListener((request, env) => {
    const { incoming, outgoing } = env as { incoming: IncomingMessage; outgoing: ServerResponse }
    const connection = connectionOf(incoming.socket, () => {
      outgoing.shouldKeepAlive = false
    })
    return fetch(request, bindingsOf(declared(), incoming, connection, outgoing))
  })
  const tunnels = new Set<Socket>()
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    canonicalize(incoming)
    // Once it has declined an upgrade, Node 26 says nothing of what it cannot parse on that connection: no answer, no end.
    if (incoming.headers.upgrade !== undefined) outgoing.shouldKeepAlive = false
    handle(incoming, outgoing).catch(() => outgoing.destroy())
  }
  const server = createServer(serverOptions(headerTimeout), answer)
  server.on('checkContinue', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    continueWhenRead(incoming, outgoing)
    answer(incoming, outgoing)
  })
  server.on('upgrade', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    // Before anything is awaited: an unheard 'error' would end the process.
    socket.on('error', () => socket.destroy())
    tunnels.add(socket)
    socket.once('close', () => tunnels.delete(socket))
    canonicalize(incoming)
    const connection = connectionOf(socket, () => {})
    const bindings = bindingsOf(declared(), incoming, connection)
    void upgrade(bindings, fetch, incoming, socket, head)
  })
  server.on('connection', (socket: Socket) => openedAt.set(socket, clock.elapsed()))
  server.on('clientError', refuseOnWire)
  server.on('connect', (_incoming: IncomingMessage, socket: Socket) => {
    socket.on('error', () => socket.destroy())
    socket.end('HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  })
  return {
    server,
    closeTunnels: () => {
      for (const socket of tunnels) socket.destroy()
    },
  }
}

const serverOptions = (headerTimeout: number): ServerOptions => ({
  headersTimeout: headerTimeout,
  // Bodies have deadlines of their own, and a slow model may hold a request for as long as it likes.
  requestTimeout: 0,
  connectionsCheckingInterval: Math.min(5_000, Math.max(250, headerTimeout / 3)),
  keepAliveTimeout: 75_000,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 30_000,
  maxHeaderSize: 16 * 1024,
  // h2c and other upgrades are ignored, as RFC 9110 §7.8 allows: the request is served as plain HTTP.
  shouldUpgradeCallback: ({ method, httpVersion, headers }) =>
    method === 'GET' && httpVersion === '1.1' && headers.upgrade?.toLowerCase() === 'websocket',
})

const framings = new WeakMap<IncomingMessage, Bindings['framing']>()

const canonicalize = (incoming: IncomingMessage): void => {
  const framing = inspectFraming({
    method: incoming.method ?? '',
    target: incoming.url ?? '',
    httpVersion: incoming.httpVersion,
    rawHeaders: incoming.rawHeaders,
  })
  framings.set(incoming, framing)
  incoming.url = framing.target ? framing.target.path + framing.target.search : '/'
  // The router needs some valid host even for a request that is going to be refused.
  if (framing.failure || !incoming.headers.host) incoming.headers.host = 'localhost'
}

const bindingsOf = (
  listener: ListenerConfig,
  incoming: IncomingMessage,
  connection: Connection,
  outgoing?: ServerResponse,
): Bindings => ({
  listener,
  connection,
  peer: listener.bind.kind === 'unix' ? 'unix' : (incoming.socket.remoteAddress ?? ''),
  peerPort: incoming.socket.remotePort ?? 0,
  framing: framings.get(incoming) as Bindings['framing'],
  // Writes what is buffered, then closes without the last chunk.
  ...(outgoing && {
    truncate: () => incoming.socket.destroySoon(),
    disconnect: disconnectOf(outgoing),
  }),
})

/** Node closes an answer when its connection is closed, and when it is complete. */
const disconnectOf = (outgoing: ServerResponse): ClientDisconnect => ({
  get aborted() {
    return outgoing.destroyed && !outgoing.writableFinished
  },
  onAbort: (leave) => {
    const closed = () => {
      if (!outgoing.writableFinished) leave()
    }
    outgoing.on('close', closed)
    return () => outgoing.off('close', closed)
  },
})

const upgrade = async (
  plain: Bindings,
  fetch: Fetch,
  incoming: IncomingMessage,
  socket: Socket,
  head: Buffer,
): Promise<void> => {
  let spliced = false
  const headers = new Headers()
  for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i] ?? '', incoming.rawHeaders[i + 1] ?? '')
  }
  const bindings: Bindings = {
    ...plain,
    upgrade: async (target) => {
      if (socket.destroyed) target.closed()
      else socket.once('close', target.closed)
      const refusal = await splice(socket, head, target)
      spliced = refusal === undefined
      return refusal ?? new Response(null, { status: 200 })
    },
  }
  const leave = new AbortController()
  socket.once('close', () => leave.abort())
  const url = `http://${incoming.headers.host}${incoming.url}`
  try {
    const response = await fetch(new Request(url, { headers, signal: leave.signal }), bindings)
    if (!spliced) await answerOnSocket(socket, response)
  } catch {
    socket.destroy()
  }
}

const answerOnSocket = async (socket: Socket, response: Response): Promise<void> => {
  const body = Buffer.from(await response.arrayBuffer())
  const lines = [`HTTP/1.1 ${response.status} ${response.statusText}`.trimEnd()]
  for (const [name, value] of response.headers) {
    if (!/^(?:connection|content-length|transfer-encoding)$/.test(name))
      lines.push(`${name}: ${value}`)
  }
  // RFC 9110 §7.8: an Upgrade field has to be named in Connection.
  const connection = response.headers.has('upgrade') ? 'close, Upgrade' : 'close'
  lines.push(`connection: ${connection}`, `content-length: ${body.byteLength}`)
  socket.end(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]))
}
