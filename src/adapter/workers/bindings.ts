import type { ListenerConfig } from '../../config/config.ts'
import type { Bindings, UpgradeTarget } from '../../gateway/http/env.ts'
import { inspectFraming } from '../../gateway/http/framing.ts'

/** Cloudflare's edge is the one way in. What it says of the client is taken from its own header, never from a proxy's. */
const listener: ListenerConfig = {
  name: 'workers',
  bind: { kind: 'tcp', host: '', port: 443 },
  identity: 'none',
  hopSecret: undefined,
  trustedProxies: [],
}

/** What the app is told of a request. */
export const bindingsOf = (request: Request): Bindings => ({
  listener,
  // The edge overwrites this header; there is no socket to ask.
  peerPort: 0,
  peer: request.headers.get('cf-connecting-ip') ?? '',
  framing: inspectFraming({
    method: request.method,
    target: targetOf(request.url),
    // The edge has read and framed the message, whichever version it came in.
    httpVersion: '1.1',
    rawHeaders: [...request.headers].flat(),
  }),
  ...(isWebSocket(request) && { upgrade: join }),
})

/** The request under its canonical target, which the router reads: where nothing was repaired, the same request. */
export const canonical = (request: Request, { framing }: Bindings): Request => {
  const { target } = framing
  if (!target || targetOf(request.url) === target.path + target.search) return request
  return new Request(new URL(request.url).origin + target.path + target.search, request)
}

/** As it was written, for `URL` would repair what must be refused. */
const targetOf = (url: string): string => {
  const start = url.indexOf('/', url.indexOf('://') + 3)
  return start < 0 ? '/' : url.slice(start)
}

const isWebSocket = ({ method, headers }: Request): boolean =>
  method === 'GET' && headers.get('upgrade')?.toLowerCase() === 'websocket'

/** The runtime makes the handshake anew, on both sides. */
const handshake =
  /^(?:connection|host|content-length|sec-websocket-(?:key|version|accept|extensions))$/

/**
 * Joins the client's WebSocket to the server's; the runtime passes the messages on, and does not say when they end: here
 * only those that are being opened are counted.
 */
const join = async ({ origin, path, headers, closed }: UpgradeTarget): Promise<Response> => {
  const kept = headers.filter(([name]) => !handshake.test(name)) as [string, string][]
  const answer = await fetch(origin + path, { headers: kept, redirect: 'manual' }).finally(closed)
  const { status, webSocket } = answer
  // A response of `fetch` is immutable, and the app adds headers to every answer.
  if (!webSocket) return new Response(answer.body, answer)
  const protocol = answer.headers.get('sec-websocket-protocol')
  return new Response(null, {
    status,
    webSocket,
    headers: protocol === null ? {} : { 'sec-websocket-protocol': protocol },
  })
}
