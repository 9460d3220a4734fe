import { object } from '../dialect/json.ts'
import { plainText } from '../dialect/plain-event.ts'
import { type Serving, servingIn } from '../dialect/serving.ts'
import { readUsage, type TokenCounts } from '../dialect/usage.ts'
import { Writing } from '../dialect/writing.ts'
import { tokensOfText } from '../tokens/text.ts'
import { lastUsage, parse } from './parse.ts'

/** What an answer was found to hold, as far as it has passed. */
export interface Tally {
  readonly counts: TokenCounts | undefined
  /** Tokens of what the model wrote, about: for when the upstream tells no count. Undefined: it could not be read. */
  readonly written: number | undefined
  readonly toolCalls: number
  /** How the answer says that it was served, where that may have another price than the list's. */
  readonly serving: Serving
}

/** Adds up what the events of one answer tell. */
export class AnswerTally implements Tally {
  counts: TokenCounts | undefined
  serving: Serving = {}
  readonly #writing = new Writing()
  #isRead = false

  get written(): number | undefined {
    return this.#isRead ? tokensOfText(this.#writing.bytes) : undefined
  }

  get toolCalls(): number {
    return this.#writing.tools
  }

  /**
   * Reads one event of a stream and returns it parsed, where there was a reason to. The first one always is, as it tells
   * how the answer is served.
   * @param json what of it is JSON, where that is not plain to see
   */
  event(raw: string, json: (raw: string) => string): unknown {
    const text = this.#isRead ? plainText(raw) : undefined
    if (text !== undefined) {
      this.#writing.found(text)
      return undefined
    }
    const parsed = objectIn(raw) ?? parse(json(raw)) ?? lastUsage(raw)
    this.add(parsed)
    return parsed
  }

  /** Reads a parsed body, or a part of one. */
  add(parsed: unknown): void {
    const event = object(parsed)
    if (event === undefined) return
    this.#isRead = true
    this.#writing.read(event)
    this.serving = servingIn(event, this.serving)
    const counts = readUsage(event, this.counts)
    const { searches } = this.#writing
    this.counts = counts && searches > (counts.searches ?? 0) ? { ...counts, searches } : counts
  }

  /** So many pictures were found in what could not be parsed. */
  made(images: number): void {
    const none: TokenCounts = { input: 0, output: 0, cached: 0, reasoning: 0 }
    if (images > 0) this.counts = { ...(this.counts ?? none), images }
  }
}

/** The JSON of an event as nearly all are: an object on one line, whatever stands before it. */
const objectIn = (raw: string): unknown => {
  const start = raw.indexOf('{')
  return start < 0 ? undefined : parse(raw.slice(start, raw.lastIndexOf('}') + 1))
}
