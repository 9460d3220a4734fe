import type { Inflate } from '../platform.ts'
import { type BodyHold, unheld } from './body-memory.ts'
import { Failure } from './errors.ts'

export interface BodyLimits {
  /** Bytes, also once inflated. */
  readonly body: number
  /** ms of grace, besides the time that the slowest acceptable client needs for its bytes. */
  readonly bodyIdle: number
}

export interface ReadBodyOptions {
  readonly limits: BodyLimits
  /** Where the bytes are counted; default: nowhere. */
  readonly hold?: BodyHold
  /** Undoes a `Content-Encoding`; absent: none is accepted. */
  readonly inflate?: Inflate | undefined
}

/** Slower than a 1990s modem is an attack, not a client (slowhttptest -B). */
const SLOWEST_BYTES_PER_MS = 4

/** Up to this size the body is read in one go: nothing of it is copied or counted on the way. */
const IN_ONE_GO = 256 * 1024

/**
 * Reads a request body whole, never more of it than the limit. A declared length is judged before a byte is read,
 * an undeclared one while it is counted; a coded body is inflated within the same limit.
 * @throws Failure 413, 415 (an unknown coding), 408 (too slow), 400 (the client broke off), 429 or 503 (no room)
 */
export const readBody = async (
  request: Request,
  { limits, hold = unheld, inflate }: ReadBodyOptions,
): Promise<Uint8Array> => {
  const declared = request.headers.get('content-length')
  if (declared !== null && Number(declared) > limits.body) throw tooLarge(limits)
  const coding = codingOf(request.headers.get('content-encoding'), inflate)
  const size = declared === null ? limits.body : Number(declared)
  const slowest = limits.bodyIdle + size / SLOWEST_BYTES_PER_MS
  if (declared !== null) hold.grow(size)
  if (coding === undefined && declared !== null && size <= IN_ONE_GO) {
    const whole = request.arrayBuffer().then((bytes) => new Uint8Array(bytes))
    return within(whole, slowest)
  }
  const watch = new Silence(limits.bodyIdle)
  const chunks = watched(request.body ?? [], watch)
  const sink = coding === undefined && declared !== null ? filled(size) : counted(limits, hold)
  const reading =
    coding === undefined ? collect(chunks, sink) : inflated(bounded(chunks, limits), coding, sink)
  return within(Promise.race([reading, watch.broken]), slowest).finally(() => watch.stop())
}

type Chunks = AsyncIterable<Uint8Array> | readonly Uint8Array[]

/** Notices when nothing has come for `ms`, and at the latest after twice as long. */
class Silence {
  /** Rejects then, and never resolves. */
  readonly broken: Promise<never>
  readonly #timer: ReturnType<typeof setInterval>
  #moved = true

  constructor(ms: number) {
    const { promise, reject } = Promise.withResolvers<never>()
    this.broken = promise
    this.#timer = setInterval(() => {
      if (!this.#moved) reject(tooSlow())
      this.#moved = false
    }, ms)
  }

  moved(): void {
    this.#moved = true
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

const watched = async function* (chunks: Chunks, watch: Silence) {
  for await (const chunk of chunks) {
    watch.moved()
    yield chunk
  }
}

interface Sink {
  add(chunk: Uint8Array): void
  bytes(): Uint8Array
}

const collect = async (chunks: Chunks, sink: Sink): Promise<Uint8Array> => {
  for await (const chunk of chunks) sink.add(chunk)
  return sink.bytes()
}

/** A body of known length has its place from the beginning: chunks kept until the end would take as much again. */
const filled = (size: number): Sink => {
  const bytes = new Uint8Array(size)
  let at = 0
  return {
    add: (chunk) => {
      bytes.set(chunk, at)
      at += chunk.byteLength
    },
    bytes: () => {
      if (at < size) throw endedEarly()
      return bytes
    },
  }
}

const counted = (limits: BodyLimits, hold: BodyHold): Sink => {
  const chunks: Uint8Array[] = []
  let size = 0
  return {
    add: (chunk) => {
      size += chunk.byteLength
      if (size > limits.body) throw tooLarge(limits)
      hold.grow(chunk.byteLength)
      chunks.push(chunk)
    },
    bytes: () => concat(chunks, size),
  }
}

/** The bytes as they came must fit as well: most of them could inflate to nothing. */
const bounded = async function* (chunks: Chunks, limits: BodyLimits) {
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.byteLength
    if (size > limits.body) throw tooLarge(limits)
    yield chunk
  }
}

interface Coding {
  readonly name: string
  readonly inflate: Inflate
}

const inflated = async (
  chunks: AsyncIterable<Uint8Array>,
  { name, inflate }: Coding,
  sink: Sink,
): Promise<Uint8Array> => {
  try {
    return await collect(inflate.open(name, chunks), sink)
  } catch (error) {
    if (error instanceof Failure) throw error
    const message = `The request body is not valid ${name}.`
    throw new Failure('invalid_request', message, { close: true, reason: String(error) })
  }
}

/** One coding, as clients send it; of a list nothing here is known to make sense. */
const codingOf = (header: string | null, inflate: Inflate | undefined): Coding | undefined => {
  const name = header?.trim().toLowerCase().replace(/^x-/, '') ?? ''
  if (name === '' || name === 'identity') return undefined
  if (inflate?.codings.includes(name)) return { name, inflate }
  const known = inflate?.codings ?? []
  const message =
    known.length > 0
      ? `This Content-Encoding is not accepted. Send the body plain, or as ${known.join(', ')}.`
      : 'A Content-Encoding is not accepted here. Send the body plain.'
  throw new Failure('unsupported_media_type', message, {
    // RFC 9110 §15.5.16: which codings would do.
    headers: { 'accept-encoding': known.length > 0 ? known.join(', ') : 'identity' },
  })
}

const within = (reading: Promise<Uint8Array>, ms: number): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(tooSlow()), ms)
    const read = (bytes: Uint8Array): void => {
      clearTimeout(timer)
      resolve(bytes)
    }
    const broken = (error: unknown): void => {
      clearTimeout(timer)
      reject(error instanceof Failure ? error : endedEarly())
    }
    reading.then(read, broken)
  })

const endedEarly = (): Failure =>
  new Failure('invalid_request', 'The request body ended early.', { close: true })

/** Not closed at once: a client still sending would see a reset instead of the answer. The host drains, then closes. */
const tooLarge = ({ body }: BodyLimits): Failure =>
  new Failure('request_too_large', `The request body is larger than ${body} bytes.`)

const tooSlow = (): Failure =>
  new Failure('request_timeout', 'The request body came too slowly.', { close: true })

export const concat = (chunks: readonly Uint8Array[], size: number): Uint8Array => {
  const [only] = chunks
  if (only && chunks.length === 1) return only
  const whole = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.byteLength
  }
  return whole
}
