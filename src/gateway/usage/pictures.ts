import { concat } from '../../platform/bytes.ts'

const quote = 34
/** `"b64_json"`, the longer of the two. */
const longest = 10
const text = new TextDecoder()

/**
 * Counts the pictures in an answer that is too long to keep: each has a key of its own, and there are few quotes to
 * look at, as base64 has none.
 */
export class PictureCounter {
  count = 0
  #carry = new Uint8Array(0)

  push(chunk: Uint8Array): void {
    const bytes = concat([this.#carry, chunk], this.#carry.length + chunk.length)
    let at = bytes.indexOf(quote)
    for (; at >= 0 && at + longest <= bytes.length; at = bytes.indexOf(quote, at + 1)) {
      if (/^"(?:b64_json|url)"/.test(text.decode(bytes.subarray(at, at + longest)))) this.count++
    }
    this.#carry = at < 0 ? new Uint8Array(0) : bytes.slice(at)
  }
}
