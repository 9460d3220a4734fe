/**
 * How the bytes of an answer are to be read.
 * `events`: server-sent events (WHATWG HTML §9.2). `frames`: Amazon's event stream. `lines`: one JSON value to a line,
 * as Ollama's API streams. `list`: a JSON list whose elements come one by one, as Gemini streams without `alt=sse`.
 * `json`: one JSON value. `opaque`: anything else, such as sound.
 */
export type AnswerKind = 'events' | 'frames' | 'lines' | 'list' | 'json' | 'opaque'

/** One event of an answer, or all of an answer in one piece. */
export interface AnswerEvent {
  /** As it came; of server-sent events with the names of the fields. */
  readonly text: string
  /** The JSON in it, where it was parsed already. */
  readonly json?: unknown
  /** The answer ended without the end of this event. */
  readonly isRest?: boolean
  /** The exception that Amazon names in the headers of a frame. */
  readonly exception?: string | undefined
}

/** What is known of an answer while it passes. There is one for each answer, shared by all stages that read it. */
export interface Reading {
  /** Undefined until its first bytes have decided. */
  readonly kind: AnswerKind | undefined
  /** The last event has passed. A client that leaves from here on has all that it waited for. */
  readonly complete: boolean
  /** It ended within an event: a length that was not told was cut short. */
  readonly broken: boolean
  /** The provider's code of an error that the answer reports, whatever its status. */
  readonly errorCode: string | undefined
  /** The label of the answer is one that its request led to expect, so its head need not wait for the first bytes. */
  readonly agreed: boolean
  /** The number that the next event of the responses API would have. */
  readonly nextSequence: number
  /** Decides by the first bytes; returns what may go on. */
  push(chunk: Uint8Array): Uint8Array | null
  /** Takes note of an event; called by the one stage that splits the answer. */
  note(event: AnswerEvent): void
}
