import { parse } from './parse.ts'

const QUOTE = 34
const BACKSLASH = 92
const COLON = 58
const OPEN = 123
const CLOSE = 125
const OPEN_LIST = 91
const CLOSE_LIST = 93

/** Longer counts are none. */
const MAX_VALUE = 16 * 1024
const NAMES = new Set(['usage', 'usageMetadata'])
const LONGEST_NAME = 'usageMetadata'.length
const text = new TextDecoder()

/**
 * Finds the counts of a long JSON object, or of a list of such, while it passes: what a member `usage` of its own holds. Looked for in the
 * text alone they could be what a caller had repeated somewhere within the answer.
 */
export class TopLevelUsage {
  /** An event that holds them alone; undefined: none has passed. */
  event: unknown
  #depth = 0
  /** Where the members stand that may be the counts. */
  #level = 1
  #inText = false
  #escaped = false
  /** The text that passes at the top, as far as it could be a name. */
  #name = ''
  /** It was followed by a colon. */
  #key = ''
  #value: number[] | undefined

  push(chunk: Uint8Array): void {
    for (const byte of chunk) {
      if (this.#value) this.#capture(byte)
      if (this.#inText) this.#inString(byte)
      else this.#between(byte)
    }
  }

  #inString(byte: number): void {
    if (this.#escaped) this.#escaped = false
    else if (byte === BACKSLASH) this.#escaped = true
    else if (byte === QUOTE) this.#inText = false
    if (this.#inText && this.#depth === this.#level && this.#name.length <= LONGEST_NAME) {
      this.#name += String.fromCharCode(byte)
    }
  }

  #between(byte: number): void {
    switch (byte) {
      case QUOTE:
        this.#inText = true
        if (this.#depth === this.#level) this.#name = ''
        return
      case COLON:
        if (this.#depth === this.#level) this.#key = this.#name
        return
      case OPEN:
        if (this.#depth === this.#level && NAMES.has(this.#key)) this.#value = [OPEN]
        this.#depth += 1
        return
      case OPEN_LIST:
        if (this.#depth === 0) this.#level = 2
        this.#depth += 1
        return
      case CLOSE:
      case CLOSE_LIST:
        this.#depth -= 1
        if (this.#depth === this.#level) this.#over()
    }
  }

  #capture(byte: number): void {
    this.#value?.push(byte)
    if ((this.#value?.length ?? 0) > MAX_VALUE) this.#value = undefined
  }

  #over(): void {
    const value = this.#value
    this.#value = undefined
    if (value) this.event = { [this.#key]: parse(text.decode(Uint8Array.from(value))) }
    this.#key = ''
  }
}
