import { concat } from '../../platform/bytes.ts'

/** Longest frame that is looked into; a longer one passes unread. */
const MAX_FRAME = 1024 * 1024
/** Lengths and a checksum before a frame's headers, and a checksum after its payload. */
const PRELUDE = 12
const TRAILER = 4

const empty = new Uint8Array(0)

export interface Frame {
  /** All of it. */
  readonly bytes: Uint8Array
  readonly headers: Uint8Array
  readonly payload: Uint8Array
}

/**
 * Cuts Amazon's event stream (`application/vnd.amazon.eventstream`) into frames, whatever the chunks. A frame is its
 * whole length, the length of its headers (both 32 bits, big-endian), a checksum, headers, payload, a checksum. Holds at
 * most one unfinished frame.
 */
export class FrameSplitter {
  #carry: Uint8Array = empty
  /** Bytes still to come of a frame that is not looked into. */
  #skip = 0

  /** Every whole frame, and between them what is not looked into. */
  push(chunk: Uint8Array): (Frame | Uint8Array)[] {
    const pieces: (Frame | Uint8Array)[] = []
    const skipped = Math.min(this.#skip, chunk.length)
    if (skipped > 0) {
      this.#skip -= skipped
      pieces.push(chunk.subarray(0, skipped))
    }
    const fresh = skipped > 0 ? chunk.subarray(skipped) : chunk
    let bytes =
      this.#carry.length > 0
        ? concat([this.#carry, fresh], this.#carry.length + fresh.length)
        : fresh
    while (bytes.length >= PRELUDE) {
      const { length, headers } = lengthsOf(bytes)
      const isFrame = length >= PRELUDE + headers + TRAILER
      if (isFrame && length <= MAX_FRAME) {
        if (bytes.length < length) break
        pieces.push(frameAt(bytes, length, headers))
        bytes = bytes.subarray(length)
      } else {
        // What is not a frame at all has no end that could be found.
        const taken = isFrame ? Math.min(length, bytes.length) : bytes.length
        this.#skip = isFrame ? length - taken : Number.POSITIVE_INFINITY
        pieces.push(bytes.subarray(0, taken))
        bytes = bytes.subarray(taken)
      }
    }
    // A copy: a view would keep the whole chunk alive for as long as a stalled client waits.
    this.#carry = bytes.length === 0 ? empty : bytes.slice()
    return pieces
  }

  /** What came of an unfinished frame. */
  rest(): Uint8Array {
    const rest = this.#carry
    this.#carry = empty
    return rest
  }
}

const frameAt = (bytes: Uint8Array, length: number, headers: number): Frame => ({
  bytes: bytes.subarray(0, length),
  headers: bytes.subarray(PRELUDE, PRELUDE + headers),
  payload: bytes.subarray(PRELUDE + headers, length - TRAILER),
})

const lengthsOf = (bytes: Uint8Array): { readonly length: number; readonly headers: number } => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8)
  return { length: view.getUint32(0), headers: view.getUint32(4) }
}

const text = new TextDecoder()

/** The exception in a frame's headers, if it has one: a name, a type (7: text), a length of 16 bits, the value. */
export const exceptionIn = ({ headers }: Frame): string | undefined => {
  const all = text.decode(headers)
  const at = all.indexOf(':exception-type')
  const found = at < 0 ? all.indexOf(':error-code') : at
  if (found < 0) return undefined
  return /^:[a-z-]+\x07[\s\S]{2}([\w.]{1,64})/.exec(all.slice(found))?.[1] ?? 'exception'
}

/** The JSON in a payload. What a model of its own dialect said is wrapped in base64 (InvokeModel). */
export const frameText = ({ payload }: Frame): string => {
  const raw = text.decode(payload)
  const wrapped = wrappedIn(raw)
  if (wrapped === undefined) return raw
  try {
    return text.decode(Uint8Array.from(atob(wrapped), (char) => char.charCodeAt(0)))
  } catch {
    return raw
  }
}

export const wrappedIn = (payload: string): string | undefined =>
  /"bytes"\s*:\s*"([A-Za-z0-9+/]+=*)"/.exec(payload)?.[1]
