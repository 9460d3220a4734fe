/** What a token of JSON is. `key` is the name of a member, its colon included; `end` follows the whole document. */
export type TokenKind =
  | 'object'
  | 'objectEnd'
  | 'array'
  | 'arrayEnd'
  | 'key'
  | 'string'
  | 'number'
  | 'literal'
  | 'end'

/** Why bytes are not JSON, and at which of them that shows. */
export class JsonFault extends Error {
  override readonly name = 'JsonFault'
  readonly at: number

  constructor(problem: string, at: number) {
    super(`${problem} (byte ${at})`)
    this.at = at
  }
}

/**
 * Deeper documents are refused. Tool schemas of real clients nest some thirty levels; parsers of model servers give up
 * between 128 (serde_json) and 10,000 (Go), so a deeper body has no single reading anyway.
 */
export const MAX_DEPTH = 128

/** White space in one piece, bytes: no printer indents so far, and reading it must not take the loop's time. */
const MAX_SPACE = 256 * 1024

/** What may come next. */
const VALUE = 0
const VALUE_OR_CLOSE = 1
const KEY = 2
const KEY_OR_CLOSE = 3
const COMMA_OR_CLOSE = 4
const NOTHING = 5

const OBJECT = 1
const ARRAY = 2

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c

/** Bytes that a string holds as they are: printable ASCII but for the quote and the backslash. */
const plain = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x80 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
)

/**
 * Reads JSON (RFC 8259) token by token from bytes, without making a value of any of it. Stricter than most parsers, so
 * that none reads anything else: UTF-8 without a byte order mark, no comments, no trailing commas, one top-level value.
 */
export class JsonTokens {
  kind: TokenKind = 'end'
  /** First byte of the token, quotes included. */
  start = 0
  /** Byte after the token; of a key, after its closing quote. */
  end = 0
  /** Containers that are open around the token; a bracket counts what it opens or closes. */
  depth = 0
  readonly #bytes: Uint8Array
  readonly #stack = new Uint8Array(MAX_DEPTH + 1)
  #expect = VALUE
  #at: number
  /** A string that began before the limit of the last call and goes on behind it. */
  #inString = false

  /** @param from where the value begins; what stands before is not looked at */
  constructor(bytes: Uint8Array, from = 0) {
    this.#bytes = bytes
    this.#at = from
  }

  /** How far has been read: within a long string more than `end`. */
  get at(): number {
    return this.#at
  }

  /** The container that the token stands in is an object. */
  get inObject(): boolean {
    return this.#stack[this.depth] === OBJECT
  }

  /**
   * Moves to the next token. False: a string reaches beyond `limit`; call again with a higher one. Only strings can be
   * megabytes long, so that whoever gives others a turn now and then stops there.
   * @throws JsonFault
   */
  next(limit = Number.POSITIVE_INFINITY): boolean {
    if (this.#inString) return this.#string(limit)
    let byte = this.#skipSpace()
    if (this.#expect === COMMA_OR_CLOSE && byte === COMMA) {
      this.#at++
      this.#expect = this.inObject ? KEY : VALUE
      byte = this.#skipSpace()
    }
    this.start = this.#at
    switch (this.#expect) {
      case KEY:
      case KEY_OR_CLOSE:
        if (byte === QUOTE) return this.#begin('key', limit)
        if (byte === 0x7d && this.#expect === KEY_OR_CLOSE) return this.#close('objectEnd')
        throw this.#fault('a member of an object must begin with a quote')
      case COMMA_OR_CLOSE:
        if (byte === 0x7d && this.inObject) return this.#close('objectEnd')
        if (byte === 0x5d && !this.inObject) return this.#close('arrayEnd')
        throw this.#fault('a comma or a closing bracket is missing')
      case NOTHING:
        if (this.#at < this.#bytes.length) throw this.#fault('there is more than one value')
        this.kind = 'end'
        return true
      default:
        if (byte === 0x5d && this.#expect === VALUE_OR_CLOSE) return this.#close('arrayEnd')
        return this.#value(byte, limit)
    }
  }

  #value(byte: number, limit: number): boolean {
    switch (byte) {
      case QUOTE:
        return this.#begin('string', limit)
      case 0x7b:
        return this.#open('object', OBJECT, KEY_OR_CLOSE)
      case 0x5b:
        return this.#open('array', ARRAY, VALUE_OR_CLOSE)
      case 0x74:
        return this.#literal('true')
      case 0x66:
        return this.#literal('false')
      case 0x6e:
        return this.#literal('null')
      default:
        return this.#number()
    }
  }

  #open(kind: TokenKind, container: number, expect: number): boolean {
    if (this.depth === MAX_DEPTH) throw this.#fault(`it is nested deeper than ${MAX_DEPTH} levels`)
    this.#stack[++this.depth] = container
    this.#expect = expect
    return this.#is(kind, this.#at + 1)
  }

  /** `depth` still counts what closes; the next token is outside. */
  #close(kind: TokenKind): boolean {
    this.#is(kind, this.#at + 1)
    this.depth--
    this.#expect = this.depth === 0 ? NOTHING : COMMA_OR_CLOSE
    return true
  }

  #is(kind: TokenKind, end: number): true {
    this.kind = kind
    this.end = end
    this.#at = end
    return true
  }

  #ended(kind: TokenKind, end: number): true {
    this.#expect = this.depth === 0 ? NOTHING : COMMA_OR_CLOSE
    return this.#is(kind, end)
  }

  #begin(kind: 'key' | 'string', limit: number): boolean {
    this.kind = kind
    this.#at++
    this.#inString = true
    return this.#string(limit)
  }

  #string(limit: number): boolean {
    const bytes = this.#bytes
    const stop = Math.min(limit, bytes.length)
    let at = this.#at
    for (;;) {
      while (at < stop && plain[bytes[at]!] === 1) at++
      if (at >= stop) break
      const byte = bytes[at]!
      if (byte === QUOTE) {
        this.#inString = false
        return this.kind === 'key' ? this.#colon(at + 1) : this.#ended('string', at + 1)
      }
      if (byte === BACKSLASH) at = this.#escape(at)
      else if (byte < 0x20) throw new JsonFault('a string holds a control character', at)
      else at = this.#rune(at)
    }
    this.#at = at
    if (at >= bytes.length) throw new JsonFault('a string does not end', at)
    return false
  }

  #escape(at: number): number {
    const byte = this.#bytes[at + 1]
    if (byte === 0x75) {
      for (let digit = at + 2; digit < at + 6; digit++) {
        if (!isHex(this.#bytes[digit])) throw new JsonFault('an escape is not four hex digits', at)
      }
      return at + 6
    }
    if (byte === undefined || !escapes.includes(byte)) {
      throw new JsonFault('a string holds an unknown escape', at)
    }
    return at + 2
  }

  #rune(at: number): number {
    const length = runeLength(this.#bytes, at)
    if (length === 0) throw new JsonFault('it is not valid UTF-8', at)
    return at + length
  }

  #colon(end: number): true {
    this.#is('key', end)
    if (this.#skipSpace() !== COLON) throw this.#fault('a colon is missing')
    this.#at++
    this.#expect = VALUE
    return true
  }

  #literal(word: string): true {
    for (let i = 1; i < word.length; i++) {
      if (this.#bytes[this.#at + i] !== word.charCodeAt(i)) throw this.#fault('a value is missing')
    }
    return this.#ended('literal', this.#at + word.length)
  }

  #number(): true {
    let at = this.#at
    if (this.#bytes[at] === 0x2d) at++
    const first = this.#bytes[at]
    at = this.#digits(at)
    if (first === 0x30 && at > this.#at + (this.#bytes[this.#at] === 0x2d ? 2 : 1)) {
      throw this.#fault('a number begins with a needless zero')
    }
    if (this.#bytes[at] === 0x2e) at = this.#digits(at + 1)
    const exponent = this.#bytes[at]
    if (exponent === 0x65 || exponent === 0x45) {
      const sign = this.#bytes[at + 1]
      at = this.#digits(at + (sign === 0x2b || sign === 0x2d ? 2 : 1))
    }
    return this.#ended('number', at)
  }

  /** After one digit at least. */
  #digits(from: number): number {
    let at = from
    while (isDigit(this.#bytes[at])) at++
    if (at === from) throw this.#fault('a value is missing')
    return at
  }

  #skipSpace(): number {
    const bytes = this.#bytes
    const from = this.#at
    let at = from
    let byte = bytes[at]
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
      byte = bytes[++at]
      if (at - from > MAX_SPACE) throw new JsonFault('it holds too much white space', at)
    }
    this.#at = at
    return byte ?? -1
  }

  #fault(problem: string): JsonFault {
    const ended = this.#at >= this.#bytes.length
    return new JsonFault(ended ? 'it ends too early' : problem, this.#at)
  }
}

/** `"`, `\`, `/`, `b`, `f`, `n`, `r`, `t`. */
const escapes: readonly number[] = [0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74]

const isDigit = (byte: number | undefined): boolean =>
  byte !== undefined && byte >= 0x30 && byte <= 0x39

const isHex = (byte: number | undefined): boolean =>
  isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)

/** Bytes of the character that begins at `at`, which is not ASCII; 0 where it is not valid UTF-8 (RFC 3629 §4). */
const runeLength = (bytes: Uint8Array, at: number): number => {
  const first = bytes[at]!
  if (first < 0xc2 || first > 0xf4) return 0
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  const second = bytes[at + 1] ?? 0
  // Overlong forms, surrogates, and what lies beyond U+10FFFF show in the second byte.
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < least || second > most) return 0
  for (let i = 2; i < length; i++) {
    if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0
  }
  return length
}
