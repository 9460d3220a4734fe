import {
  type Send,
  type UpstreamCall,
  UpstreamError,
  type UpstreamRequest,
  type UpstreamSink,
} from '../../platform/upstream.ts'

/** The transport on `fetch`. */
export const send: Send = (request, sink) => {
  const exchange = new Exchange(sink)
  void exchange.run(request)
  return exchange
}

/** `fetch` takes a stream for one of unknown length, so pieces go as a blob. */
const toInit = async (body: UpstreamRequest['body']): Promise<BodyInit | null> => {
  if (body === null || !('size' in body)) return body as BodyInit | null
  const pieces: Uint8Array<ArrayBuffer>[] = []
  for await (const piece of body) pieces.push(piece as Uint8Array<ArrayBuffer>)
  return new Blob(pieces)
}

/** One exchange: a reader that is asked for the next chunk only while the sink has room. */
class Exchange implements UpstreamCall {
  readonly #sink: UpstreamSink
  readonly #abort = new AbortController()
  #over = false
  /** Settles when the sink has room again; absent while it has. */
  #room: PromiseWithResolvers<void> | undefined

  constructor(sink: UpstreamSink) {
    this.#sink = sink
  }

  pause(): void {
    this.#room ??= Promise.withResolvers()
  }

  resume(): void {
    this.#room?.resolve()
    this.#room = undefined
  }

  abort(): void {
    this.#over = true
    this.#abort.abort()
    this.resume()
  }

  async run(request: UpstreamRequest): Promise<void> {
    try {
      const response = await fetch(request.origin + request.path, await this.#init(request))
      this.#head(response)
      if (response.body) await this.#body(response.body)
      this.#end(() => this.#sink.end())
    } catch (cause) {
      this.#end(() => this.#sink.error(toUpstreamError(cause)))
    }
  }

  async #init({ method, headers, body }: UpstreamRequest): Promise<RequestInit> {
    return {
      method,
      headers: headers.filter(([name]) => !setByRuntime.has(name)) as [string, string][],
      body: await toInit(body),
      redirect: 'manual',
      signal: this.#abort.signal,
    }
  }

  #head({ status, headers }: Response): void {
    if (this.#over) return
    const failure = edgeFailures.get(status)
    if (failure) {
      this.#abort.abort()
      throw new UpstreamError(failure, `Cloudflare could not reach the provider: ${status}`)
    }
    this.#sink.head(status, headersOf(headers))
  }

  async #body(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader()
    while (!this.#over) {
      const { value, done } = await reader.read()
      if (done || this.#over) return
      this.#sink.data(value)
      await this.#room?.promise
    }
  }

  #end(tell: () => void): void {
    if (this.#over) return
    this.#over = true
    tell()
  }
}

/** The runtime takes these from the URL and the body. */
const setByRuntime = new Set(['host', 'content-length', 'connection'])

/**
 * What Cloudflare answers in place of a provider that it cannot reach. Its page names the provider's host, so it must
 * not reach the client. `connect` where not a byte of the request went out: another provider may be asked.
 */
const edgeFailures: ReadonlyMap<number, UpstreamError['kind']> = new Map([
  [520, 'broken'],
  [521, 'connect'],
  [522, 'broken'],
  [523, 'connect'],
  [524, 'broken'],
  [525, 'connect'],
  [526, 'connect'],
  [527, 'broken'],
  [530, 'connect'],
])

/** The runtime inflates these by itself when a body is read, and leaves the headers as they were. */
const inflated = new Set(['gzip', 'br'])

const headersOf = (headers: Headers): [string, string][] => {
  const pairs = [...headers] as [string, string][]
  const encoding = headers.get('content-encoding')?.toLowerCase()
  if (encoding === undefined || !inflated.has(encoding)) return pairs
  return pairs.filter(([name]) => name !== 'content-encoding' && name !== 'content-length')
}

/** `fetch` fails alike before and after the request went out, so none of its failures allows asking someone else. */
const toUpstreamError = (cause: unknown): UpstreamError => {
  if (cause instanceof UpstreamError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return new UpstreamError('broken', message, { cause })
}
