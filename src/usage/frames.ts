import { concat } from '../http/body.ts'

/** Longest frame that is looked into; a longer one passes unread. */
const maxFrame = 1024 * 1024
/** Lengths and a checksum before a frame's headers, and a checksum after its payload. */
const prelude = 12
const trailer = 4

const empty = new Uint8Array(0)

/**
 * Cuts Amazon's event stream (`application/vnd.amazon.eventstream`) into the payloads of its frames, whatever the
 * chunks. A frame is its whole length, the length of its headers (both 32 bits, big-endian), a checksum, headers,
 * payload, a checksum. Holds at most one unfinished frame.
 */
export class FrameSplitter {
  #carry: Uint8Array = empty
  /** Bytes still to come of a frame that is not looked into. */
  #skip = 0

  push(chunk: Uint8Array): Uint8Array[] {
    const skipped = Math.min(this.#skip, chunk.length)
    this.#skip -= skipped
    const fresh = chunk.subarray(skipped)
    let bytes =
      this.#carry.length > 0
        ? concat([this.#carry, fresh], this.#carry.length + fresh.length)
        : fresh
    const payloads: Uint8Array[] = []
    while (bytes.length >= prelude) {
      const { length, headers } = lengthsOf(bytes)
      const unread = length > maxFrame || length < prelude + headers + trailer
      if (!unread && bytes.length < length) break
      if (unread) {
        // What is no frame at all has no end that could be found.
        this.#skip = length > maxFrame ? Math.max(0, length - bytes.length) : Infinity
        bytes = bytes.subarray(length > maxFrame ? length : bytes.length)
        continue
      }
      payloads.push(bytes.subarray(prelude + headers, length - trailer))
      bytes = bytes.subarray(length)
    }
    // A copy: a view would keep the whole chunk alive for as long as a stalled client waits.
    this.#carry = bytes.slice()
    return payloads
  }
}

const lengthsOf = (bytes: Uint8Array): { readonly length: number; readonly headers: number } => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8)
  return { length: view.getUint32(0), headers: view.getUint32(4) }
}
