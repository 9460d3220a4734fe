import { createHash } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface FakeWebui {
  readonly url: string
  /** Headers of every request and handshake, in order. */
  readonly seen: IncomingHttpHeaders[]
  stop(): Promise<void>
}

/** Stands where Open WebUI stands: a page on every path, and a WebSocket that says `hello` first. */
export const startWebui = async (): Promise<FakeWebui> => {
  const seen: IncomingHttpHeaders[] = []
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    seen.push(request.headers)
    response.writeHead(200, { 'content-type': 'text/html', 'set-cookie': 'token=1; Path=/' })
    response.end(`<title>Open WebUI</title>${request.method} ${request.url}`)
  })
  server.on('upgrade', (request, socket: Socket) => {
    seen.push(request.headers)
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
    const accept = createHash('sha1').update(key).digest('base64')
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    // One unmasked text frame (RFC 6455 §5.2).
    socket.write(Buffer.from([0x81, 5, ...Buffer.from('hello')]))
    // A close frame is answered with one.
    socket.on('data', ([first = 0]: Buffer) => {
      if ((first & 0x0f) === 8) socket.end(Buffer.from([0x88, 0]))
    })
    socket.on('error', () => socket.destroy())
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    stop: () =>
      new Promise((closed) => {
        server.close(() => closed())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
