import type { HookEvent } from '../../config/config.ts'
import { concat } from '../../platform/bytes.ts'
import type { Log } from '../../platform/platform.ts'
import type { UsageRow } from '../../platform/records/usage.ts'
import type { Candidate } from '../../platform/upstream.ts'
import type { AnswerOutcome, BodyWatch, Tap } from '../http/env.ts'
import { type Captured, type ReadAnswer, readAnswer } from './answer/read.ts'
import type { Deliveries, Delivery } from './deliveries.ts'
import { type AnswerFacts, type EstimatedCost, type Facts, payloadOf } from './payload.ts'
import type { HookUse } from './uses.ts'

/** More of an answer is not kept. */
const maxAnswer = 8 * 1024 * 1024

export interface ReportOptions {
  readonly deliveries: Deliveries
  readonly newId: () => string
  readonly log: Log
  readonly requestId: string
  /** Who is told of a request that went to this candidate. */
  readonly usesFor: (candidate: Candidate) => readonly HookUse[]
  readonly factsFor: (candidate: Candidate) => Facts
  /** What the ledger says of the request, when it is over. */
  readonly line: () => Promise<UsageRow>
}

const after: readonly HookEvent[] = ['entire_request', 'tool_call_entire_request']

export const isTold = ({ events }: HookUse): boolean => after.some((event) => events.has(event))

/** Tells hooks of one request, once, when it is over. */
export class Report {
  readonly #options: ReportOptions
  #told = false

  constructor(options: ReportOptions) {
    this.#options = options
  }

  /** Keeps what passes, if anybody asks for it, and changes nothing of it. */
  readonly tap: Tap = (candidate, { status, headers, reading }, watch) => {
    const uses = this.#options.usesFor(candidate).filter(isTold)
    if (uses.length === 0) return watch
    const header = (wanted: string): string =>
      headers.find(([name]) => name === wanted)?.[1]?.toLowerCase() ?? ''
    const kept = uses.some(needsAnswer) ? new Kept(this.#options.deliveries) : undefined
    return {
      ...watch,
      push: (chunk) => {
        kept?.push(chunk)
        return watch.push(chunk)
      },
      done: (outcome, errorCode) => {
        watch.done(outcome, errorCode)
        this.#tell(candidate, outcome, status, () => ({
          kind: reading?.kind,
          contentType: header('content-type'),
          bytes: kept?.take() ?? new Uint8Array(),
          whole: kept?.whole ?? true,
        }))
      },
    } satisfies BodyWatch
  }

  /** There is no answer to wait for: nobody could be reached, or what came was not let through. */
  unanswered(candidate: Candidate, outcome: AnswerOutcome, status: number): void {
    this.#tell(candidate, outcome, status, () => undefined)
  }

  #tell(
    candidate: Candidate,
    outcome: AnswerOutcome,
    status: number,
    take: () => (Captured & { readonly whole: boolean }) | undefined,
  ): void {
    if (this.#told) return
    this.#told = true
    const { deliveries, log, requestId: rid, usesFor } = this.#options
    const uses = usesFor(candidate).filter(isTold)
    if (uses.length === 0) return
    deliveries.later(async () => {
      const captured = take()
      if (captured?.whole === false) log('warn', 'hook.answer_not_kept', { rid })
      const line = await this.#options.line()
      const answer = this.#read(captured)
      const told = { ...answer, cost: costIn(line) }
      const headers = [
        ['x-postern-outcome', outcome === 'ok' && status >= 400 ? 'upstream_error' : outcome],
        ['x-postern-status', String(status)],
        ...(captured?.whole === false ? [['x-postern-truncated', '1'] as const] : []),
      ] as const
      return uses.flatMap((use) => this.#deliver(use, candidate, told, headers))
    })
  }

  #read(captured: Captured | undefined): ReadAnswer {
    if (!captured || captured.bytes.length === 0) return nothing
    try {
      return readAnswer(captured)
    } catch (error) {
      const { log, requestId: rid } = this.#options
      log('warn', 'hook.answer_unread', { rid, reason: String(error) })
      return nothing
    }
  }

  #deliver(
    use: HookUse,
    candidate: Candidate,
    answer: AnswerFacts,
    headers: Delivery['headers'],
  ): Delivery[] {
    const called = answer.toolCalls.length > 0
    const events = after.filter(
      (event) => use.events.has(event) && (event === 'entire_request' || called),
    )
    if (events.length === 0) return []
    return [
      {
        hook: use.hook.name,
        events: events.join(','),
        id: this.#options.newId(),
        body: payloadOf(use.send, this.#options.factsFor(candidate), answer),
        headers,
      },
    ]
  }
}

const nothing: ReadAnswer = { body: {}, raw: [], toolCalls: [] }

const costIn = (line: UsageRow): EstimatedCost => ({
  dollars: line.costNanousd === null ? null : line.costNanousd / 1e9,
  cost_basis: line.costBasis ?? '',
  usage: {
    input_tokens: line.inputTokens,
    output_tokens: line.outputTokens,
    cached_tokens: line.cachedTokens,
    reasoning_tokens: line.reasoningTokens,
    cache_creation_input_tokens: line.cacheWriteTokens,
    web_search_count: line.webSearches,
  },
})

const ofAnswer = ['response_body', 'raw_responses', 'tools'] as const

const needsAnswer = ({ send, events }: HookUse): boolean =>
  events.has('tool_call_entire_request') || ofAnswer.some((field) => send.has(field))

/** An answer's bytes, within the bounds of one and of all. */
class Kept {
  readonly #deliveries: Deliveries
  #chunks: Uint8Array[] = []
  #size = 0
  whole = true

  constructor(deliveries: Deliveries) {
    this.#deliveries = deliveries
  }

  push(chunk: Uint8Array): void {
    if (!this.whole) return
    const size = chunk.byteLength
    if (this.#size + size > maxAnswer || !this.#deliveries.reserve(size)) {
      this.#giveUp()
      return
    }
    // A copy: a view would keep the transport's whole buffer.
    this.#chunks.push(chunk.slice())
    this.#size += size
  }

  /** Part of an answer is not an answer. */
  #giveUp(): void {
    this.whole = false
    this.take()
  }

  take(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(concat(this.#chunks, this.#size))
    this.#deliveries.release(this.#size)
    this.#chunks = []
    this.#size = 0
    return bytes
  }
}
