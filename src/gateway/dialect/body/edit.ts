import { concat } from '../../../platform/bytes.ts'
import type { Span } from './scan.ts'

/** Bytes to put in the place of others; an empty span inserts. */
export interface Edit extends Span {
  readonly bytes: Uint8Array
}

/** Bodies in one piece or in several that follow each other. */
export type BodyBytes = Uint8Array | readonly Uint8Array[]

/** Below this a copy is cheaper than a second write to the socket; above it memory counts. */
const COPY = 256 * 1024

/**
 * The body with these edits, which must not overlap; every other byte is the very one that came. A large body is not copied: it
 * is returned as the pieces between the edits.
 */
export const edited = (bytes: Uint8Array, edits: readonly Edit[]): BodyBytes => {
  if (edits.length === 0) return bytes
  const pieces: Uint8Array[] = []
  let at = 0
  for (const { start, end, bytes: replacement } of edits.toSorted((a, b) => a.start - b.start)) {
    if (start > at) pieces.push(bytes.subarray(at, start))
    if (replacement.length > 0) pieces.push(replacement)
    at = end
  }
  if (at < bytes.length) pieces.push(bytes.subarray(at))
  const size = sizeOf(pieces)
  return size > COPY ? pieces : concat(pieces, size)
}

export const sizeOf = (body: BodyBytes): number =>
  body instanceof Uint8Array
    ? body.byteLength
    : body.reduce((size, piece) => size + piece.byteLength, 0)

/** In one piece, for readers that want it so. */
export const whole = (body: BodyBytes): Uint8Array =>
  body instanceof Uint8Array ? body : concat(body, sizeOf(body))
