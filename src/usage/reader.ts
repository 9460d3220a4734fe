import { isUsageOnlyFrame, readUsage, type TokenCounts } from '../dialect/usage.ts'
import { concat } from '../http/body.ts'
import { EventSplitter, eventData } from './events.ts'
import { FrameSplitter } from './frames.ts'

/** Reads the token counts out of an answer while it passes. */
export interface UsageReader {
  /** Returns what goes on to the client: the same bytes, but for a usage frame nobody asked for. */
  push(chunk: Uint8Array): Uint8Array | null
  flush(): Uint8Array | null
  readonly counts: TokenCounts | undefined
  /** Pieces of text seen so far: about one token each, when the upstream told no count. */
  readonly pieces: number
}

const text = new TextDecoder()

/** Frames that carry text in one of the dialects; comments, pings and role frames are none. */
const carriesText =
  /"(?:content|text|delta|reasoning_content|arguments|partial_json|thinking)":\s*"[^"]/

/**
 * For a stream of server-sent events. Bytes pass first and are read after, unless the usage frame must be taken out:
 * then each event waits for its own end, which no client could act on earlier anyway.
 */
export const eventUsage = (dropUsageFrame: boolean): UsageReader => {
  const events = new EventSplitter()
  let counts: TokenCounts | undefined
  let pieces = 0

  /** False when the event is the extra frame. */
  const read = (event: Uint8Array): boolean => {
    const raw = text.decode(event)
    if (carriesText.test(raw)) pieces++
    if (!raw.includes('"usage')) return true
    const frame = parse(eventData(raw))
    counts = readUsage(frame, counts)
    return !(dropUsageFrame && isUsageOnlyFrame(frame))
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

  return {
    push,
    flush,
    get counts() {
      return counts
    },
    get pieces() {
      return pieces
    },
  }
}

/** For Amazon's event stream. What a model of its own dialect said is wrapped in base64 (InvokeModel). */
export const frameUsage = (): UsageReader => {
  const frames = new FrameSplitter()
  let counts: TokenCounts | undefined
  let pieces = 0
  const read = (payload: Uint8Array): void => {
    const raw = unwrapped(text.decode(payload))
    if (carriesText.test(raw)) pieces++
    if (/"usage"|Metrics"/.test(raw)) counts = readUsage(parse(raw), counts)
  }
  return {
    push: (chunk) => {
      for (const payload of frames.push(chunk)) read(payload)
      return chunk
    },
    flush: () => null,
    get counts() {
      return counts
    },
    get pieces() {
      return pieces
    },
  }
}

const unwrapped = (raw: string): string => {
  const wrapped = /"bytes"\s*:\s*"([A-Za-z0-9+/]+=*)"/.exec(raw)?.[1]
  return wrapped === undefined
    ? raw
    : text.decode(Uint8Array.from(atob(wrapped), (char) => char.charCodeAt(0)))
}

/** How much of a plain body is kept to look for its usage: the counts stand at its end. */
const maxTail = 256 * 1024

/** For an answer in one piece. Only its tail is kept, so that a long one costs no memory. */
export const bodyUsage = (): UsageReader => {
  let tail: Uint8Array[] = []
  let size = 0
  let whole = true
  let counts: TokenCounts | undefined
  const push = (chunk: Uint8Array): Uint8Array => {
    tail.push(chunk)
    size += chunk.length
    while (size > maxTail && tail.length > 1) {
      size -= tail.shift()?.length ?? 0
      whole = false
    }
    return chunk
  }
  const flush = (): null => {
    const body = text.decode(joined(tail))
    tail = []
    const parsed = whole ? parse(body) : lastUsage(body)
    // Gemini's stream without `alt=sse` is one list of what the events would have been.
    for (const event of Array.isArray(parsed) ? parsed : [parsed]) counts = readUsage(event, counts)
    return null
  }
  return {
    push,
    flush,
    get counts() {
      return counts
    },
    pieces: 0,
  }
}

/** An event of the last `"usage": {…}` or `"usageMetadata": {…}` of a text that is no whole JSON document. */
const lastUsage = (body: string): unknown => {
  const key = /^"(usage|usageMetadata)"\s*:\s*/.exec(body.slice(body.lastIndexOf('"usage')))
  if (!key?.[1]) return undefined
  const start = body.lastIndexOf('"usage') + key[0].length
  let depth = 0
  for (let i = start; i < body.length; i++) {
    if (body[i] === '{') depth++
    if (body[i] === '}' && --depth === 0) return { [key[1]]: parse(body.slice(start, i + 1)) }
  }
  return undefined
}

/** Neighbours in one buffer as one piece, without a copy: a copy would stay with every stalled stream. */
const span = (pieces: readonly Uint8Array[]): Uint8Array | null => {
  const [first] = pieces
  const last = pieces.at(-1)
  if (!first || !last) return null
  const size = last.byteOffset + last.byteLength - first.byteOffset
  return new Uint8Array(first.buffer, first.byteOffset, size)
}

const parse = (json: string): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

const joined = (pieces: readonly Uint8Array[]): Uint8Array =>
  concat(
    pieces,
    pieces.reduce((size, piece) => size + piece.length, 0),
  )
