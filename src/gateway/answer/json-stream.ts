import { Carry } from './carry.ts'

/** Longest value that is looked into; a longer one passes unread. */
const MAX_VALUE = 1024 * 1024

const LF = 10
const QUOTE = 34
const BACKSLASH = 92

/** Cuts a stream into its lines. Holds at most one unfinished line. */
export class LineSplitter {
  readonly #carry = new Carry()

  push(chunk: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = []
    let start = 0
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      lines.push(joined(this.#carry, chunk.subarray(start, end + 1)))
      start = end + 1
    }
    if (start < chunk.length) this.#carry.append(chunk.subarray(start))
    if (this.#carry.length > MAX_VALUE) lines.push(this.rest())
    return lines
  }

  rest(): Uint8Array {
    return this.#carry.take()
  }
}

/** The last of a piece, with what waited for it. */
const joined = (carry: Carry, last: Uint8Array): Uint8Array => {
  if (carry.length === 0) return last
  carry.append(last)
  return carry.take()
}

/**
 * Cuts a JSON list into its elements as they come. Only brackets, braces and quotes are looked at: what is not JSON
 * gives elements that are not JSON either. Holds at most one unfinished element.
 */
export class ListSplitter {
  readonly #carry = new Carry()
  /** Of brackets and braces; 1 is the list itself. */
  #depth = 0
  #inText = false
  #escaped = false

  push(chunk: Uint8Array): Uint8Array[] {
    const elements: Uint8Array[] = []
    let start = this.#depth > 1 ? 0 : -1
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!
      if (this.#inText) this.#inString(byte)
      else if (byte === QUOTE) this.#inText = true
      else if (byte === 0x7b || byte === 0x5b) {
        if (++this.#depth === 2) start = at
      } else if ((byte === 0x7d || byte === 0x5d) && this.#depth > 0 && --this.#depth === 1) {
        elements.push(joined(this.#carry, chunk.subarray(Math.max(start, 0), at + 1)))
        start = -1
      }
    }
    if (start >= 0) this.#keep(chunk.subarray(start))
    return elements
  }

  rest(): Uint8Array {
    return this.#carry.take()
  }

  #inString(byte: number): void {
    if (this.#escaped) this.#escaped = false
    else if (byte === BACKSLASH) this.#escaped = true
    else if (byte === QUOTE) this.#inText = false
  }

  /** Of an element that is too long only the end is kept, where its counts stand. */
  #keep(piece: Uint8Array): void {
    const all = this.#carry.append(piece)
    if (all.length > MAX_VALUE) this.#carry.keep(all.slice(-MAX_VALUE / 2))
  }
}
