import { isUsageOnlyFrame } from '../dialect/usage.ts'
import { concat } from '../http/body.ts'
import { EventSplitter, eventData } from './events.ts'
import { FrameSplitter } from './frames.ts'
import { LineSplitter } from './lines.ts'
import { lastUsage, parse } from './parse.ts'
import { PictureCounter } from './pictures.ts'
import { Tail } from './tail.ts'
import { AnswerTally, type Tally } from './tally.ts'

/** Reads the usage out of an answer while it passes. */
export interface UsageReader {
  /** Returns what goes on to the client: the same bytes, but for a usage frame nobody asked for. */
  push(chunk: Uint8Array): Uint8Array | null
  flush(): Uint8Array | null
  readonly tally: Tally
}

const text = new TextDecoder()

/**
 * For a stream of server-sent events. Bytes pass first and are read after, unless the usage frame must be taken out:
 * then each event waits for its own end, which no client could act on earlier anyway.
 */
export const eventUsage = (dropUsageFrame: boolean): UsageReader => {
  const events = new EventSplitter()
  const tally = new AnswerTally()

  /** False when the event is the extra frame. */
  const read = (event: Uint8Array): boolean => {
    const parsed = tally.event(text.decode(event), eventData)
    return !(dropUsageFrame && isUsageOnlyFrame(parsed))
  }

  const push = (chunk: Uint8Array): Uint8Array | null => {
    const complete = events.push(chunk)
    const kept = complete.filter(read)
    if (!dropUsageFrame) return chunk
    if (kept.length === complete.length) return span(complete)
    return kept.length > 0 ? joined(kept) : null
  }

  const flush = (): Uint8Array | null => {
    const rest = events.rest()
    if (rest.length === 0) return null
    const kept = read(rest)
    return dropUsageFrame && kept ? rest : null
  }

  return { push, flush, tally }
}

/** For a stream of JSON lines, which is how Ollama streams. */
export const lineUsage = (): UsageReader => {
  const lines = new LineSplitter()
  const tally = new AnswerTally()
  const read = (line: Uint8Array): void => {
    tally.event(text.decode(line), (raw) => raw)
  }
  return {
    push: (chunk) => {
      for (const line of lines.push(chunk)) read(line)
      return chunk
    },
    flush: () => {
      read(lines.rest())
      return null
    },
    tally,
  }
}

/** For Amazon's event stream. What a model of its own dialect said is wrapped in base64 (InvokeModel). */
export const frameUsage = (): UsageReader => {
  const frames = new FrameSplitter()
  const tally = new AnswerTally()
  return {
    push: (chunk) => {
      for (const payload of frames.push(chunk)) {
        tally.event(unwrapped(text.decode(payload)), (raw) => raw)
      }
      return chunk
    },
    flush: () => null,
    tally,
  }
}

const unwrapped = (raw: string): string => {
  const wrapped = /"bytes"\s*:\s*"([A-Za-z0-9+/]+=*)"/.exec(raw)?.[1]
  if (wrapped === undefined) return raw
  try {
    return text.decode(Uint8Array.from(atob(wrapped), (char) => char.charCodeAt(0)))
  } catch {
    return raw
  }
}

/** How much of a plain body is kept to look for its usage: the counts stand at its end, or before what is long. */
const maxTail = 128 * 1024
const maxHead = 4 * 1024

/**
 * For an answer in one piece. Only its ends are kept, so that a long one costs no memory.
 * @param drawn it may hold pictures
 */
export const bodyUsage = (drawn = false): UsageReader => {
  const tally = new AnswerTally()
  const pictures = drawn ? new PictureCounter() : undefined
  const tail = new Tail(maxTail)
  let head: Uint8Array = new Uint8Array(0)
  const push = (chunk: Uint8Array): Uint8Array => {
    if (head.length < maxHead) head = joined([head, chunk.subarray(0, maxHead - head.length)])
    tail.push(chunk)
    pictures?.push(chunk)
    return chunk
  }
  const flush = (): null => {
    const body = text.decode(tail.bytes)
    const parsed = tail.whole
      ? (parse(body) ?? lastLine(body))
      : (lastUsage(body) ?? lastUsage(text.decode(head)))
    // Gemini's stream without `alt=sse` is one list of what the events would have been.
    for (const event of Array.isArray(parsed) ? parsed : [parsed]) tally.add(event, body)
    if (!tail.whole && pictures) tally.made(pictures.count)
    return null
  }
  return { push, flush, tally }
}

/** Ollama streams lines, each an object of its own, the last with the counts. */
const lastLine = (body: string): unknown => parse(body.slice(body.trimEnd().lastIndexOf('\n') + 1))

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
