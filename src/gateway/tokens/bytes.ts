/** Reads the first bytes of a file: numbers and letters at a place, zero and nothing beyond the end. */
export class Head {
  readonly bytes: Uint8Array
  readonly #view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get length(): number {
    return this.bytes.length
  }

  u8(at: number): number {
    return this.bytes[at] ?? 0
  }

  u16(at: number, littleEndian = false): number {
    return this.#has(at, 2) ? this.#view.getUint16(at, littleEndian) : 0
  }

  u24LittleEndian(at: number): number {
    return this.u8(at) | (this.u8(at + 1) << 8) | (this.u8(at + 2) << 16)
  }

  u24BigEndian(at: number): number {
    return (this.u8(at) << 16) | (this.u8(at + 1) << 8) | this.u8(at + 2)
  }

  u32(at: number, littleEndian = false): number {
    return this.#has(at, 4) ? this.#view.getUint32(at, littleEndian) : 0
  }

  /** 64 bits, rounded where they are more than 53. */
  u64(at: number): number {
    return this.u32(at) * 2 ** 32 + this.u32(at + 4)
  }

  /** A floating point number of 4 or 8 bytes. */
  float(at: number, size: number): number {
    if (!this.#has(at, size)) return 0
    return size === 8 ? this.#view.getFloat64(at) : this.#view.getFloat32(at)
  }

  is(text: string, at = 0): boolean {
    for (let i = 0; i < text.length; i++) {
      if (this.bytes[at + i] !== text.charCodeAt(i)) return false
    }
    return true
  }

  /** Where a text stands from there on; -1: nowhere. */
  find(text: string, from = 0): number {
    const first = text.charCodeAt(0)
    let at = this.bytes.indexOf(first, from)
    while (at >= 0 && !this.is(text, at)) at = this.bytes.indexOf(first, at + 1)
    return at
  }

  text(from: number, to: number): string {
    return new TextDecoder('latin1').decode(this.bytes.subarray(from, to))
  }

  #has(at: number, size: number): boolean {
    return at >= 0 && at + size <= this.bytes.length
  }
}
