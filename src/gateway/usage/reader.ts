import type { Reading } from '../../platform/answer.ts'
import { concat } from '../../platform/bytes.ts'
import { EventSplitter, eventData } from '../answer/events.ts'
import { exceptionIn, FrameSplitter, frameText } from '../answer/frames.ts'
import { LineSplitter, ListSplitter } from '../answer/json-stream.ts'
import type { Target } from '../http/env.ts'
import { parse } from './parse.ts'
import { PictureCounter } from './pictures.ts'
import { Tail } from './tail.ts'
import { AnswerTally, type Tally } from './tally.ts'
import { TopLevelUsage } from './top-level.ts'
import { withoutUsage } from './usage-frame.ts'

/** Reads the usage out of an answer while it passes. */
export interface UsageReader {
  /** Returns what goes on to the client: the same bytes, but for a usage frame that only we asked for. */
  push(chunk: Uint8Array): Uint8Array | null
  flush(): Uint8Array | null
  readonly tally: Tally
}

/** The reader for an answer of a known kind. */
export const readerFor = (reading: Reading, target: Target | undefined): UsageReader => {
  switch (reading.kind) {
    case 'events':
      return eventUsage(isUsageOurs(target), reading)
    case 'frames':
      return frameUsage(reading)
    case 'lines':
      return lineUsage(reading)
    case 'list':
      return listUsage(reading)
    case 'opaque':
      return opaqueUsage()
    default:
      return bodyUsage(target?.operation.operation.startsWith('images/'), reading)
  }
}

/** Only we asked for the frame that holds the usage. */
const isUsageOurs = (target: Target | undefined): boolean =>
  target?.operation.dialect === 'openai_chat' && target.stream && !target.usageAsked

type Note = Pick<Reading, 'note'>

const text = new TextDecoder()
const unnoted: Note = { note: () => {} }
const itself = (raw: string): string => raw

/**
 * For a stream of server-sent events. Bytes pass first and are read after, unless the usage frame must be taken out:
 * then each event waits for its own end, which no client could act on earlier anyway.
 */
export const eventUsage = (dropUsageFrame: boolean, reading: Note = unnoted): UsageReader => {
  const tally = new AnswerTally()
  const read: ReadPiece = (event, isRest = false) => {
    // An empty line says nothing, and a stream may have a million.
    if (isBlankLine(event)) return undefined
    const raw = text.decode(event)
    const json = tally.event(raw, eventData)
    reading.note({ text: raw, json, isRest })
    return json
  }
  return dropUsageFrame ? droppingUsage(read, tally) : passing(new EventSplitter(), read, tally)
}

/** @param isRest the stream ended without its end */
type ReadPiece = (piece: Uint8Array, isRest?: boolean) => unknown

interface Splitter {
  push(chunk: Uint8Array): readonly Uint8Array[]
  rest(): Uint8Array
}

const passing = (splitter: Splitter, read: ReadPiece, tally: Tally): UsageReader => ({
  push: (chunk) => {
    for (const event of splitter.push(chunk)) read(event)
    return chunk
  },
  flush: () => {
    const rest = splitter.rest()
    if (rest.length > 0) read(rest, true)
    return null
  },
  tally,
})

const droppingUsage = (read: ReadPiece, tally: Tally): UsageReader => {
  const events = new EventSplitter()
  /** What is still to come of an event that was taken out: the LF of a CRLF, the empty line that ends it. */
  let lacksLf = false
  let lacksLine = false

  /** What of an event goes on; null: nothing. */
  const leftOf = (event: Uint8Array, isAtEnd = false): Uint8Array | null => {
    const isRest = (lacksLf && isLf(event)) || (lacksLine && isBlankLine(event))
    if (isRest) {
      lacksLine &&= lacksLf && isLf(event)
      lacksLf = endsInCr(event)
      return null
    }
    const left = withoutUsage(event, read(event, isAtEnd))
    lacksLine = left === null && !endsInBlankLine(event)
    lacksLf = left === null && endsInCr(event)
    return left
  }

  const push = (chunk: Uint8Array): Uint8Array | null => {
    const complete = events.push(chunk)
    const left: Uint8Array[] = []
    let isSame = true
    for (const event of complete) {
      const piece = leftOf(event)
      isSame &&= piece === event
      if (piece) left.push(piece)
    }
    if (isSame) return span(complete)
    return left.length > 0 ? joined(left) : null
  }

  const flush = (): Uint8Array | null => {
    const rest = events.rest()
    return rest.length === 0 ? null : leftOf(rest, true)
  }

  return { push, flush, tally }
}

const LF = 10
const CR = 13
const isLf = (event: Uint8Array): boolean => event.length === 1 && event[0] === LF
const endsInCr = (event: Uint8Array): boolean => event[event.length - 1] === CR
const isBreak = (byte: number | undefined): boolean => byte === LF || byte === CR

const isBlankLine = (event: Uint8Array): boolean => event.length <= 2 && event.every(isBreak)

/** Two line breaks, of which a CRLF is one. */
const endsInBlankLine = (event: Uint8Array): boolean => {
  const last = event.length - 1
  const isPair = event[last] === LF && event[last - 1] === CR
  return isBreak(event[last]) && isBreak(event[isPair ? last - 2 : last - 1])
}

/** For Ollama's stream: an object to a line. */
export const lineUsage = (reading: Note = unnoted): UsageReader =>
  jsonStream(new LineSplitter(), reading)

/** For Gemini's stream without `alt=sse`: a list of what the events would have been. */
export const listUsage = (reading: Note = unnoted): UsageReader =>
  jsonStream(new ListSplitter(), reading)

const jsonStream = (splitter: Splitter, reading: Note): UsageReader => {
  const tally = new AnswerTally()
  const read: ReadPiece = (piece, isRest = false) => {
    const raw = text.decode(piece)
    reading.note({ text: raw, json: tally.event(raw, itself), isRest })
  }
  return passing(splitter, read, tally)
}

/** For Amazon's event stream. */
export const frameUsage = (reading: Note = unnoted): UsageReader => {
  const frames = new FrameSplitter()
  const tally = new AnswerTally()
  return {
    push: (chunk) => {
      for (const piece of frames.push(chunk)) {
        if (piece instanceof Uint8Array) continue
        const raw = frameText(piece)
        const json = tally.event(raw, itself)
        reading.note({ text: raw, json, exception: exceptionIn(piece) })
      }
      return chunk
    },
    flush: () => null,
    tally,
  }
}

/** For what holds no usage, such as sound. */
export const opaqueUsage = (): UsageReader => ({
  push: (chunk) => chunk,
  flush: () => null,
  tally: new AnswerTally(),
})

/** How much of a plain body is kept to be read whole. */
const maxTail = 128 * 1024

/**
 * For an answer in one piece. No more than this is kept, so that a long one costs no memory.
 * @param drawn it may hold pictures
 */
export const bodyUsage = (drawn = false, reading: Note = unnoted): UsageReader => {
  const tally = new AnswerTally()
  const pictures = drawn ? new PictureCounter() : undefined
  const tail = new Tail(maxTail)
  /** Of a body that is longer than what is kept. */
  let found: TopLevelUsage | undefined
  const push = (chunk: Uint8Array): Uint8Array => {
    if (found === undefined && tail.bytes.length + chunk.length > maxTail) {
      found = new TopLevelUsage()
      found.push(tail.bytes)
    }
    found?.push(chunk)
    tail.push(chunk)
    pictures?.push(chunk)
    return chunk
  }
  const flush = (): null => {
    const body = text.decode(tail.bytes)
    if (tail.whole) readWhole(body, tally, reading)
    else {
      tally.add(found?.event)
      if (pictures) tally.made(pictures.count)
    }
    return null
  }
  return { push, flush, tally }
}

/** One value, a list of what could have been events, or lines from a server that was not expected to stream. */
const readWhole = (body: string, tally: AnswerTally, reading: Note): void => {
  const value = parse(body)
  if (value === undefined) {
    for (const line of body.split('\n')) {
      const json = tally.event(line, itself)
      reading.note({ text: line, json })
    }
    return
  }
  for (const json of Array.isArray(value) ? value : [value]) {
    tally.add(json)
    reading.note({ text: body, json })
  }
}

/** Neighbours in one buffer as one piece, without a copy: a copy would stay with every stalled stream. */
const span = (pieces: readonly Uint8Array[]): Uint8Array | null => {
  const [first] = pieces
  const last = pieces.at(-1)
  if (!first || !last) return null
  const size = last.byteOffset + last.byteLength - first.byteOffset
  return new Uint8Array(first.buffer, first.byteOffset, size)
}

const joined = (pieces: readonly Uint8Array[]): Uint8Array =>
  concat(
    pieces,
    pieces.reduce((size, piece) => size + piece.length, 0),
  )
