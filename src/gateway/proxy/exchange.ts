import { concat } from '../../platform/bytes.ts'
import { Failure } from '../../platform/failure.ts'
import type { Clock } from '../../platform/platform.ts'
import type {
  HeaderList,
  Send,
  UpstreamCall,
  UpstreamError,
  UpstreamRequest,
  UpstreamSink,
} from '../../platform/upstream.ts'
import type { ClientDisconnect } from '../http/disconnect.ts'
import type { AnswerOutcome, BodyWatch } from '../http/env.ts'

export interface ExchangeLimits {
  /** ms until the upstream's head. */
  readonly firstByte: number
  /** ms of silence between two pieces of the body. */
  readonly idle: number
  /** ms the client may leave the answer unread. */
  readonly writeStall: number
}

export interface ExchangeOptions {
  readonly send: Send
  readonly clock: Clock
  readonly request: UpstreamRequest
  readonly limits: ExchangeLimits
  readonly disconnect: ClientDisconnect
  /**
   * Judges the head: the watch for the body, or null to have all of it before anything is answered, as errors are.
   * Throws a `Failure` to answer instead.
   */
  accept(status: number, headers: HeaderList): BodyWatch | null
  /** Bytes that tell the client of a failure in the middle of the body, or null when nothing can. */
  errorFrame(failure: Failure): Uint8Array | null
  /** See `Bindings.truncate`. */
  readonly truncate: (() => void) | undefined
  /** Exchanges under way, for a host that shuts down: `stop` ends one as an upstream's failure would. */
  readonly activeExchanges: Set<Stoppable>
}

export interface Stoppable {
  stop(): void
}

export interface Answer {
  readonly status: number
  readonly headers: HeaderList
  /** In one piece where all of it came at once. */
  readonly body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>
  /** There was more of it. */
  readonly isCut?: boolean
}

/** Longer than an error; Pydantic's repeat the request that they are about. */
const MAX_ERROR = 1024 * 1024
/** ms of silence in the body of an error. */
const ERROR_IDLE = 10_000

/** The client left before there was an answer. Nobody will read one; the log calls it 499. */
export class ClientGone extends Error {
  constructor() {
    super('the client went away')
    this.name = 'ClientGone'
  }
}

/** Bytes held for a slow client before the upstream is paused. */
const highWater = 16 * 1024

/**
 * Sends one request upstream and resolves at the head of its answer. The body is one hand-made stream fed by the
 * transport's callbacks: no tee, no TransformStream (half the cost per frame, and backpressure that reaches the
 * upstream; docs/decisions/001).
 * Rejects with UpstreamError, Failure (`upstream_timeout`, or what `accept` threw) or ClientGone.
 */
export const exchange = (options: ExchangeOptions): Promise<Answer> =>
  new Promise((resolve, reject) => new Exchange(options, resolve, reject).start())

type Head = Pick<Answer, 'status' | 'headers'>

class Exchange implements UpstreamSink, Stoppable {
  readonly #options: ExchangeOptions
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (error: Error) => void
  #call: UpstreamCall | undefined
  /** Looks no longer whether the client leaves. */
  #unwatch: (() => void) | undefined
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #watch: BodyWatch | undefined
  /** The head of an answer that must have a body, or whose first bytes decide what it is, until the body begins. */
  #pendingHead: Head | undefined
  /** Its first bytes, until it is known whether there are more. */
  #firstChunk: Uint8Array | undefined
  #isBeginning = false
  /** The head of an error, and what came of its body. */
  #error: Head | undefined
  readonly #errorBody: Uint8Array[] = []
  #errorSize = 0
  #answered = false
  #timer: ReturnType<typeof setTimeout> | undefined
  /** `clock.elapsed()` at which the timer fires. */
  #due = 0
  /** `clock.elapsed()` of the last sign of life: the start, the head, a chunk, a read by the client. */
  #alive = 0
  #paused = false
  /** `desiredSize` of the queue when it was last looked at: it grows as the client reads. */
  #room = 0
  #over = false
  #cut = false

  constructor(
    options: ExchangeOptions,
    resolve: (answer: Answer) => void,
    reject: (error: Error) => void,
  ) {
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
  }

  start(): void {
    const { send, request, disconnect, limits } = this.#options
    if (disconnect.aborted) {
      this.#over = true
      this.#reject(new ClientGone())
      return
    }
    this.#unwatch = disconnect.onAbort(this.#leave)
    this.#options.activeExchanges.add(this)
    this.#touch()
    this.#arm(limits.firstByte)
    const call = send(request, this)
    this.#call = call
    // The sink may have been called, and the exchange been over, before there was a call to abort.
    if (this.#over) call.abort()
  }

  head(status: number, headers: HeaderList): void {
    if (this.#over) return
    let watch: BodyWatch | null
    try {
      watch = this.#options.accept(status, headers)
    } catch (error) {
      this.#refuse(error as Error)
      return
    }
    this.#touch()
    if (watch === null) {
      this.#error = { status, headers }
      this.#tighten()
      return
    }
    this.#watch = watch
    if (watch.required || watch.reading?.agreed === false) this.#pendingHead = { status, headers }
    else this.#answer({ status, headers, body: this.#body() })
  }

  #refuse(error: Error): void {
    this.#finish()
    this.#call?.abort()
    this.#reject(error)
  }

  #answer(answer: Answer): void {
    this.#pendingHead = undefined
    this.#firstChunk = undefined
    this.#answered = true
    this.#tighten()
    this.#resolve(answer)
  }

  data(chunk: Uint8Array): void {
    if (this.#over) return
    // What was under way when the upstream was paused is not a sign that the client reads.
    if (!this.#paused) this.#touch()
    if (this.#error) this.#collect(chunk)
    else if (this.#pendingHead && !this.#isBeginning) this.#decide(chunk)
    else {
      this.#startStreaming()
      this.#enqueue(this.#watch?.push(chunk))
      this.#pauseIfFull()
    }
  }

  #collect(chunk: Uint8Array): void {
    this.#errorBody.push(chunk)
    this.#errorSize += chunk.byteLength
    if (this.#errorSize > MAX_ERROR) this.#answerError(true)
  }

  #answerError(isCut: boolean): void {
    const head = this.#error
    if (!head) return
    this.#finish()
    if (isCut) this.#call?.abort()
    const body = concat(this.#errorBody, this.#errorSize) as Uint8Array<ArrayBuffer>
    this.#answer({ ...head, body, isCut })
  }

  /** The first bytes of an answer whose head waits for them. */
  #decide(chunk: Uint8Array): void {
    let bytes: Uint8Array | null
    try {
      bytes = this.#watch?.push(chunk) ?? null
    } catch (error) {
      this.#refuse(error as Error)
      return
    }
    this.#firstChunk = joined(this.#firstChunk ?? empty, bytes ?? empty)
    const reading = this.#watch?.reading
    if (reading && !reading.agreed && reading.kind === undefined) return
    this.#isBeginning = true
    queueMicrotask(this.#startStreaming)
  }

  /**
   * More is to come than what came at once. A short answer is at its end by now, as the transport tells of all that one
   * packet brought before any promise goes on; it needs no stream, which would cost as much as the rest of a request.
   */
  readonly #startStreaming = (): void => {
    const held = this.#pendingHead
    if (!held || this.#over) return
    const first = this.#firstChunk
    this.#answer({ ...held, body: this.#body() })
    this.#enqueue(first)
    this.#pauseIfFull()
  }

  #pauseIfFull(): void {
    const room = this.#controller?.desiredSize ?? 0
    if (room > 0) return
    this.#room = room
    if (this.#paused) return
    this.#paused = true
    this.#call?.pause()
    this.#tighten()
  }

  end(): void {
    if (this.#over) return
    if (this.#error) {
      this.#answerError(false)
      return
    }
    const held = this.#pendingHead
    if (held && this.#firstChunk === undefined && this.#watch?.required) {
      this.#fail(new Failure('upstream_error', 'The model server answered with nothing.'))
      return
    }
    const last = this.#watch?.flush() ?? empty
    const { reading } = this.#watch ?? {}
    if (reading?.broken && !reading.complete) {
      this.#fail(new Failure('upstream_error', 'The model server broke off its answer.'))
      return
    }
    this.#finish('ok')
    if (held) {
      this.#answer({ ...held, body: joined(this.#firstChunk ?? empty, last) })
      return
    }
    this.#enqueue(last)
    this.#controller?.close()
  }

  error(error: UpstreamError): void {
    if (this.#over) return
    if (this.#error) this.#answerError(true)
    else if (!this.#answered) {
      this.#finish()
      this.#reject(error)
    } else this.#fail(new Failure('upstream_error', 'The model server broke off its answer.'))
  }

  stop(): void {
    this.#fail(new Failure('not_ready', 'The gateway is shutting down. Try again shortly.'))
  }

  #body(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#pull(),
        cancel: () => this.#leave(),
      },
      { highWaterMark: highWater, size: (chunk) => chunk.byteLength },
    )
  }

  /** The client took something. */
  #pull(): void {
    this.#touch()
    if (this.#cut) this.#cutSoon()
    if (!this.#paused) return
    this.#paused = false
    this.#call?.resume()
    this.#tighten()
  }

  readonly #leave = (): void => {
    if (this.#over) {
      this.#cut = false
      clearTimeout(this.#timer)
      return
    }
    // Many clients hang up after the last event instead of waiting for the end of the body.
    const isServed = this.#watch?.reading?.complete === true && !this.#paused
    this.#finish(isServed ? 'ok' : 'client_gone')
    this.#call?.abort()
    if (!this.#answered) this.#reject(new ClientGone())
  }

  /** Ends a body that has begun, in such a way that nobody takes it for complete. */
  #break(failure: Failure): void {
    const rest = this.#watch?.flush()
    // Half an event is worth nothing, and would spoil the one that tells of the failure.
    this.#enqueue(this.#options.errorFrame(failure) ?? rest)
    this.#finish(failure.code === 'upstream_error' ? 'upstream_error' : 'cut', failure.code)
    this.#call?.abort()
    this.#cut = true
    this.#cutSoon()
    this.#timer = setTimeout(() => this.#truncate(), this.#options.limits.writeStall)
  }

  /** What is queued must reach the client first: failing a stream throws its queue away. */
  #cutSoon(): void {
    setTimeout(() => {
      if (this.#controller?.desiredSize === highWater) this.#truncate()
    })
  }

  #truncate(): void {
    if (!this.#cut) return
    this.#cut = false
    clearTimeout(this.#timer)
    const { truncate } = this.#options
    if (truncate) truncate()
    else this.#controller?.error(new Error('the upstream broke off'))
  }

  #enqueue(bytes: Uint8Array | null | undefined): void {
    if (bytes && bytes.byteLength > 0) this.#controller?.enqueue(bytes)
  }

  /** An answer that reports an error is one, whatever its status and however it ends. */
  #finish(outcome?: AnswerOutcome, code?: string): void {
    this.#over = true
    clearTimeout(this.#timer)
    this.#unwatch?.()
    this.#options.activeExchanges.delete(this)
    const reported = this.#watch?.reading?.errorCode
    if (outcome && reported !== undefined) this.#watch?.done('upstream_error', reported)
    else if (outcome) this.#watch?.done(outcome, code)
  }

  #touch(): void {
    this.#alive = this.#options.clock.elapsed()
  }

  /** One timer per exchange, re-armed when it fires early: setting it anew for each frame would cost more. */
  #arm(ms: number): void {
    const wait = Math.max(1, Math.min(ms, maxTimer))
    this.#due = this.#options.clock.elapsed() + wait
    this.#timer = setTimeout(() => this.#check(), wait)
  }

  /** Another limit holds from now on. Only one that ends before the timer fires needs a new timer. */
  #tighten(): void {
    const due = this.#alive + this.#wait()
    if (this.#over || due >= this.#due) return
    clearTimeout(this.#timer)
    this.#arm(due - this.#options.clock.elapsed())
  }

  #check(): void {
    this.#noticeReading()
    const left = this.#alive + this.#limit() - this.#options.clock.elapsed()
    if (left > 0) {
      this.#arm(Math.min(left, this.#wait()))
      return
    }
    if (this.#paused) {
      this.#finish('cut', 'write_stall')
      this.#call?.abort()
      this.#options.truncate?.()
      return
    }
    this.#fail(new Failure('upstream_timeout', 'The model server did not answer in time.'))
  }

  #fail(failure: Failure): void {
    if (this.#over) return
    if (this.#error) this.#answerError(true)
    else if (!this.#answered) this.#refuse(failure)
    else if (this.#watch?.reading?.complete) {
      // Nothing is missing: the last event has passed, and only the end of the body has not come.
      this.end()
      this.#call?.abort()
    } else this.#break(failure)
  }

  /** A stream asks for more only once its queue has room again, and a slow client may take a while to get there. */
  #noticeReading(): void {
    const room = this.#controller?.desiredSize ?? 0
    if (!this.#paused || room <= this.#room) return
    this.#room = room
    this.#touch()
  }

  /** How long the timer may run: a client that reads slowly is looked at more often than its limit ends. */
  #wait(): number {
    return this.#paused ? this.#limit() / 8 : this.#limit()
  }

  #limit(): number {
    const { firstByte, idle, writeStall } = this.#options.limits
    if (this.#error) return Math.min(idle, ERROR_IDLE)
    if (!this.#answered) return firstByte
    return this.#paused ? writeStall : idle
  }
}

const empty = new Uint8Array(0)

const joined = (first: Uint8Array, last: Uint8Array): Uint8Array<ArrayBuffer> =>
  concat(
    [first, last].filter(({ length }) => length > 0),
    first.length + last.length,
  ) as Uint8Array<ArrayBuffer>

/** setTimeout fires at once for anything longer (2^31-1 ms). */
const maxTimer = 2_147_483_647
