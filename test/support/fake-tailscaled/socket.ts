import { once } from 'node:events'
import { chmod, rename, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Reply } from './local-api.ts'

/**
 * What may go wrong between a program and its tailscaled.
 * - `hang`: takes the request and never answers
 * - `refuse`: the socket is there, nobody listens (ECONNREFUSED)
 * - `vanish`: no socket (ENOENT)
 * - `cut`: ends the connection in the middle of an answer
 * - `huge`: 50 MB of well-formed JSON
 * - `garbage`: 200, and not JSON
 * - `fail`: 500
 * - an object: any answer at all
 */
export type Fault =
  | 'hang'
  | 'refuse'
  | 'vanish'
  | 'cut'
  | 'huge'
  | 'garbage'
  | 'fail'
  | { readonly status?: number; readonly body: string }

type Answer = (request: IncomingMessage, body: string) => Reply

/** A unix socket that can be in a bad way. */
export interface Socket {
  fault(fault: Fault | undefined): Promise<void>
  /** Gone, and there again under another inode; what was asked meanwhile is broken off. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** Listens at `path`, open to every user as tailscaled's is. */
export const listenAt = async (path: string, answer: Answer): Promise<Socket> => {
  let mode: Fault | undefined
  let server: Server | undefined
  const open = async () => {
    await rm(path, { force: true }) // a daemon that starts takes the place of one that was killed
    server = createServer({ requireHostHeader: false, keepAliveTimeout: 0 })
    server.on('request', (request, response) => {
      handle(request, response, mode, answer).catch(() => response.destroy()) // left in the middle
    })
    server.listen(path)
    await once(server, 'listening')
    await chmod(path, 0o666)
  }
  const close = async () => {
    if (server === undefined) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    server = undefined
    await closed
  }
  await open()
  return {
    close,
    restart: async () => {
      await close()
      await open()
    },
    fault: async (next) => {
      const down = next === 'refuse' || next === 'vanish'
      mode = next
      if (!down && server === undefined) await open()
      if (next === 'vanish') await close()
      if (next === 'refuse') await leaveBehind(path, close)
    },
  }
}

/** Node removes the socket's file as it closes; a daemon that was killed leaves it. */
const leaveBehind = async (path: string, close: () => Promise<void>) => {
  await rename(path, `${path}.left`)
  await close()
  await rename(`${path}.left`, path)
}

const handle = async (
  request: IncomingMessage,
  response: ServerResponse,
  mode: Fault | undefined,
  answer: Answer,
) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const reply = answer(request, Buffer.concat(chunks).toString())
  response.removeHeader('connection') // Go does not say that it keeps it
  if (mode === undefined) return send(response, reply, request.method)
  misbehave(response, mode, reply)
}

const send = (response: ServerResponse, { status, headers, body }: Reply, method = 'GET') => {
  const length = Buffer.byteLength(body)
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  if (method !== 'HEAD' && length <= 2048) response.setHeader('Content-Length', length)
  response.writeHead(status)
  response.end(body)
}

const misbehave = (response: ServerResponse, mode: Fault, reply: Reply) => {
  if (typeof mode === 'object') return send(response, { ...reply, status: 200, ...mode })
  switch (mode) {
    case 'cut':
      response.setHeader('Content-Length', '5000')
      response.write('{"Node":{"Name":"', () => response.destroy())
      return
    case 'huge':
      return flood(response)
    case 'garbage':
      return send(response, { ...reply, status: 200, body: '<html>not what you asked' })
    case 'fail':
      return send(response, { ...reply, status: 500, body: 'internal error\n' })
    default: // hangs; with the others nobody listens
  }
}

const chunk = 'x'.repeat(1 << 16)

const flood = (response: ServerResponse) => {
  response.setHeader('Content-Type', 'application/json')
  response.write('{"padding":"')
  let left = Math.ceil(50_000_000 / chunk.length)
  const more = () => {
    while (left > 0 && !response.destroyed) {
      left--
      if (!response.write(chunk)) return
    }
    response.off('drain', more).end('"}')
  }
  response.on('drain', more)
  more()
}
