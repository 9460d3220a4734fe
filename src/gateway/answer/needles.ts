/** A text that must not reach a caller. */
export interface Needle {
  /** UTF-8, its ASCII letters in lower case, without backslashes. */
  readonly bytes: Uint8Array
  /** A host, with its port or without: only where no longer word or number begins or ends with it. */
  readonly address: boolean
}

export interface Match {
  readonly start: number
  readonly end: number
  readonly address: boolean
}

/** Nothing is found; more bytes are needed to tell. */
const NO = -1
const MORE = -2

const LF = 0x0a
const BACKSLASH = 0x5c
const PERCENT = 0x25
const LETTER_U = 0x75
/** Encodings within encodings that are looked into where no character stands between them (`%252525…`). */
const DEEPEST = 32
/** Meanings of one place that are looked into. */
const MOST_MEANINGS = 32

/**
 * A caller can have a provider repeat megabytes of escapes that stand for escapes, of which each byte takes microseconds. After
 * so many meanings in one scan only those of usual depth are looked into: no provider writes a key deeper by itself.
 */
const MOST_WORK = 100_000
const USUAL_DEPTH = 4
const USUAL_MEANINGS = 4

/**
 * Bytes that may begin a match which more of them would end: a key of 200 characters, each of them escaped twice. Nothing
 * but a run of escapes is open for longer.
 */
const MOST_PENDING = 8 * 1024

/** What a byte may begin: nothing; a needle; an escape, which may stand for anything. */
const PLAIN = 0
const FIRST = 1
const ESCAPE = 2

/** One thing that the bytes at a place may stand for. */
interface Meaning {
  /** A UTF-16 code unit, or a byte of UTF-8. */
  readonly code: number
  readonly isByte: boolean
  readonly end: number
}

/** All that they may stand for. */
interface Meanings {
  readonly all: Meaning[]
  /** Places where a number was looked for already. */
  readonly numbers: number[]
  /** More bytes may add to them. */
  isOpen: boolean
}

const none: Uint8Array = new Uint8Array(0)
const nothing: Meanings = { all: [], numbers: [], isOpen: false }
const anything: Meanings = { ...nothing, isOpen: true }

/**
 * Finds texts in bytes, in any spelling that decodes to them: as they are, in either case, with JSON's escapes (`\/`,
 * `\u0061`, and these again escaped in JSON within JSON), percent-encoded, and any of it nested in any other. A match is
 * the bytes as they stand, escapes included, so that what is put in their place leaves JSON valid.
 *
 * A byte that begins nothing costs one look into a table. Where a needle may begin it is compared as far as it fits,
 * which is seldom more than two characters, as needles are long and random. Between scans nothing is kept.
 * Measured (test/answer/needles.test.ts has the program): 0.4 µs for a chunk of 250 bytes without a match.
 */
export class NeedleFinder {
  readonly #samples: Samples
  readonly #needles: readonly Needle[]
  readonly hasAddresses: boolean
  readonly #kinds = new Uint8Array(256)
  /** Whether a byte may be the second of a needle. */
  readonly #seconds = new Uint8Array(256)
  readonly #byFirst: (readonly Needle[] | undefined)[] = new Array(256)
  /** A needle begins with what is not ASCII. */
  readonly #isWide: boolean
  /** Of the scan under way. */
  #work = 0
  #bytes: Uint8Array = none
  #before: Uint8Array = none
  #final = false
  #pending = 0
  /** What escapes stand for, by place, from one to another; as far as that was needed. */
  #meant: Map<number, Meanings> | undefined
  #meantFrom = 0
  #meantUntil = 0

  constructor(needles: readonly Needle[]) {
    this.#needles = needles
    this.hasAddresses = needles.some(({ address }) => address)
    this.#samples = new Samples(needles)
    this.#isWide = needles.some(({ bytes: [first = 0] }) => first >= 128)
    for (const needle of needles) {
      const first = needle.bytes[0] ?? 0
      this.#byFirst[first] = [...(this.#byFirst[first] ?? []), needle]
      this.#kinds[first] = FIRST
      this.#seconds[needle.bytes[1] ?? 0] = 1
    }
    for (let letter = 0x61; letter <= 0x7a; letter++) {
      this.#byFirst[letter - 32] = this.#byFirst[letter]
      this.#kinds[letter - 32] = this.#kinds[letter]!
      this.#seconds[letter - 32] = this.#seconds[letter]!
    }
    for (const byte of [BACKSLASH, PERCENT]) {
      this.#kinds[byte] = ESCAPE
      this.#seconds[byte] = 1
    }
  }

  /**
   * After a scan: where something begins that more bytes may make a match of, else the number of bytes. A line break is
   * part of no needle, so bytes that end in one leave nothing pending.
   */
  get pending(): number {
    return this.#pending
  }

  /**
   * All matches from `from` on, in order; of those that begin at one place the longest.
   * @param final no more bytes will come
   * @param before what came before these bytes, for where an address begins
   */
  scan(bytes: Uint8Array, from = 0, final = true, before: Uint8Array = none): Match[] | undefined {
    this.#pending = bytes.length
    const isWhole = final || bytes[bytes.length - 1] === LF
    if (from === 0 && isWhole && this.#samples.ruleOut(bytes)) return undefined
    this.#bytes = bytes
    this.#before = before
    this.#final = final
    this.#work = 0
    const kinds = this.#kinds
    const seconds = this.#seconds
    const { length } = bytes
    let matches: Match[] | undefined
    for (let at = from; at < length; at++) {
      const kind = kinds[bytes[at]!]
      if (kind === PLAIN) continue
      if (kind === FIRST && at + 1 < length && seconds[bytes[at + 1]!] === 0) continue
      if (at - this.#meantFrom > MOST_PENDING) this.#meant = undefined
      const end = kind === FIRST ? this.#begins(at) : this.#escapeBegins(at)
      if (end === NO) continue
      const start = this.#spelledFrom(at)
      if (end === MORE) {
        if (length - start > MOST_PENDING) continue
        this.#pending = start
        break
      }
      matches ??= []
      matches.push({ start, end, address: this.#foundAddress })
      // An address may be left where it is, and a secret begin within it.
      if (!this.#foundAddress) at = end - 1
    }
    // Backslashes at the end may be part of what comes next.
    if (!final && this.#pending === bytes.length) {
      this.#pending = backslashesBefore(bytes, bytes.length)
    }
    this.#bytes = none
    this.#before = none
    this.#meant = undefined
    return matches
  }

  #foundAddress = false

  /** End of the longest needle that begins with the very byte at `at`. */
  #begins(at: number): number {
    const byte = this.#bytes[at]!
    const next = this.#bytes[at + 1]
    let best = NO
    for (const needle of this.#byFirst[byte]!) {
      const isOther =
        next !== undefined && this.#kinds[next] !== ESCAPE && lower(next) !== needle.bytes[1]
      if (!isOther) best = this.#better(best, needle, this.#follow(needle, 1, at + 1), at)
    }
    return best
  }

  /** The same where an escape stands for the first character. */
  #escapeBegins(at: number): number {
    const may = this.#mayBegin(at)
    if (may !== true) return may
    let best = NO
    for (const needle of this.#needles) {
      best = this.#better(best, needle, this.#follow(needle, 0, at), at)
    }
    return best
  }

  /** The longest counts, so what may still become longer has to be waited for. */
  #better(best: number, { address }: Needle, end: number, at: number): number {
    if (end === NO || best === MORE) return best
    if (address && !this.#isBegun(at)) return best
    if (end !== MORE && end <= best) return best
    this.#foundAddress = address
    return end
  }

  /** Rules out, without any allocation, nearly all escapes: those of line breaks, quotes and foreign characters. */
  #mayBegin(at: number): true | typeof NO | typeof MORE {
    const bytes = this.#bytes
    if (bytes[at] === PERCENT) {
      return this.#byFirst[PERCENT] !== undefined || this.#mayBeDigits(at + 1, 2)
    }
    if (at > 0 && bytes[at - 1] === BACKSLASH) return NO
    let next = at + 1
    while (bytes[next] === BACKSLASH) next++
    if (next === bytes.length) return this.#final ? NO : MORE
    // Any other character stands for itself, and is looked at in its own place.
    if (bytes[next] !== LETTER_U) return bytes[next] === PERCENT ? true : NO
    return this.#mayBeDigits(next + 1, 4)
  }

  #mayBeDigits(from: number, count: number): true | typeof NO | typeof MORE {
    let code = 0
    for (let at = from; at < from + count; at++) {
      const byte = this.#bytes[at]
      if (byte === undefined) return this.#final ? NO : MORE
      if (this.#kinds[byte] === ESCAPE) return true
      const digit = hexDigit(byte)
      if (digit < 0) return NO
      code = code * 16 + digit
    }
    if (code >= 256 || (count === 4 && code >= 128)) return this.#isWide ? true : NO
    return code === LETTER_U || this.#kinds[code] !== PLAIN ? true : NO
  }

  /** End of the rest of a needle, from its `i`th byte on, at `at`. */
  #follow(needle: Needle, i: number, at: number): number {
    const bytes = this.#bytes
    let matched = i
    let place = at
    for (; matched < needle.bytes.length; matched++, place++) {
      const byte = bytes[place]
      if (byte === undefined) return this.#final ? NO : MORE
      if (this.#kinds[byte] === ESCAPE) return this.#branch(needle, matched, place)
      if (lower(byte) !== needle.bytes[matched]) return NO
    }
    if (!needle.address) return place
    const next = bytes[place]
    if (next === undefined) return this.#final ? place : MORE
    return isWordByte(next) ? NO : place
  }

  #branch(needle: Needle, i: number, at: number): number {
    const { all, isOpen } = this.#meaningsAt(at)
    let isMore = isOpen
    let longest = NO
    for (const meaning of all) {
      const taken = unitsTaken(needle.bytes, i, meaning)
      const end = taken > 0 ? this.#follow(needle, i + taken, meaning.end) : NO
      if (end === MORE) isMore = true
      longest = Math.max(longest, end)
    }
    return longest < 0 && isMore ? MORE : longest
  }

  #meaningsAt(at: number): Meanings {
    const code = this.#bytes[at]
    if (code === undefined) return this.#final ? nothing : anything
    if (this.#kinds[code] !== ESCAPE) {
      return { ...nothing, all: [{ code, isByte: true, end: at + 1 }] }
    }
    if (this.#meant === undefined) return this.#simple(at) ?? this.#readEscapes(at)
    return this.#meant.get(at) ?? (at < this.#meantFrom ? this.#readEscapes(at) : nothing)
  }

  /** A backslash before what begins no escape of its own: the usual `\n`, `\"`, `\/`. */
  #simple(at: number): Meanings | undefined {
    const next = this.#bytes[at + 1]
    const isSimple =
      this.#bytes[at] === BACKSLASH &&
      next !== undefined &&
      next !== LETTER_U &&
      this.#kinds[next] !== ESCAPE
    if (!isSimple) return undefined
    return { ...nothing, all: [{ code: next, isByte: true, end: at + 2 }] }
  }

  /**
   * Reads the escapes from `at` on, the last one first: each needs only those that follow it, so each is read once. A match is
   * not longer than what is read at a time, and half of that is read anew for the next.
   */
  #readEscapes(at: number): Meanings {
    const meant = new Map<number, Meanings>()
    this.#meant = meant
    this.#meantFrom = at
    this.#meantUntil = Math.min(this.#bytes.length, at + 2 * MOST_PENDING)
    for (let place = this.#meantUntil - 1; place >= at; place--) {
      const code = this.#bytes[place]!
      if (this.#kinds[code] !== ESCAPE) continue
      const meanings: Meanings = { all: [], numbers: [], isOpen: false }
      this.#expand({ code, isByte: true, end: place + 1 }, 0, meanings)
      meant.set(place, meanings)
    }
    return meant.get(at) ?? nothing
  }

  #expand(meaning: Meaning, depth: number, meanings: Meanings): void {
    this.#work += 1
    const isUsual = this.#work > MOST_WORK
    if (depth > (isUsual ? USUAL_DEPTH : DEEPEST)) return
    if (!add(meanings, meaning, isUsual ? USUAL_MEANINGS : MOST_MEANINGS)) return
    const { code, end } = meaning
    if (code === BACKSLASH) this.#unescape(end, depth, meanings)
    if (code === PERCENT) {
      this.#digits(end, 2, 0, meanings, (byte, after) =>
        this.#expand({ code: byte, isByte: true, end: after }, depth + 1, meanings),
      )
    }
  }

  /** A backslash is left out whatever follows, and before `u` a number may stand for the character. */
  #unescape(at: number, depth: number, meanings: Meanings): void {
    const { all, isOpen } = this.#meaningsAt(at)
    meanings.isOpen ||= isOpen
    for (const meaning of all) {
      add(meanings, meaning, this.#work > MOST_WORK ? USUAL_MEANINGS : MOST_MEANINGS)
      if (meaning.code !== LETTER_U || meanings.numbers.includes(meaning.end)) continue
      meanings.numbers.push(meaning.end)
      this.#digits(meaning.end, 4, 0, meanings, (code, end) =>
        this.#expand({ code, isByte: false, end }, depth + 1, meanings),
      )
    }
  }

  /** Calls back with each number that so many hexadecimal digits, however they are written, may make. */
  #digits(
    at: number,
    count: number,
    value: number,
    meanings: Meanings,
    found: (code: number, end: number) => void,
  ): void {
    if (count === 0) {
      found(value, at)
      return
    }
    const { all, isOpen } = this.#meaningsAt(at)
    meanings.isOpen ||= isOpen
    for (const { code, end } of all) {
      const digit = hexDigit(code)
      if (digit >= 0) this.#digits(end, count - 1, value * 16 + digit, meanings, found)
    }
  }

  /**
   * Where the spelling of the character at `at` begins. Backslashes before it may be part of it at some depth, so all of
   * them are taken, in whatever spelling; and where it is a digit of an escape, so is the rest of that.
   */
  #spelledFrom(at: number): number {
    const bytes = this.#bytes
    let start = at
    for (let back = at - 1; back > at - 5; back--) {
      if (bytes[back] === LETTER_U && bytes[back - 1] === BACKSLASH) start = back
      if (hexDigit(bytes[back] ?? 0) < 0) break
    }
    return backslashesBefore(bytes, start)
  }

  /** Does no word end directly before an address? The end of an escape may look like one. */
  #isBegun(at: number): boolean {
    const bytes = this.#bytes
    const past = (count: number): number =>
      bytes[at - count] ?? this.#before[this.#before.length + at - count] ?? 0
    if (!isWordByte(past(1))) return true
    if (past(2) === BACKSLASH) return /[bfnrt]/.test(String.fromCharCode(past(1)))
    const isHex = (count: number): boolean => hexDigit(past(count)) >= 0
    const low = hexDigit(past(2)) * 16 + hexDigit(past(1))
    if (past(3) === PERCENT && isHex(2) && isHex(1)) return !isWordByte(low)
    const isUnit = past(5) === LETTER_U && past(6) === BACKSLASH && [1, 2, 3, 4].every(isHex)
    return isUnit && (past(4) !== 0x30 || past(3) !== 0x30 || !isWordByte(low))
  }
}

/** Bits, one for each value of a hash. */
const HASHES = 1 << 16

/**
 * Rules out most chunks by a few of their bytes: where nothing is escaped a needle is found as it is, and then three
 * characters in a row of it at whatever place in it.
 */
class Samples {
  readonly #known = new Uint8Array(HASHES / 8)
  /** Between two places that are looked at: no needle fits in between. */
  readonly #stride: number

  constructor(needles: readonly Needle[]) {
    this.#stride = Math.min(...needles.map(({ bytes }) => bytes.length)) - 2
    for (const { bytes } of needles) {
      for (let at = 2; at < bytes.length; at++) {
        const hash = hashAt(bytes, at)
        this.#known[hash >> 3]! |= 1 << (hash & 7)
      }
    }
  }

  ruleOut(bytes: Uint8Array): boolean {
    const known = this.#known
    const stride = this.#stride
    if (stride < 1 || bytes.indexOf(BACKSLASH) >= 0 || bytes.indexOf(PERCENT) >= 0) return false
    for (let at = stride + 1; at < bytes.length; at += stride) {
      const hash = hashAt(bytes, at)
      if ((known[hash >> 3]! & (1 << (hash & 7))) !== 0) return false
    }
    return true
  }
}

/** Of the three bytes that end at `at`, whatever their case. */
const hashAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at - 2]! | 32) * 2053 + (bytes[at - 1]! | 32) * 131 + (bytes[at]! | 32)) & (HASHES - 1)

const ascii = new TextDecoder('latin1')
/** Longer spellings of backslashes are cut. */
const longestRun = 64

/** Where the backslashes begin that end at `end`, raw or escaped. */
const backslashesBefore = (bytes: Uint8Array, end: number): number => {
  const last = bytes[end - 1]
  if (last !== BACKSLASH && last !== 0x63 && last !== 0x43) return end
  const before = ascii.decode(bytes.subarray(Math.max(0, end - longestRun), end))
  return end - (/(?:\\+u005c|%(?:25)*5c|\\)+$/i.exec(before)?.[0].length ?? 0)
}

/** @returns whether it was new */
const add = ({ all }: Meanings, meaning: Meaning, most: number): boolean => {
  if (all.length >= most) return false
  for (const { code, end } of all) if (code === meaning.code && end === meaning.end) return false
  all.push(meaning)
  return true
}

/** How many bytes of a needle a character of a text stands for, from the `i`th on: 0 where it is another. */
const unitsTaken = (needle: Uint8Array, i: number, { code, isByte }: Meaning): number => {
  if (isByte || code < 128) return lower(code) === needle[i] ? 1 : 0
  const units =
    code < 0x800
      ? [0xc0 | (code >> 6), 0x80 | (code & 0x3f)]
      : [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)]
  return units.every((unit, offset) => needle[i + offset] === unit) ? units.length : 0
}

const lower = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte)

const hexDigit = (byte: number): number => {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 32
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** Of names and numbers, as hosts have them. */
const isWordByte = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) ||
  (byte >= 0x41 && byte <= 0x5a) ||
  (byte >= 0x61 && byte <= 0x7a) ||
  byte === 0x2d ||
  byte === 0x5f

const encoder = new TextEncoder()

export const needleOf = (text: string, address = false): Needle => ({
  bytes: encoder.encode(text.replaceAll('\\', '')).map(lower),
  address,
})
