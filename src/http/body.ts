import { Failure } from './errors.ts'

export interface BodyLimits {
  /** Bytes. */
  readonly body: number
  /** ms of grace, besides the time that the slowest acceptable client needs for its bytes. */
  readonly bodyIdle: number
}

/** Slower than a 1990s modem is an attack, not a client (hazards 110). */
const slowestBytesPerMs = 4

/**
 * Reads a request body whole, never more of it than the limit. A declared length is judged before a byte is read,
 * an undeclared one while it is counted.
 * @throws Failure 413, 408 (too slow), 400 (the client broke off)
 */
export const readBody = async (request: Request, limits: BodyLimits): Promise<Uint8Array> => {
  const declared = request.headers.get('content-length')
  if (declared !== null && Number(declared) > limits.body) throw tooLarge(limits)
  const size = declared === null ? limits.body : Number(declared)
  const reading = declared === null ? readCounted(request, limits) : readDeclared(request)
  return await withDeadline(reading, limits.bodyIdle + size / slowestBytesPerMs)
}

const readDeclared = (request: Request): Promise<Uint8Array> =>
  request.arrayBuffer().then((bytes) => new Uint8Array(bytes))

const readCounted = async (request: Request, limits: BodyLimits): Promise<Uint8Array> => {
  if (!request.body) return new Uint8Array(0)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body) {
    size += chunk.byteLength
    if (size > limits.body) throw tooLarge(limits)
    chunks.push(chunk)
  }
  return concat(chunks, size)
}

const withDeadline = (reading: Promise<Uint8Array>, ms: number): Promise<Uint8Array> =>
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
