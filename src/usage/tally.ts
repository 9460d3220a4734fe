import { type Calls, callsIn, mayCall } from '../dialect/calls.ts'
import { readUsage, type TokenCounts } from '../dialect/usage.ts'
import { lastUsage, parse } from './parse.ts'

/** What an answer was found to hold, as far as it has passed. */
export interface Tally {
  readonly counts: TokenCounts | undefined
  /** Tokens of the text that passed, about: for when the upstream tells no count. */
  readonly spoken: number
  readonly toolCalls: number
}

/** Events that carry text in one of the dialects; comments, pings and role events are none. */
const carriesText =
  /"(?:content|text|delta|reasoning_content|arguments|partial_json|thinking|response|generation)":\s*"(?=[^"])/

/** The usual rule of thumb for English. */
const charsPerToken = 4

/** Only an event that holds one of these is parsed; `"usage":null` stands in every chunk of OpenAI's. */
const tellsUsage = /"usage(?:Metadata)?"\s*:\s*\{|Metrics"|"timings"|"(?:prompt_)?eval_count"/

/** Adds up what the events of one answer tell. */
export class AnswerTally implements Tally {
  counts: TokenCounts | undefined
  toolCalls = 0
  #searches = 0
  #pieces = 0
  #chars = 0

  /** Many servers send every token by itself, others a few sentences at a time. */
  get spoken(): number {
    return Math.max(this.#pieces, Math.floor(this.#chars / charsPerToken))
  }

  /** Reads one event of a stream and returns it parsed, where there was a reason to. */
  event(raw: string, json: (raw: string) => string): unknown {
    const chars = textIn(raw)
    if (chars > 0) this.#pieces++
    this.#chars += chars
    if (!tellsUsage.test(raw) && !mayCall(raw)) return undefined
    // The end of an event that is too long to keep, such as a picture.
    const parsed = parse(json(raw)) ?? lastUsage(raw)
    this.add(parsed, raw)
    return parsed
  }

  /** Reads a parsed body, or a part of one. @param raw what it was parsed from, where that is at hand */
  add(parsed: unknown, raw?: string): void {
    if (raw === undefined || mayCall(raw)) this.#count(callsIn(parsed))
    const counts = readUsage(parsed, this.counts)
    this.counts =
      counts && this.#searches > (counts.searches ?? 0)
        ? { ...counts, searches: this.#searches }
        : counts
  }

  #count({ tools, searches }: Calls): void {
    this.toolCalls += tools
    this.#searches += searches
  }

  /** So many pictures were found in what could not be parsed. */
  made(images: number): void {
    const none: TokenCounts = { input: 0, output: 0, cached: 0, reasoning: 0 }
    if (images > 0) this.counts = { ...(this.counts ?? none), images }
  }
}

/** Length of the first text in an event: up to a quote that is none of its own. */
const textIn = (raw: string): number => {
  const found = carriesText.exec(raw)
  if (!found) return 0
  const start = found.index + found[0].length
  let end = raw.indexOf('"', start)
  while (end > 0 && raw[end - 1] === '\\') end = raw.indexOf('"', end + 1)
  return (end < 0 ? raw.length : end) - start
}
