import type { AnswerKind } from '../../platform/answer.ts'
import { concat } from '../../platform/bytes.ts'
import { parse } from '../dialect/json.ts'
import { eventName } from './events.ts'
import { failureIn, mayReportFailure } from './failure.ts'
import type { Match, NeedleFinder } from './needles.ts'

/** Takes out of a body, while it passes, what must not reach the caller. */
export interface Scrubber {
  push(chunk: Uint8Array): Uint8Array | null
  flush(): Uint8Array | null
}

export interface ScrubOptions {
  readonly finder: NeedleFinder
  readonly kind: AnswerKind
  /** The length of the body has been declared: what is put in is as long as what is taken out. */
  readonly fixedLength: boolean
}

/** Bytes that may wait until it is known whether they are part of an error. */
const MAX_PENDING = 16 * 1024
/** Bytes of an unfinished event that are remembered after they have passed. */
const MAX_CONTEXT = 4 * 1024

const empty = new Uint8Array(0)
const text = new TextDecoder()
const LF = 10
const CR = 13

/**
 * For everything but Amazon's frames. Secrets are taken out wherever they are, the provider's address only of errors: an
 * ordinary answer may well name api.openai.com. Only what begins a secret, or follows an address in an unfinished event,
 * waits for more; all else passes as it came, in the very same chunk.
 */
export class TextScrubber implements Scrubber {
  readonly #options: ScrubOptions
  /** Bytes that wait, how many of them were scanned, and the matches in those. */
  #pending: Uint8Array = empty
  #scanned = 0
  #matches: readonly Match[] = []
  /** What has passed of the unfinished event, or of the body: decides what an address is part of. */
  #context: Uint8Array = empty
  /** What the last line that was looked at is, within the bytes at hand. */
  #judged: { readonly until: number; readonly verdict: 'error' | 'text' } | undefined
  /** May what is still to come be an error? */
  #mayBeError: boolean

  constructor(options: ScrubOptions) {
    this.#options = options
    this.#mayBeError = options.finder.hasAddresses && options.kind !== 'opaque'
  }

  push(chunk: Uint8Array): Uint8Array | null {
    const bytes = this.#pending.length === 0 ? chunk : joined(this.#pending, chunk)
    const { finder } = this.#options
    const matches = finder.scan(bytes, this.#scanned, false, this.#context)
    if (matches === undefined && this.#pending.length === 0 && finder.pending === bytes.length) {
      if (this.#mayBeError) this.#keepContext(bytes)
      return bytes
    }
    return this.#release(bytes, [...this.#matches, ...(matches ?? [])], finder.pending, false)
  }

  flush(): Uint8Array | null {
    if (this.#pending.length === 0) return null
    const matches =
      this.#options.finder.scan(this.#pending, this.#scanned, true, this.#context) ?? []
    return this.#release(this.#pending, [...this.#matches, ...matches], this.#pending.length, true)
  }

  #release(
    bytes: Uint8Array,
    matches: readonly Match[],
    pending: number,
    final: boolean,
  ): Uint8Array | null {
    let limit = pending
    const edits: Match[] = []
    this.#judged = undefined
    for (const match of matches) {
      if (match.start >= limit) break
      const isOver = final || bytes.length - match.start > MAX_PENDING
      const verdict = match.address ? this.#judge(bytes, match, isOver) : 'error'
      if (verdict === 'open' || match.end > limit) limit = Math.min(limit, match.start)
      else if (verdict === 'error') edits.push(match)
    }
    this.#pending = limit === bytes.length ? empty : bytes.slice(limit)
    this.#scanned = pending - limit
    this.#matches = matches
      .filter(({ start }) => start >= limit)
      .map((match) => ({ ...match, start: match.start - limit, end: match.end - limit }))
    const released = bytes.subarray(0, limit)
    if (this.#mayBeError) this.#keepContext(released)
    return limit === 0 ? null : replaced(released, edits, this.#options.fixedLength)
  }

  /** Is this address part of an error? `open`: more bytes are needed to decide. */
  #judge(bytes: Uint8Array, { start, end }: Match, isOver: boolean): 'error' | 'text' | 'open' {
    if (!this.#mayBeError) return 'text'
    const { kind } = this.#options
    // All addresses of one line are part of the same event.
    if (this.#judged && start < this.#judged.until) return this.#judged.verdict
    // Whether this is an error stands close before it: all of a long chunk, for each of many addresses, takes its square.
    const from = kind === 'list' ? Math.max(0, start - MAX_PENDING) : 0
    const before = joined(from > 0 ? empty : this.#context, bytes.subarray(from, start))
    if (kind === 'list') return isErrorElement(text.decode(before)) ? 'error' : 'text'
    const ends = kind === 'json' ? -1 : lineEnd(bytes, end)
    if (ends < 0 && !isOver) return 'open'
    const event = text.decode(joined(before, bytes.subarray(start, ends < 0 ? undefined : ends)))
    const isError = kind === 'json' ? isErrorText(event) : isErrorLine(event, kind)
    const verdict = isError ? 'error' : 'text'
    this.#judged = { until: ends < 0 ? bytes.length : ends, verdict }
    return verdict
  }

  /** Remembers only what an address that is still to come could be part of. */
  #keepContext(bytes: Uint8Array): void {
    const { kind } = this.#options
    if (kind === 'json') {
      this.#context = joined(this.#context, bytes)
      // An error is short.
      if (this.#context.length > MAX_PENDING) {
        this.#mayBeError = false
        this.#context = empty
      }
      return
    }
    if (kind === 'events' && endsInBlankLine(bytes)) {
      this.#context = empty
      return
    }
    const all = joined(this.#context, bytes)
    const from = kind === 'list' ? 0 : unfinishedFrom(all, kind)
    this.#context = all.slice(Math.max(from, all.length - MAX_CONTEXT))
  }
}

/** A whole error body without secrets and addresses. */
export const scrubbed = (bytes: Uint8Array, finder: NeedleFinder): Uint8Array =>
  replaced(bytes, finder.scan(bytes) ?? [], false)

const LABEL = '[redacted]'
const encoder = new TextEncoder()

const replaced = (bytes: Uint8Array, matches: readonly Match[], fixed: boolean): Uint8Array => {
  if (matches.length === 0) return bytes
  const pieces: Uint8Array[] = []
  let at = 0
  for (const { start, end } of matches) {
    // What overlaps is taken out in one.
    if (start >= at)
      pieces.push(bytes.subarray(at, start), encoder.encode(fill(end - start, fixed)))
    at = Math.max(at, end)
  }
  pieces.push(bytes.subarray(at))
  return concat(
    pieces,
    pieces.reduce((size, piece) => size + piece.length, 0),
  )
}

/** In place of so many bytes. */
export const fill = (length: number, fixed: boolean): string => {
  if (!fixed) return LABEL
  return length < LABEL.length ? '*'.repeat(length) : LABEL.padEnd(length, '*')
}

const joined = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  if (a.length === 0) return b
  return b.length === 0 ? a : concat([a, b], a.length + b.length)
}

const lineEnd = (bytes: Uint8Array, from: number): number => {
  const lf = bytes.indexOf(LF, from)
  const cr = bytes.indexOf(CR, from)
  return lf < 0 || (cr >= 0 && cr < lf) ? cr : lf
}

const endsInBlankLine = (bytes: Uint8Array): boolean => {
  const last = bytes.length - 1
  if (bytes[last] !== LF) return false
  return bytes[last - 1] === LF || (bytes[last - 1] === CR && bytes[last - 2] === LF)
}

/** Where the unfinished line begins, or the name of the event whose data is still to come. */
const unfinishedFrom = (bytes: Uint8Array, kind: AnswerKind): number => {
  const line = lastLine(bytes, bytes.length)
  if (kind !== 'events') return line
  const before = lastLine(bytes, line - 1)
  const isNamed = text.decode(bytes.subarray(before, before + 6)) === 'event:'
  return isNamed ? before : line
}

/** Where the line begins that ends at `end`. */
const lastLine = (bytes: Uint8Array, end: number): number =>
  end <= 0 ? 0 : bytes.lastIndexOf(LF, end - 1) + 1

const isErrorText = (json: string): boolean => {
  const value = parse(json)
  return value === undefined ? mayReportFailure(json) : failureIn(value) !== undefined
}

/** @param event the line in question, and what there is before it */
const isErrorLine = (event: string, kind: AnswerKind): boolean => {
  const lines = event.split(/\r\n|\n|\r/)
  const line = lines.pop() ?? ''
  if (kind === 'lines') return isErrorText(line)
  const last = lines.findLastIndex((each) => !/^(?:id|retry)?:/.test(each))
  if (eventName(lines[last] ?? '') === 'error') return true
  const data = line.replace(/^data:/, '')
  // Data in several lines is JSON only all together.
  return isErrorText(parse(data) === undefined ? event : data)
}

/** Is the last element of a list an error, as far as the list has come? */
const isErrorElement = (list: string): boolean =>
  list.lastIndexOf('"error"') > list.lastIndexOf('"candidates"')
