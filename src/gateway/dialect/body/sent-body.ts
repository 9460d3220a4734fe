import { type BodyBytes, sizeOf } from './edit.ts'

/** A body that is sent once and then gone from memory, however long the answer takes. */
export interface SentBody extends AsyncIterable<Uint8Array> {
  /** Bytes. */
  readonly size: number
}

/** From here on it counts that what was sent is let go. */
const LARGE = 64 * 1024
/** Bytes that are handed to the socket at a time. */
const PIECE = 1024 * 1024

/** The same bytes for the transport: small ones as they are. */
export const toSend = (body: BodyBytes): Uint8Array | SentBody => {
  const size = sizeOf(body)
  if (body instanceof Uint8Array && size <= LARGE) return body
  const pieces = body instanceof Uint8Array ? [body] : [...body]
  return {
    size,
    async *[Symbol.asyncIterator]() {
      for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
        for (let at = 0; at < piece.length; at += PIECE) yield piece.subarray(at, at + PIECE)
      }
    },
  }
}
