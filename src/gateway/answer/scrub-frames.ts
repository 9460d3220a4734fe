import { concat } from '../../platform/bytes.ts'
import { exceptionIn, type Frame, FrameSplitter, wrappedIn } from './frames.ts'
import type { Match, NeedleFinder } from './needles.ts'
import { fill, type Scrubber } from './scrub.ts'

const text = new TextDecoder()
const encoder = new TextEncoder()

/**
 * For Amazon's event stream. A frame goes on when it is whole, as no client can use less of one: it carries its length
 * and a checksum. What is put in is as long as what is taken out, and the checksum is made anew.
 */
export class FrameScrubber implements Scrubber {
  readonly #finder: NeedleFinder
  readonly #frames = new FrameSplitter()

  constructor(finder: NeedleFinder) {
    this.#finder = finder
  }

  push(chunk: Uint8Array): Uint8Array | null {
    const pieces = this.#frames.push(chunk)
    let isChanged = false
    const clean = pieces.map((piece) => {
      if (piece instanceof Uint8Array) return piece
      const bytes = this.#clean(piece)
      isChanged ||= bytes !== piece.bytes
      return bytes
    })
    const size = clean.reduce((sum, { length }) => sum + length, 0)
    if (size === 0) return null
    return !isChanged && size === chunk.length ? chunk : concat(clean, size)
  }

  flush(): Uint8Array | null {
    const rest = this.#frames.rest()
    return rest.length > 0 ? rest : null
  }

  #clean(frame: Frame): Uint8Array {
    const isError = exceptionIn(frame) !== undefined
    const isWanted = ({ address }: Match): boolean => isError || !address
    const found = (this.#finder.scan(frame.payload) ?? []).filter(isWanted)
    const payload = found.length > 0 ? filled(frame.payload, found) : this.#unwrapped(frame)
    return payload === undefined ? frame.bytes : withPayload(frame, payload)
  }

  /** What a model said in its own dialect is in base64. */
  #unwrapped({ payload }: Frame): Uint8Array | undefined {
    const raw = text.decode(payload)
    const wrapped = wrappedIn(raw)
    if (wrapped === undefined || wrapped.length % 4 !== 0) return undefined
    const inner = Uint8Array.from(atob(wrapped), (char) => char.charCodeAt(0))
    const found = (this.#finder.scan(inner) ?? []).filter(({ address }) => !address)
    if (found.length === 0) return undefined
    const clean = btoa(latin1(filled(inner, found)))
    return encoder.encode(raw.replace(wrapped, clean))
  }
}

const filled = (bytes: Uint8Array, matches: readonly Match[]): Uint8Array => {
  const clean = bytes.slice()
  for (const { start, end } of matches) {
    clean.set(encoder.encode(fill(end - start, true)), start)
  }
  return clean
}

const withPayload = (frame: Frame, payload: Uint8Array): Uint8Array => {
  const bytes = frame.bytes.slice()
  const trailer = bytes.length - 4
  bytes.set(payload, trailer - payload.length)
  new DataView(bytes.buffer).setUint32(trailer, crc32(bytes.subarray(0, trailer)))
  return bytes
}

/** As many characters as bytes. */
const latin1 = (bytes: Uint8Array): string => {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

/** IEEE 802.3, as zlib and Amazon's frames have it. */
export const crc32 = (bytes: Uint8Array): number => {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}
