import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface FakeWebui {
  readonly url: string
  readonly requests: {
    method: string
    url: string
    headers: IncomingMessage['headers']
    body: string
  }[]
  readonly upgrades: IncomingMessage[]
  /** The server's ends of the WebSockets that were joined. */
  readonly sockets: Socket[]
  stop(): Promise<void>
}

export type UpgradeBehaviour =
  | 'accept'
  | 'bare'
  | 'refuse'
  | 'redirect'
  | 'close'
  | 'half'
  | 'silent'

/**
 * Stands in for Open WebUI where what counts is bytes: a page, an upload, an event stream, and a WebSocket that echoes.
 * `/ws/…` ends in the behaviour wanted, e.g. `/ws/refuse`.
 */
export const startWebui = async (): Promise<FakeWebui> => {
  const requests: FakeWebui['requests'] = []
  const upgrades: IncomingMessage[] = []
  const sockets: Socket[] = []
  const every = new Set<Socket>()
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    requests.push({
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      body: body.toString('latin1').slice(0, 1000),
    })
    answer(request, response, body.length)
  })
  server.on('connection', (socket) => {
    every.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => every.delete(socket))
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    upgrades.push(request)
    joinOrNot(request, socket, sockets)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    upgrades,
    sockets,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of every) socket.destroy()
      }),
  }
}

const answer = (request: IncomingMessage, response: ServerResponse, received: number): void => {
  if (request.url === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
    setTimeout(() => response.end('data: 2\n\n'), 80)
    return
  }
  if (request.url?.startsWith('/redirect?to=')) {
    const to = decodeURIComponent(request.url.slice('/redirect?to='.length))
    response.writeHead(307, { location: to }).end()
    return
  }
  response.setHeader('set-cookie', ['token=1; HttpOnly', 'other=2'])
  response.setHeader('content-type', 'text/html; charset=utf-8')
  response.end(`<title>Open WebUI</title>${request.method} ${request.url} ${received}`)
}

const joinOrNot = (request: IncomingMessage, socket: Socket, joined: Socket[]): void => {
  const behaviour = (request.url?.split('/').at(-1) ?? '') as UpgradeBehaviour
  switch (behaviour) {
    case 'refuse':
      socket.end('HTTP/1.1 403 Forbidden\r\nX-Secret: inside\r\nContent-Length: 6\r\n\r\nsecret')
      return
    case 'redirect':
      socket.end('HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n')
      return
    case 'close':
      socket.destroy()
      return
    case 'half':
      socket.end('HTTP/1.1 101 Switch')
      return
    case 'silent':
      return
    default:
  }
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${behaviour === 'bare' ? '' : `Sec-WebSocket-Accept: ${accept}\r\n`}\r\n`,
  )
  joined.push(socket)
  socket.on('data', (chunk) => socket.write(chunk))
  socket.on('end', () => socket.end())
}
