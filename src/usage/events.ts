import { concat } from '../http/body.ts'

/** Longest event that is looked into; a longer one passes unread (hazards 126). */
const maxEvent = 1024 * 1024

const empty = new Uint8Array(0)
const lf = 10
const cr = 13

/**
 * Cuts a byte stream into server-sent events, whatever the chunks (WHATWG HTML §9.2: lines end in LF, CRLF or CR,
 * an empty line ends the event). Holds at most one unfinished event.
 */
export class EventSplitter {
  #carry: Uint8Array = empty
  #overlong = false

  /** True while an event has outgrown the limit: bytes pass, nothing is read. */
  get overlong(): boolean {
    return this.#overlong
  }

  /** Splits off every event that ends in this chunk; what is left waits for the next. */
  push(chunk: Uint8Array): Uint8Array[] {
    const bytes =
      this.#carry.length > 0
        ? concat([this.#carry, chunk], this.#carry.length + chunk.length)
        : chunk
    const events: Uint8Array[] = []
    let start = 0
    // An event's end may have begun in the last bytes of the chunk before.
    let end = eventEnd(bytes, Math.max(0, this.#carry.length - 3))
    while (end >= 0) {
      events.push(bytes.subarray(start, end))
      start = end
      end = eventEnd(bytes, start)
    }
    // A copy: a view would keep the whole chunk alive for as long as a stalled client waits.
    this.#carry = bytes.slice(start)
    this.#overlong = this.#carry.length > maxEvent
    if (this.#overlong) events.push(this.rest())
    return events
  }

  /** What came after the last complete event. */
  rest(): Uint8Array {
    const rest = this.#carry
    this.#carry = empty
    return rest
  }
}

/** Index after the empty line that ends an event, or -1. A CR at the very end waits: an LF may follow. */
const eventEnd = (bytes: Uint8Array, from: number): number => {
  for (let i = from; i < bytes.length; i++) {
    const byte = bytes[i]
    if (byte !== lf && byte !== cr) continue
    const line = lineEnd(bytes, i)
    if (line < 0) return -1
    const next = bytes[line]
    if (next !== lf && next !== cr) continue
    const end = lineEnd(bytes, line)
    if (end >= 0) return end
    return -1
  }
  return -1
}

/** Index after the line ending at `i`; -1 while it cannot be told whether a CR stands alone. */
const lineEnd = (bytes: Uint8Array, i: number): number => {
  if (bytes[i] === lf) return i + 1
  if (i + 1 >= bytes.length) return -1
  return bytes[i + 1] === lf ? i + 2 : i + 1
}

/** The `data` of one event, lines joined as the standard says; empty for comments. */
export const eventData = (text: string): string => {
  if (!text.includes('data')) return ''
  const data: string[] = []
  for (const line of text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)) {
    if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5))
  }
  return data.join('\n')
}
