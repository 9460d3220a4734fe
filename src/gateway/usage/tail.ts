/** The last so many bytes of what passes, and up to as many before. Costs no more than what has passed. */
export class Tail {
  /** Nothing has been dropped yet. */
  whole = true
  readonly #max: number
  #kept: Uint8Array = new Uint8Array(0)
  #length = 0

  constructor(max: number) {
    this.#max = max
  }

  get bytes(): Uint8Array {
    return this.#kept.subarray(0, this.#length)
  }

  push(chunk: Uint8Array): void {
    const fits = chunk.subarray(Math.max(0, chunk.length - this.#max))
    if (fits.length < chunk.length || this.#length + fits.length > 2 * this.#max) {
      this.#keepLast(fits.length < chunk.length ? 0 : this.#max)
    }
    this.#reserve(this.#length + fits.length)
    this.#kept.set(fits, this.#length)
    this.#length += fits.length
  }

  #keepLast(count: number): void {
    this.whole = false
    const from = Math.max(0, this.#length - count)
    this.#kept.copyWithin(0, from, this.#length)
    this.#length -= from
  }

  #reserve(size: number): void {
    if (size <= this.#kept.length) return
    const grown = new Uint8Array(Math.min(2 * this.#max, Math.max(size, 2 * this.#kept.length)))
    grown.set(this.bytes)
    this.#kept = grown
  }
}
