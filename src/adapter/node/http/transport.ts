import { type Dispatcher, errors, Pool } from 'undici'
import {
  type Send,
  type UpstreamCall,
  UpstreamError,
  type UpstreamRequest,
  type UpstreamSink,
} from '../../../platform/upstream.ts'

export interface Transport {
  readonly send: Send
  /** Drops every connection; exchanges still running end in an error. */
  close(): Promise<void>
}

/**
 * Pools stay for good: origins come from the configuration, so there are few of them. What undici does by default and we
 * do not want: time limits on a slow model's headers and body. What it never does by itself: redirects, decompression,
 * proxies from the environment.
 */
const poolOptions: Pool.Options = {
  headersTimeout: 0,
  bodyTimeout: 0,
  pipelining: 1,
  // One connection per running exchange; how many may run is decided before the transport.
  connections: null,
  // Below the 5 s after which uvicorn and Node's own servers close an idle connection, so that a request seldom meets
  // a connection that is just being closed.
  keepAliveTimeout: 4_000,
  connect: { timeout: 10_000 },
  // Over HTTP/2 an abort and a pause mean something else, and no local model server speaks it.
  allowH2: false,
}

/** The transport on undici: one pool per origin, callbacks straight to the sink. */
export function createTransport(): Transport {
  const pools = new Map<string, Pool>()
  const poolOf = (origin: string): Pool => {
    let pool = pools.get(origin)
    if (!pool) {
      pool = new Pool(origin, poolOptions)
      pools.set(origin, pool)
    }
    return pool
  }
  return {
    send: (request, sink) => {
      const exchange = new Exchange(sink, repeatable(request) ? () => dispatch() : undefined)
      const dispatch = () => {
        try {
          poolOf(request.origin).dispatch(toDispatch(request), exchange)
        } catch (error) {
          // undici checks origin, path and header syntax before anything is sent.
          exchange.onResponseError(undefined, error)
        }
      }
      dispatch()
      return exchange
    },
    close: async () => {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()))
      pools.clear()
    },
  }
}

function toDispatch({ path, method, headers, body }: UpstreamRequest): Dispatcher.DispatchOptions {
  // A list of pairs would be read as a flat list, an iterable of pairs costs a generator.
  const list = headers.flat()
  if (body !== null && 'size' in body) list.push('content-length', String(body.size))
  return {
    path,
    method,
    headers: list,
    // undici sends an async iterable at the pace of the socket. Its types do not say so.
    body: body as Uint8Array | null,
  }
}

/**
 * May this be sent again when the connection closed before a byte of the answer? It may have been an idle one, closed
 * by the other side just as we wrote. Never a POST: the model may be at work on it (RFC 9110 9.2.2).
 */
const repeatable = ({ method, body }: UpstreamRequest): boolean =>
  body === null && (method === 'GET' || method === 'HEAD')

/** One exchange: undici's handler on one side, the call handle on the other. After an abort undici only calls `onResponseError`. */
class Exchange implements UpstreamCall, Dispatcher.DispatchHandler {
  readonly #sink: UpstreamSink
  #controller: Dispatcher.DispatchController | undefined
  #paused: boolean = false
  #over: boolean = false
  /** Sends the request once more; gone when that was done, or is no longer allowed. */
  #again: (() => void) | undefined

  constructor(sink: UpstreamSink, again: (() => void) | undefined) {
    this.#sink = sink
    this.#again = again
  }

  pause(): void {
    this.#paused = true
    this.#controller?.pause()
  }

  resume(): void {
    this.#paused = false
    this.#controller?.resume()
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#controller?.abort(new errors.RequestAbortedError())
  }

  /** Called when a connection is there, just before the first byte is written. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#over) controller.abort(new errors.RequestAbortedError())
    else if (this.#paused) controller.pause()
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    // 1xx: the answer itself is still to come.
    if (status < 200) return
    this.#again = undefined
    this.#sink.head(status, headerPairs(controller.rawHeaders as Buffer[]))
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#sink.data(chunk)
  }

  onResponseEnd(): void {
    this.#over = true
    this.#sink.end()
  }

  onResponseError(_controller: unknown, cause: unknown): void {
    if (this.#over) return
    const again = this.#again
    if (again && this.#controller && isLostConnection(cause)) {
      this.#again = undefined
      this.#controller = undefined
      again()
      return
    }
    this.#over = true
    const message = cause instanceof Error ? cause.message : String(cause)
    this.#sink.error(new UpstreamError(this.#controller ? 'broken' : 'connect', message, { cause }))
  }
}

const isLostConnection = (error: unknown): boolean =>
  error instanceof errors.SocketError ||
  (error instanceof Error && 'code' in error && lostCodes.has(error.code))

const lostCodes: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE'])

function headerPairs(raw: readonly Buffer[]): [name: string, value: string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    pairs.push([raw[i]!.toString('latin1').toLowerCase(), raw[i + 1]!.toString('latin1')])
  }
  return pairs
}
