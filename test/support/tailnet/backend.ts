import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type HeaderLines, linesOf } from './http.ts'

/** A request as the program behind `tailscale serve` gets it. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly httpVersion: string
  readonly headers: HeaderLines
  /** Address and port of the connection's other end; undefined on a unix socket. */
  readonly peer: string | undefined
}

export interface Backend {
  /** Of 127.0.0.1; 0 on a unix socket. */
  readonly port: number
  /** Ends it and its connections. */
  stop(): Promise<void>
}

const seenIn = (request: IncomingMessage): Seen => {
  const { remoteAddress, remotePort } = request.socket
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    httpVersion: request.httpVersion,
    headers: linesOf(request.rawHeaders),
    peer: remoteAddress === undefined ? undefined : `${remoteAddress}:${remotePort}`,
  }
}

/**
 * Answers every request with what it saw of it, as JSON: no request can be mistaken for another's.
 * @param place a port of 127.0.0.1 (0: any that is free), or the path of a unix socket
 */
export const startBackend = async (place: number | string): Promise<Backend> => {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(seenIn(request)))
  })
  if (typeof place === 'number') server.listen(place, '127.0.0.1')
  else server.listen(place)
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    stop: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
