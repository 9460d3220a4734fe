import type { AnswerEvent, AnswerKind, Reading } from '../../platform/answer.ts'
import { concat } from '../../platform/bytes.ts'
import { parse } from '../dialect/json.ts'
import type { Target } from '../http/env.ts'
import { eventData, eventName } from './events.ts'
import { failureIn, mayReportFailure, NO_CODE } from './failure.ts'
import {
  assumedKind,
  expectedKinds,
  isAgreed,
  isBlank,
  labelledKind,
  type Question,
  sniff,
} from './kind.ts'
import { isLast, isLastText, mayBeLast, SHORT_EVENT } from './last-event.ts'

/** Bytes without a decision, after which there is none: some servers send blanks while a model is at work. */
const MAX_UNDECIDED = 1024
const empty = new Uint8Array(0)

interface Head {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** @param target what was asked for; absent: nothing is expected of the answer */
export const readingOf = (
  { status, headers }: Head,
  target: Pick<Target, 'operation' | 'stream'> | undefined,
): AnswerReading => {
  const expected = status < 400 ? expectedKinds(target?.operation, target?.stream ?? false) : []
  const contentType = headers.find(([name]) => name === 'content-type')?.[1] ?? ''
  return new AnswerReading({ expected, label: labelledKind(contentType, expected) })
}

export class AnswerReading implements Reading {
  readonly #question: Question
  /** The head may go before the first byte has decided. */
  readonly agreed: boolean
  kind: AnswerKind | undefined
  /** Markup came where a model's answer was expected. */
  page = false
  complete = false
  broken = false
  errorCode: string | undefined
  /** The last event of the responses API, for its number. */
  #last = ''
  #undecided: Uint8Array = empty
  #blanks = 0

  constructor(question: Question) {
    this.#question = question
    this.agreed = isAgreed(question)
  }

  /** The kind as far as it is known when the head goes out. */
  get assumed(): AnswerKind {
    return this.kind ?? assumedKind(this.#question)
  }

  get nextSequence(): number {
    const found = /"sequence_number"\s*:\s*(\d{1,9})/.exec(this.#last)?.[1]
    return found === undefined ? 0 : Number(found) + 1
  }

  /**
   * Decides by the first bytes, and returns what may go on: all of them, but for a few that could begin several things.
   * Blanks go on at once, as they keep a connection alive.
   */
  push(chunk: Uint8Array): Uint8Array | null {
    if (this.kind !== undefined) return chunk
    const bytes =
      this.#undecided.length > 0
        ? concat([this.#undecided, chunk], this.#undecided.length + chunk.length)
        : chunk
    const verdict = sniff(bytes, this.#question)
    this.#undecided = empty
    if (verdict !== 'more') {
      this.page = verdict === 'page'
      this.kind = verdict === 'page' ? 'opaque' : verdict
      return bytes
    }
    this.#blanks += chunk.length
    if (this.#blanks > MAX_UNDECIDED) this.kind = this.assumed
    if (this.kind !== undefined || bytes.every(isBlank)) return bytes
    this.#undecided = bytes.slice()
    return null
  }

  /** What waited for a decision when the answer ended. */
  flush(): Uint8Array | null {
    this.kind ??= this.assumed
    const rest = this.#undecided
    this.#undecided = empty
    return rest.length > 0 ? rest : null
  }

  note({ text, json, exception, isRest = false }: AnswerEvent): void {
    if (isRest) this.broken = this.#isHalf(text)
    const ofResponses = text.includes('"response.')
    if (ofResponses) this.#last = text
    const mayFail = text.includes('error') || (ofResponses && text.includes('failed'))
    if (ofResponses || (text.length < SHORT_EVENT && mayBeLast(text))) {
      this.complete ||= isLastText(text)
    }
    if (json !== undefined) this.complete ||= isLast(json)
    if (exception !== undefined) this.errorCode ??= exception
    else if (mayFail || json !== undefined) this.errorCode ??= this.#failureIn(text, json)
  }

  /** The last line may lack its end; half a value is not one. */
  #isHalf(text: string): boolean {
    const data = this.kind === 'events' ? eventData(text) : text.trim()
    if (this.kind === 'events' && data === '') return !/^:|[\r\n]|^(?:event|id|retry):/.test(text)
    return /^[[{]/.test(data) && data !== '[DONE]' && parse(data) === undefined
  }

  #failureIn(text: string, json: unknown): string | undefined {
    const isEvents = this.kind === 'events'
    const parsed =
      json ?? (mayReportFailure(text) ? parse(isEvents ? eventData(text) : text) : undefined)
    // An event may be called an error whatever its data is.
    const isNamed = isEvents && text.includes('event:') && eventName(text) === 'error'
    return failureIn(parsed) ?? (isNamed ? NO_CODE : undefined)
  }
}
