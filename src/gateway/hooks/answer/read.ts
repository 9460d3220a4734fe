import type { AnswerKind } from '../../../platform/answer.ts'
import { isStreamed } from '../../answer/kind.ts'
import { kindOf, valuesIn } from '../../answer/whole.ts'
import { rebuild } from './rebuild.ts'
import { type ToolCall, toolCallsOf } from './tool-calls.ts'

/** An answer as it came. */
export interface Captured {
  /** As it was read while it passed; absent: it is found out. */
  readonly kind?: AnswerKind | undefined
  readonly contentType: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** The same, understood. */
export interface ReadAnswer {
  /** One object whatever the stream; null where it is not JSON. */
  readonly body: unknown
  /** The events of a stream, or the one object. */
  readonly raw: readonly unknown[]
  readonly toolCalls: readonly ToolCall[]
}

/** Reads a whole answer, streamed or not. */
export const readAnswer = ({ kind: known, contentType, bytes }: Captured): ReadAnswer => {
  const kind = known ?? kindOf(bytes, contentType)
  const values = valuesIn(bytes, kind)
  const [only] = values
  // Gemini streams a list where no events were asked for; elsewhere a list is a value like any other.
  const raw = values.length === 1 && Array.isArray(only) ? only : values
  const body = isStreamed(kind) || raw.length > 1 ? rebuild(raw) : (raw[0] ?? null)
  return { body, raw, toolCalls: toolCallsOf(body) }
}
