import { Failure } from '../../../platform/failure.ts'
import { stringAt } from './text.ts'
import { JsonFault, JsonTokens } from './tokens.ts'

/** Where something stands in the body: its first byte, and the one after its last. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A member of the top-level object. */
export interface Member extends Span {
  readonly name: string
  /** Where the name stands, quotes included. */
  readonly key: Span
  readonly kind: 'object' | 'array' | 'string' | 'number' | 'literal'
}

/** A string that is long enough to be a file, and the name of the member that it is a value of, or an item of one. */
export interface LongString extends Span {
  readonly name: string
}

/** What one pass over a body found. */
export interface Scan {
  /** In the order of the body. */
  readonly members: readonly Member[]
  readonly longStrings: readonly LongString[]
  /** How many files the body names by their address, and does not carry. */
  readonly remoteFiles: number
}

/**
 * Values in one body. A million numbers is far more than any prompt of token ids, and cheap to walk over; ten million
 * empty lists in 30 MB are what made parsers take seconds and gigabytes.
 */
const MAX_VALUES = 1_000_000
const MAX_MEMBERS = 256
/** No API has a longer name. */
const MAX_NAME = 128
/** Bytes from which on a string may be a file in base64. */
const LONG = 1024
const MAX_LONG = 10_000

/** Bytes, and values, that are read before others get a turn: about a millisecond. */
const SLICE = 256 * 1024
const SLICE_VALUES = 8 * 1024
/** Members whose value is the address of a file, and members that hold an object with such a `url` or `uri`. */
const REMOTE = new Set(['image_url', 'file_url', 'fileUri', 'file_uri'])
const REMOTE_AROUND = new Set(['image_url', 'source', 's3Location'])

/**
 * Reads a JSON request body once: checks it, and finds the members of its top-level object. A long body is read in
 * slices, with a turn for everything else in between; a promise only then.
 * @throws Failure `invalid_request`
 */
export const scanBody = (bytes: Uint8Array): Scan | Promise<Scan> => {
  const scanner = new BodyScanner(bytes)
  if (bytes.length > SLICE) return scanSlowly(scanner)
  scanner.advance(bytes.length + 1, MAX_VALUES)
  return scanner
}

const scanSlowly = async (scanner: BodyScanner): Promise<Scan> => {
  while (!scanner.advance(scanner.at + SLICE, SLICE_VALUES)) {
    await new Promise((resolve) => setTimeout(resolve))
  }
  return scanner
}

/** @throws Failure `invalid_request`: the same as `scanBody`, at one go, for a body that was read before */
export const scanAtOnce = (bytes: Uint8Array): Scan => {
  const scanner = new BodyScanner(bytes)
  scanner.advance(bytes.length + 1, MAX_VALUES)
  return scanner
}

class BodyScanner implements Scan {
  readonly members: Member[] = []
  readonly longStrings: LongString[] = []
  remoteFiles = 0
  readonly #bytes: Uint8Array
  readonly #tokens: JsonTokens
  /** Where the name of the last member stands, by the depth of its object. */
  readonly #names: (Span | undefined)[] = []
  /** The member of the top-level object whose value is being read. */
  #member: { name: string; key: Span; kind: Member['kind']; start: number } | undefined
  #values = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#tokens = new JsonTokens(bytes)
  }

  /** How far it has read. */
  get at(): number {
    return this.#tokens.at
  }

  /** Reads on until it has passed `limit`, or read so many values more. True: the body is complete. */
  advance(limit: number, values: number): boolean {
    const tokens = this.#tokens
    const enough = this.#values + values
    try {
      while (tokens.end < limit && this.#values <= enough) {
        if (!tokens.next(limit)) return false
        if (tokens.kind === 'end') return true
        this.#take(tokens)
      }
      return false
    } catch (error) {
      if (!(error instanceof JsonFault)) throw error
      throw new Failure('invalid_request', `The request body is not valid JSON: ${error.message}.`)
    }
  }

  #take(tokens: JsonTokens): void {
    const { kind, depth } = tokens
    switch (kind) {
      case 'key':
        this.#names[depth] = { start: tokens.start, end: tokens.end }
        if (depth === 1) this.#name(tokens)
        return
      case 'objectEnd':
      case 'arrayEnd':
        // Closed: the depth is that of what it stands in.
        if (depth === 1) this.#finish(tokens.end)
        return
      case 'end':
        return
      default:
        this.#value(tokens, kind)
    }
  }

  #value(tokens: JsonTokens, kind: Member['kind']): void {
    if (++this.#values > MAX_VALUES) {
      // Written out: the first number that is formatted loads ICU, and holds everybody up for 40 ms.
      throw refused('it holds more than 1,000,000 values')
    }
    const isContainer = kind === 'object' || kind === 'array'
    // Items of a list in a list are values of no member.
    if (kind === 'array') this.#names[tokens.depth] = undefined
    const around = isContainer ? tokens.depth - 1 : tokens.depth
    if (around === 0 && kind !== 'object') {
      throw new Failure('invalid_request', 'The request body must be a JSON object.')
    }
    if (around === 1 && this.#member) {
      this.#member.kind = kind
      this.#member.start = tokens.start
      if (!isContainer) this.#finish(tokens.end)
    }
    if (kind !== 'string') return
    if (tokens.end - tokens.start > LONG) this.#long(tokens)
    else if (isAddress(this.#bytes, tokens.start + 1)) this.#remote(tokens)
  }

  #name({ start, end }: JsonTokens): void {
    if (end - start - 2 > MAX_NAME) throw refused('a field has too long a name')
    if (this.members.length === MAX_MEMBERS) throw refused(`it has more than ${MAX_MEMBERS} fields`)
    const name = stringAt(this.#bytes, start, end)
    this.#member = { name, key: { start, end }, kind: 'literal', start: 0 }
  }

  #finish(end: number): void {
    if (this.#member) this.members.push({ ...this.#member, end })
    this.#member = undefined
  }

  /** An address is a file's where members say so: OpenAI's pictures, Anthropic's sources, Gemini's and Amazon's files. */
  #remote({ depth, inObject }: JsonTokens): void {
    if (!inObject) return
    const name = this.#nameAt(depth)
    const around = name === 'url' || name === 'uri' ? this.#nameAt(depth - 1) : ''
    if (REMOTE.has(name) || REMOTE_AROUND.has(around)) this.remoteFiles++
  }

  #nameAt(depth: number): string {
    const name = this.#names[depth]
    return name && name.end - name.start <= MAX_NAME
      ? stringAt(this.#bytes, name.start, name.end)
      : ''
  }

  #long({ start, end, depth, inObject }: JsonTokens): void {
    if (this.longStrings.length === MAX_LONG) return
    const name = this.#names[inObject ? depth : depth - 1]
    const text = name && name.end - name.start <= MAX_NAME ? name : undefined
    this.longStrings.push({
      start,
      end,
      name: text ? stringAt(this.#bytes, text.start, text.end) : '',
    })
  }
}

/** `http`, `gs:/` or `s3:/`: few texts begin so. */
const isAddress = (bytes: Uint8Array, at: number): boolean => {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]
  if (a === 0x68) return b === 0x74 && c === 0x74 && d === 0x70
  return c === 0x3a && d === 0x2f && ((a === 0x67 && b === 0x73) || (a === 0x73 && b === 0x33))
}

const refused = (what: string): Failure =>
  new Failure('invalid_request', `The request body is not accepted: ${what}.`)
