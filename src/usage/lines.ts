import { concat } from '../http/body.ts'

/** Longest line that is looked into; a longer one passes unread. */
const maxLine = 1024 * 1024
const lf = 10

const empty = new Uint8Array(0)

/** Cuts a stream of JSON lines (`application/x-ndjson`), whatever the chunks. Holds at most one unfinished line. */
export class LineSplitter {
  #carry: Uint8Array = empty

  /** Splits off every line that ends in this chunk; what is left waits for the next. */
  push(chunk: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = []
    let start = 0
    for (let end = chunk.indexOf(lf); end >= 0; end = chunk.indexOf(lf, start)) {
      lines.push(this.#joined(chunk.subarray(start, end)))
      this.#carry = empty
      start = end + 1
    }
    // A copy: a view would keep the whole chunk alive for as long as a stalled client waits.
    const carry = this.#joined(chunk.slice(start))
    this.#carry = carry.length > maxLine ? empty : carry
    return lines
  }

  /** What came after the last line. */
  rest(): Uint8Array {
    const rest = this.#carry
    this.#carry = empty
    return rest
  }

  #joined(end: Uint8Array): Uint8Array {
    return this.#carry.length === 0
      ? end
      : concat([this.#carry, end], this.#carry.length + end.length)
  }
}
