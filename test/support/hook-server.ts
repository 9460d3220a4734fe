import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface HookRequest {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** As it came, for signatures. */
  readonly text: string
  readonly json: HookPayload
}

export interface HookPayload {
  readonly metadata: Readonly<Record<string, unknown>>
  readonly [field: string]: unknown
}

export type HookReply = (response: ServerResponse, request: HookRequest) => void

export interface HookServer {
  readonly url: string
  readonly requests: HookRequest[]
  /** How it answers from now on, by path; default `{"action":"allow"}`. */
  reply(path: string, reply: HookReply): void
  /** Requests to a path, once there are so many of them. */
  received(path: string, count?: number): Promise<readonly HookRequest[]>
  reset(): void
  stop(): Promise<void>
}

export const say =
  (json: unknown, status = 200): HookReply =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(json))
  }

/** A hook on a free loopback port that remembers what it was told. */
export async function startHookServer(): Promise<HookServer> {
  const requests: HookRequest[] = []
  const replies = new Map<string, HookReply>()
  const waiters = new Set<() => void>()
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    const request = {
      path: incoming.url ?? '',
      headers: incoming.headers,
      text,
      json: JSON.parse(text) as HookPayload,
    }
    requests.push(request)
    for (const look of waiters) look()
    const reply = replies.get(request.path.split('?', 1)[0] ?? '') ?? say({ action: 'allow' })
    reply(response, request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const to = (path: string) => requests.filter((request) => request.path === path)
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    reply: (path, reply) => void replies.set(path, reply),
    received: (path, count = 1) =>
      new Promise((resolve) => {
        const look = () => {
          if (to(path).length < count) return
          waiters.delete(look)
          resolve(to(path))
        }
        waiters.add(look)
        look()
      }),
    reset: () => {
      requests.length = 0
      replies.clear()
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
