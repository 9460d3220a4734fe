import type { Inflate } from '../../platform/platform.ts'
import {
  type Send,
  type UpstreamCall,
  UpstreamError,
  type UpstreamRequest,
  type UpstreamSink,
} from '../../platform/upstream.ts'

type Headers = Parameters<UpstreamSink['head']>[1]

/**
 * A transport whose answers are plain. Providers are asked for no content coding; some apply one nevertheless, and what is
 * packed can be neither counted nor searched for secrets. An answer in a coding that the host cannot undo is an error.
 */
export const unpacked =
  (send: Send, inflate: Inflate): Send =>
  (request, sink) => {
    const exchange = new Exchange(sink, inflate)
    exchange.start(send, request)
    return exchange
  }

/** Registered with IANA. Anything else in `Content-Encoding` (`utf-8`, `none`) is a mistake, and codes nothing. */
const CODING = /^(?:aes128gcm|br|compress|dcb|dcz|deflate|exi|gzip|pack200-gzip|zstd)$/

const codingsOf = (headers: Headers): string[] =>
  headers
    .filter(([name]) => name === 'content-encoding')
    .flatMap(([, value]) => value.toLowerCase().split(','))
    .map((coding) => coding.trim().replace(/^x-/, ''))
    .filter((coding) => CODING.test(coding))

const OF_CODING = new Set(['content-encoding', 'content-length'])

/** Packed bytes that wait, from which on the upstream is paused. */
const MAX_WAITING = 64 * 1024

class Exchange implements UpstreamCall, UpstreamSink {
  readonly #sink: UpstreamSink
  readonly #inflate: Inflate
  #call: UpstreamCall | undefined
  #unpacking: Unpacking | undefined
  #aborted = false

  constructor(sink: UpstreamSink, inflate: Inflate) {
    this.#sink = sink
    this.#inflate = inflate
  }

  start(send: Send, request: UpstreamRequest): void {
    const call = send(request, this)
    this.#call = call
    // The answer may have been refused before there was a call to abort.
    if (this.#aborted) call.abort()
  }

  head(status: number, headers: Headers): void {
    if (!headers.some(([name]) => name === 'content-encoding')) {
      this.#sink.head(status, headers)
      return
    }
    const [coding, ...others] = codingsOf(headers)
    if (coding === undefined) {
      this.#sink.head(
        status,
        headers.filter(([name]) => name !== 'content-encoding'),
      )
      return
    }
    const plain = headers.filter(([name]) => !OF_CODING.has(name))
    if (others.length > 0 || !this.#inflate.codings.includes(coding)) {
      this.#refuse(status, plain, [coding, ...others].join(', '))
      return
    }
    this.#unpacking = new Unpacking(coding, this.#inflate, {
      sink: this.#sink,
      upstream: {
        pause: () => this.#call?.pause(),
        resume: () => this.#call?.resume(),
        abort: () => this.#call?.abort(),
      },
    })
    this.#sink.head(status, plain)
  }

  /** The head of an error says something even without its body. */
  #refuse(status: number, headers: Headers, coding: string): void {
    if (status >= 400) this.#sink.head(status, headers)
    const error = new UpstreamError('broken', `the answer came packed as ${coding}`)
    this.#end(() => this.#sink.error(error))
    this.abort()
  }

  data(chunk: Uint8Array): void {
    if (this.#unpacking) this.#unpacking.push(chunk)
    else if (!this.#aborted) this.#sink.data(chunk)
  }

  end(): void {
    if (this.#unpacking) this.#unpacking.end()
    else this.#end(() => this.#sink.end())
  }

  error(error: UpstreamError): void {
    if (this.#unpacking) this.#unpacking.end(error)
    else this.#end(() => this.#sink.error(error))
  }

  #end(tell: () => void): void {
    if (!this.#aborted) tell()
  }

  pause(): void {
    if (this.#unpacking) this.#unpacking.pause()
    else this.#call?.pause()
  }

  resume(): void {
    if (this.#unpacking) this.#unpacking.resume()
    else this.#call?.resume()
  }

  abort(): void {
    this.#aborted = true
    this.#unpacking?.abort()
    this.#call?.abort()
  }
}

interface Ends {
  readonly sink: UpstreamSink
  readonly upstream: UpstreamCall
}

/** Unpacks one body at the pace of whom it goes to. */
class Unpacking {
  readonly #ends: Ends
  readonly #waiting: Uint8Array[] = []
  #size = 0
  #isPaused = false
  /** The upstream has said its last: all of it came, or this. */
  #last: { readonly error?: UpstreamError | undefined } | undefined
  #over = false
  /** Something came that the unpacking waits for. */
  #came = Promise.withResolvers<void>()
  /** Settles when the sink has room again; absent while it has. */
  #room: PromiseWithResolvers<void> | undefined

  constructor(coding: string, inflate: Inflate, ends: Ends) {
    this.#ends = ends
    void this.#run(coding, inflate)
  }

  push(chunk: Uint8Array): void {
    if (this.#over) return
    // A copy: the transport's buffer is its own again after this call.
    this.#waiting.push(chunk.slice())
    this.#size += chunk.byteLength
    if (this.#size > MAX_WAITING && !this.#isPaused) {
      this.#isPaused = true
      this.#ends.upstream.pause()
    }
    this.#came.resolve()
  }

  end(error?: UpstreamError): void {
    this.#last ??= { error }
    this.#came.resolve()
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
    this.#last ??= {}
    this.#waiting.length = 0
    this.#came.resolve()
    this.resume()
  }

  async #run(coding: string, inflate: Inflate): Promise<void> {
    const { sink, upstream } = this.#ends
    try {
      for await (const chunk of await this.#plain(coding, inflate)) {
        await this.#room?.promise
        if (this.#over) return
        sink.data(chunk)
      }
      this.#tell(() => sink.end())
    } catch (cause) {
      const broken = new UpstreamError('broken', `the answer is not valid ${coding}`, { cause })
      this.#tell(() => sink.error(cause instanceof UpstreamError ? cause : broken))
      upstream.abort()
    }
  }

  #tell(last: () => void): void {
    if (this.#over) return
    this.#over = true
    last()
  }

  /** Some servers name a coding that they did not apply. */
  async #plain(coding: string, inflate: Inflate): Promise<AsyncIterable<Uint8Array>> {
    const chunks = this.#chunks()
    const first: Uint8Array[] = []
    let size = 0
    while (size < ENOUGH) {
      const { value, done } = await chunks.next()
      if (done === true) break
      first.push(value)
      size += value.byteLength
    }
    const all = chain(first, chunks)
    return size === 0 || isText(first) ? all : inflate.open(coding, all)
  }

  async *#chunks(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const chunk = this.#waiting.shift()
      if (chunk) {
        this.#size -= chunk.byteLength
        if (this.#isPaused && this.#size <= MAX_WAITING) {
          this.#isPaused = false
          this.#ends.upstream.resume()
        }
        yield chunk
      } else if (this.#last) {
        if (this.#last.error) throw this.#last.error
        return
      } else {
        await this.#came.promise
        this.#came = Promise.withResolvers()
      }
    }
  }
}

/** So many bytes of anything packed hold one that is not text: 97 of 256 values to the power of 16 say otherwise. */
const ENOUGH = 16

const isText = (chunks: readonly Uint8Array[]): boolean =>
  chunks.every((chunk) =>
    chunk
      .subarray(0, ENOUGH)
      .every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d)),
  )

async function* chain(
  first: readonly Uint8Array[],
  rest: AsyncGenerator<Uint8Array, void>,
): AsyncGenerator<Uint8Array, void> {
  yield* first
  yield* rest
}
