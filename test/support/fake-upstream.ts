import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { behaviours } from './fake-behaviours.ts'

export * from './fake-behaviours.ts'

/** A request as the upstream got it, after its body arrived in full. */
export interface RecordedRequest {
  readonly method: string
  /** Path and query, undecoded. */
  readonly path: string
  /** name, value, name, value, … as on the wire. */
  readonly rawHeaders: readonly string[]
  readonly headers: IncomingMessage['headers']
  readonly body: string
  /** Remote port of the connection: equal ports mean a reused socket. */
  readonly port: number
}

export interface Exchange {
  readonly request: RecordedRequest
  /** The parsed body, or `{}` when it is not a JSON object. */
  readonly json: Readonly<Record<string, unknown>>
  readonly response: ServerResponse
  readonly upstream: FakeUpstream
}

/** Answers one request. What it throws becomes a closed socket. */
export type Behaviour = (exchange: Exchange) => void | Promise<void>

export interface Script {
  /** What `GET /v1/models` lists; default `['fake-model']`. */
  readonly models?: readonly string[]
  /** By the body's `model`; beside the built-in names of `behaviours`. */
  readonly byModel?: Readonly<Record<string, Behaviour>>
  /** Asked first for every request; says `false` to leave it to the rest. */
  readonly handler?: (exchange: Exchange) => boolean | undefined | Promise<boolean | undefined>
}

export interface FakeUpstream {
  /** `http://127.0.0.1:port` */
  readonly url: string
  readonly port: number
  readonly models: readonly string[]
  readonly requests: RecordedRequest[]
  /** How many responses had their socket closed before their end, and by when (`performance.now()`). */
  readonly closes: number
  readonly closedAt: readonly number[]
  /** Bytes of answers that the socket took, for backpressure tests. */
  sent: number
  /** Resolves once `closes` has reached `count`. */
  closed(count?: number): Promise<void>
  /** Resolves once `requests` holds `count` entries. */
  received(count?: number): Promise<void>
  stop(): Promise<void>
}

/** A scripted model server on a free loopback port. Never checks credentials: tests look at what it recorded. */
export async function startUpstream(
  script: Script | NonNullable<Script['handler']> = {},
  host = '127.0.0.1',
): Promise<FakeUpstream> {
  const {
    models = ['fake-model'],
    byModel = {},
    handler,
  }: Script = typeof script === 'function' ? { handler: script } : script
  const requests: RecordedRequest[] = []
  const closedAt: number[] = []
  const sockets = new Set<Socket>()
  const waiters = new Set<() => void>()
  const wake = () => {
    for (const look of waiters) look()
  }
  const until = (met: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!met()) return
        waiters.delete(look)
        resolve()
      }
      waiters.add(look)
      look()
    })

  const server = createServer((incoming, response) => {
    response.on('close', () => {
      if (response.writableFinished) return
      closedAt.push(performance.now())
      wake()
    })
    answer(incoming, response).catch(() => incoming.socket.destroy())
  })
  server.keepAliveTimeout = 60_000
  server.on('connection', (socket: Socket) => {
    socket.setNoDelay(true)
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
  })

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await record(incoming)
    requests.push(request)
    wake()
    const exchange = { request, json: parse(request.body), response, upstream }
    if (handler && (await handler(exchange)) !== false) return
    const model = String(exchange.json.model)
    const behaviour = byModel[model] ?? behaviours[model] ?? behaviours.default!
    await behaviour(exchange)
  }

  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  const upstream: FakeUpstream = {
    url: `http://127.0.0.1:${port}`,
    port,
    models,
    requests,
    closedAt,
    sent: 0,
    get closes() {
      return closedAt.length
    },
    closed: (count = 1) => until(() => closedAt.length >= count),
    received: (count = 1) => until(() => requests.length >= count),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
  return upstream
}

async function record(incoming: IncomingMessage): Promise<RecordedRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    rawHeaders: incoming.rawHeaders,
    headers: incoming.headers,
    body: Buffer.concat(chunks).toString(),
    port: incoming.socket.remotePort ?? 0,
  }
}

function parse(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
