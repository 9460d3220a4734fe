import { concat } from '../../platform/bytes.ts'
import { Failure } from '../../platform/failure.ts'
import type { Inflate } from '../../platform/platform.ts'
import { type BodyHold, unheld } from './body-memory.ts'

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
  // What comes packed passes through, and only what it comes to is kept.
  if (declared !== null && coding === undefined) hold.grow(size)
  if (coding === undefined && declared !== null && size <= IN_ONE_GO) {
    const whole = request.arrayBuffer().then((bytes) => new Uint8Array(bytes))
    return within(whole, slowest)
  }
  const watch = new Progress(limits.bodyIdle, declared === null ? 0 : size)
  const chunks = watched(request.body ?? [], watch)
  const sink = coding === undefined && declared !== null ? filled(size) : counted(limits, hold)
  const reading =
    coding === undefined ? collect(chunks, sink) : inflated(bounded(chunks, limits), coding, sink)
  return within(Promise.race([reading, watch.broken]), slowest).finally(() => watch.stop())
}

type Chunks = AsyncIterable<Uint8Array> | readonly Uint8Array[]

/** A body up to this size may trickle: it takes next to no room. */
const SMALL = 64 * 1024

/**
 * Notices, at the latest after twice `ms`, when nothing has come for so long; and of a body that takes room, when less has
 * come than the slowest acceptable client sends. A byte now and then must not keep that room from everyone else.
 */
class Progress {
  /** Rejects then, and never resolves. */
  readonly broken: Promise<never>
  readonly #timer: ReturnType<typeof setInterval>
  #moved = 1
  #size = 0

  /** @param declared bytes that are kept free for it */
  constructor(ms: number, declared: number) {
    const { promise, reject } = Promise.withResolvers<never>()
    this.broken = promise
    let isFirst = true
    this.#timer = setInterval(() => {
      const isLarge = Math.max(declared, this.#size) > SMALL
      const least = isLarge && !isFirst ? SLOWEST_BYTES_PER_MS * ms : 1
      if (this.#moved < least) reject(tooSlow())
      this.#moved = 0
      isFirst = false
    }, ms)
  }

  moved(bytes: number): void {
    this.#moved += bytes
    this.#size += bytes
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

const watched = async function* (chunks: Chunks, watch: Progress) {
  for await (const chunk of chunks) {
    watch.moved(chunk.byteLength)
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

/**
 * A body of unknown length. Chunks are copied into blocks: a million of one byte would take a hundred times their size as
 * objects, which no limit of bytes bounds.
 */
const counted = (limits: BodyLimits, hold: BodyHold): Sink => {
  const blocks: Uint8Array[] = []
  let block = new Uint8Array(0)
  let used = 0
  let size = 0
  const close = (): void => {
    // A block that is mostly empty would keep its room all the same.
    if (used > 0)
      blocks.push(used < block.length / 2 ? block.slice(0, used) : block.subarray(0, used))
    block = new Uint8Array(0)
    used = 0
  }
  return {
    add: (chunk) => {
      const { byteLength } = chunk
      size += byteLength
      if (size > limits.body) throw tooLarge(limits)
      hold.grow(byteLength)
      if (used + byteLength > block.length) {
        close()
        if (byteLength > BLOCK / 2) {
          blocks.push(chunk)
          return
        }
        block = new Uint8Array(Math.min(BLOCK, Math.max(byteLength, size, 1024)))
      }
      block.set(chunk, used)
      used += byteLength
    },
    bytes: () => {
      close()
      return concat(blocks, size)
    },
  }
}

const BLOCK = 64 * 1024

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
