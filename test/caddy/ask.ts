import { once } from 'node:events'
import { type IncomingMessage, request as plainRequest, type RequestOptions } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { Socket } from 'node:net'

/** Where Caddy listens: a port of loopback or a socket; `host` chooses HTTPS for that name. */
export interface Door {
  readonly port?: number
  readonly socketPath?: string
  readonly host?: string
}

export interface Ask {
  /** The Host header, when it is not the door's. */
  readonly host?: string
  readonly method?: string
  /** Names and values, in order and repeated as wished. */
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: string | Buffer
  /** Without a Content-Length. */
  readonly chunked?: boolean
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A request whose head is not sent yet. */
export const open = (door: Door, path: string, { method = 'GET', headers = [], host }: Ask) => {
  const lines: string[] = ['Host', host ?? door.host ?? `127.0.0.1:${door.port}`, ...headers.flat()]
  const options: RequestOptions = {
    ...(door.socketPath === undefined
      ? { host: '127.0.0.1', port: door.port }
      : { socketPath: door.socketPath }),
    method,
    path,
    headers: lines,
    agent: false,
  }
  return door.host === undefined
    ? plainRequest(options)
    : secureRequest({ ...options, servername: door.host, rejectUnauthorized: false })
}

/** The answer's head, its body still to come. `request.destroy()` is a client that leaves. */
export const begin = async (door: Door, path: string, ask: Ask = {}) => {
  const { body = '', chunked = false } = ask
  const length = chunked ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', `${body.length}`]
  const framing = body.length === 0 ? [] : [length as [string, string]]
  const request = open(door, path, { ...ask, headers: [...(ask.headers ?? []), ...framing] })
  // An early answer may close the connection under the rest of the body; only the answer counts.
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.on('error', reject)
  })
  request.end(body)
  return { request, response: await answered }
}

export const ask = async (door: Door, path: string, options: Ask = {}): Promise<Answer> => {
  const { response } = await begin(door, path, options)
  let body = ''
  response.setEncoding('utf8')
  for await (const chunk of response) body += chunk
  return { status: response.statusCode ?? 0, headers: response.headers, body }
}

/** An upgraded connection, ready for bytes. */
export const upgrade = async (door: Door, path: string, origin?: string): Promise<Socket> => {
  const request = open(door, path, {
    headers: [
      ['Connection', 'Upgrade'],
      ['Upgrade', 'websocket'],
      ['Sec-WebSocket-Version', '13'],
      ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
      ...(origin === undefined ? [] : [['Origin', origin] as const]),
    ],
  })
  request.end()
  const [, socket] = (await once(request, 'upgrade')) as [IncomingMessage, Socket]
  return socket
}
