import { callsIn, mayCall } from '../dialect/calls.ts'
import { readUsage, type TokenCounts } from '../dialect/usage.ts'

/** What an answer was found to hold, as far as it has passed. */
export interface Tally {
  readonly counts: TokenCounts | undefined
  /** Pieces of text: about one token each, when the upstream told no count. */
  readonly pieces: number
  readonly toolCalls: number
}

/** Frames that carry text in one of the dialects; comments, pings and role frames are none. */
const carriesText =
  /"(?:content|text|delta|reasoning_content|arguments|partial_json|thinking|response|generation)":\s*"[^"]/

/** Only an event that holds one of these is parsed; `"usage":null` stands in every chunk of OpenAI's. */
const tellsUsage = /"usage(?:Metadata)?"\s*:\s*\{|Metrics"|"timings"|"(?:prompt_)?eval_count"/

/** Adds up what the events of one answer tell. */
export class AnswerTally implements Tally {
  counts: TokenCounts | undefined
  pieces = 0
  toolCalls = 0
  #searches = 0

  /** Reads one event of a stream and returns it parsed, where there was a reason to. */
  event(raw: string, json: (raw: string) => string): unknown {
    if (carriesText.test(raw)) this.pieces++
    if (!tellsUsage.test(raw) && !mayCall(raw)) return undefined
    const parsed = parse(json(raw))
    this.add(parsed)
    return parsed
  }

  /** Reads a parsed event or body. */
  add(parsed: unknown): void {
    const { tools, searches } = callsIn(parsed)
    this.toolCalls += tools
    this.#searches += searches
    const counts = readUsage(parsed, this.counts)
    this.counts =
      counts && this.#searches > (counts.searches ?? 0)
        ? { ...counts, searches: this.#searches }
        : counts
  }
}

export const parse = (json: string): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
