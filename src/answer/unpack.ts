import { concat } from '../http/body.ts'
import type { Inflate } from '../platform.ts'

type Headers = readonly (readonly [name: string, value: string])[]

/** The content coding of a body; empty for none. Several in a row are one that no host knows. */
export const codingOf = (headers: Headers): string => {
  const value = headers.find(([name]) => name === 'content-encoding')?.[1] ?? ''
  const coding = value.trim().toLowerCase().replace(/^x-/, '')
  return coding === 'identity' ? '' : coding
}

/** A body without its coding; undefined where the host cannot undo it, it is not of that coding, or it is too large. */
export const unpack = async (
  bytes: Uint8Array,
  coding: string,
  max: number,
  inflate: Inflate,
): Promise<Uint8Array | undefined> => {
  if (!inflate.codings.includes(coding)) return undefined
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of inflate.open(coding, once(bytes))) {
      size += chunk.byteLength
      if (size > max) return undefined
      chunks.push(chunk)
    }
  } catch {
    return undefined
  }
  return concat(chunks, size)
}

const once = async function* once(bytes: Uint8Array) {
  yield bytes
}

/** Compressed bytes that wait to be inflated: more means that the host does not keep up. */
const MAX_WAITING = 1024 * 1024
/** Of one answer, inflated: a few kilobytes may become gigabytes. */
const MAX_INFLATED = 64 * 1024 * 1024

/** Inflates a copy of a body while the body itself passes. Gives up silently: nothing but a count depends on it. */
export class PassingInflater {
  readonly #read: (chunk: Uint8Array) => void
  readonly #waiting: Uint8Array[] = []
  #size = 0
  #isOver = false
  #wake: (() => void) | undefined
  /** Settles when all was read that could be. */
  readonly done: Promise<void>

  constructor(coding: string, inflate: Inflate, read: (chunk: Uint8Array) => void) {
    this.#read = read
    this.done = this.#run(coding, inflate)
  }

  push(chunk: Uint8Array): void {
    if (this.#isOver) return
    this.#size += chunk.byteLength
    if (this.#size > MAX_WAITING) this.end()
    else this.#waiting.push(chunk.slice())
    this.#wake?.()
  }

  end(): void {
    this.#isOver = true
    this.#wake?.()
  }

  async #run(coding: string, inflate: Inflate): Promise<void> {
    let size = 0
    try {
      for await (const chunk of inflate.open(coding, this.#chunks())) {
        size += chunk.byteLength
        if (size > MAX_INFLATED) break
        this.#read(chunk)
      }
    } catch {
      // Cut short, or not of that coding: what could be read was.
    }
    this.#isOver = true
    this.#waiting.length = 0
  }

  async *#chunks() {
    for (;;) {
      const chunk = this.#waiting.shift()
      if (chunk) {
        this.#size -= chunk.byteLength
        yield chunk
      } else if (this.#isOver) return
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }
}
