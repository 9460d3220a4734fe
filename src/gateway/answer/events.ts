import { parse } from '../dialect/json.ts'
import { Carry } from './carry.ts'

/** Longest event that is looked into; a longer one passes unread. */
const MAX_EVENT = 1024 * 1024

const LF = 10
const CR = 13
const text = new TextDecoder()

/**
 * Cuts a byte stream into server-sent events, whatever the chunks (WHATWG HTML §9.2: lines end in LF, CRLF or CR,
 * an empty line ends the event). Some servers leave the empty line out: an event whose data is a whole JSON value ends
 * with its line, if no empty line follows. Holds at most one unfinished event.
 */
export class EventSplitter {
  readonly #carry = new Carry()
  /** How much of it has no line end. */
  #searched = 0
  /** Few servers send any. */
  #hasCr = false
  /** The unfinished event was looked at when it was so long, and was not whole. */
  #looked = { size: 0 }

  /** Splits off every event that ends in this chunk; what is left waits for the next. */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    if (this.#carry.length === 0 && isOneEvent(chunk)) return [chunk]
    this.#hasCr ||= chunk.indexOf(CR) >= 0
    const isJoined = this.#carry.length > 0
    const bytes = isJoined ? this.#carry.append(chunk) : chunk
    const events: Uint8Array[] = []
    let start = 0
    let from = this.#searched
    for (;;) {
      const end = eventEnd(bytes, start, from, this.#hasCr, this.#looked)
      if (end < 0) break
      events.push(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end))
      start = end
      from = end
      this.#looked.size = 0
    }
    if (start > 0 || !isJoined) this.#carry.keep(bytes.subarray(start))
    this.#searched = Math.max(0, this.#carry.length - 1)
    if (this.#carry.length > MAX_EVENT) events.push(this.rest())
    return events
  }

  /** What came after the last complete event. */
  rest(): Uint8Array {
    this.#searched = 0
    this.#looked.size = 0
    return this.#carry.take()
  }
}

/** One line and an empty one, as nearly all events of a chat are, and each in a chunk of its own. */
const isOneEvent = (chunk: Uint8Array): boolean => {
  const end = chunk.length - 2
  return (
    chunk[end] === LF && chunk.indexOf(LF) === end && chunk[end + 1] === LF && chunk.indexOf(CR) < 0
  )
}

/** Index after the event that begins at `start`, or -1 while it has no end; lines that end before `from` do not end it. */
const eventEnd = (
  bytes: Uint8Array,
  start: number,
  from: number,
  hasCr: boolean,
  looked: { size: number },
): number => {
  for (let at = lineBreak(bytes, Math.max(start, from), hasCr); at >= 0; ) {
    const end = afterBreak(bytes, at)
    if (at === start) return end
    const next = bytes[end]
    if (next === LF || next === CR) return afterBreak(bytes, end)
    // Not at each line: an event of many lines would be parsed as often as it has lines.
    if (end - start >= 2 * looked.size) {
      if (isWhole(bytes.subarray(start, end))) return end
      looked.size = end - start
    }
    at = lineBreak(bytes, end, hasCr)
  }
  return -1
}

const lineBreak = (bytes: Uint8Array, from: number, hasCr: boolean): number => {
  if (!hasCr) return bytes.indexOf(LF, from)
  // Byte by byte: a search for the one would run to the end past a thousand of the other.
  for (let at = from; at < bytes.length; at++) {
    if (bytes[at] === LF || bytes[at] === CR) return at
  }
  return -1
}

/**
 * Index after the line break at `at`. A CR at the very end is taken for one, as servers that send nothing else would be
 * held up by a whole event; an LF that follows after all is an empty line, which means nothing.
 */
const afterBreak = (bytes: Uint8Array, at: number): number =>
  bytes[at] === CR && bytes[at + 1] === LF ? at + 2 : at + 1

const SPACE = 32
const COLON = 58
const CLOSE_BRACKET = 93
const CLOSE_BRACE = 125

/** Is this an event although no empty line follows? Looked at only where none does. */
const isWhole = (lines: Uint8Array): boolean => {
  if (lines[0] === COLON) return true
  let last = lines.length - 1
  while (last > 0 && lines[last]! <= SPACE) last--
  if (lines[last] !== CLOSE_BRACE && lines[last] !== CLOSE_BRACKET) return false
  const data = eventData(text.decode(lines))
  return data === '[DONE]' || isContainer(parse(data))
}

const isContainer = (value: unknown): boolean => typeof value === 'object' && value !== null

/** The `data` of one event, lines joined as the standard says; empty for comments. */
export const eventData = (event: string): string => {
  if (!event.includes('data')) return ''
  const data: string[] = []
  for (const line of event.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)) {
    if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5))
  }
  return data.join('\n')
}

/** What an event calls itself; empty where it has no name. */
export const eventName = (event: string): string =>
  /(?:^|[\r\n\uFEFF])event: ?([^\r\n]*)/.exec(event)?.[1] ?? ''
