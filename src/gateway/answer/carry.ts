const empty = new Uint8Array(0)

/**
 * Bytes that wait for the rest of a piece. Their room doubles as they grow: joined anew with each chunk, a long piece in small
 * chunks would cost the square of its length.
 */
export class Carry {
  #room: Uint8Array = empty
  length = 0

  /** All that waits, with these bytes behind it: a view that the next `append` may write behind, but never into. */
  append(chunk: Uint8Array): Uint8Array {
    const size = this.length + chunk.length
    if (size > this.#room.length) {
      const room = new Uint8Array(this.length === 0 ? size : Math.max(size, 2 * this.#room.length))
      room.set(this.#room.subarray(0, this.length))
      this.#room = room
    }
    this.#room.set(chunk, this.length)
    this.length = size
    return this.#room.subarray(0, size)
  }

  /** All that waits; afterwards nothing does. */
  take(): Uint8Array {
    const all = this.#room.subarray(0, this.length)
    this.#room = empty
    this.length = 0
    return all
  }

  /** These bytes, copied, in place of all others: a view would keep the whole chunk alive. */
  keep(bytes: Uint8Array): void {
    this.take()
    if (bytes.length > 0) this.append(bytes)
  }
}
