import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** A request as Caddy passed it on; its body is counted, not kept. */
export interface Passed {
  readonly method: string
  readonly target: string
  readonly rawHeaders: readonly string[]
  readonly headers: IncomingMessage['headers']
}

/** Stands where the gateway would, on a free loopback port or a socket. */
export interface Stub {
  readonly port: number
  readonly passed: readonly Passed[]
  /** Answers from now on; default: 200 with the number of body bytes. */
  answer: (response: ServerResponse, request: IncomingMessage) => void
  /** The next answer that was cut off before its end. */
  cut(): Promise<void>
  stop(): Promise<void>
}

/** The default answer: how many bytes the body had. */
export const countBody = (response: ServerResponse, request: IncomingMessage): void => {
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  request.on('end', () => {
    response.setHeader('X-Request-Id', 'stub-id')
    response.end(JSON.stringify({ bytes }))
  })
}

/** Accepts the upgrade and sends every byte back. */
const echo = (socket: Socket): void => {
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  )
  socket.pipe(socket)
}

export const startStub = async (path?: string): Promise<Stub> => {
  const passed: Passed[] = []
  const events = new EventEmitter()
  const note = ({ method = '', url = '', rawHeaders, headers }: IncomingMessage) =>
    passed.push({ method, target: url, rawHeaders, headers })
  const server = createServer({ maxHeaderSize: 65_536 }, (request, response) => {
    note(request)
    response.on('close', () => {
      if (!response.writableFinished) events.emit('cut')
    })
    request.on('error', () => {})
    stub.answer(response, request)
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    note(request)
    socket.on('error', () => {})
    echo(socket)
  })
  server.listen(path ?? { port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const stub: Stub = {
    port: path === undefined ? (server.address() as AddressInfo).port : 0,
    passed,
    answer: countBody,
    cut: async () => {
      await once(events, 'cut')
    },
    stop: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return stub
}
