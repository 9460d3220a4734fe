import type { AnswerKind } from '../../answer/answer.ts'
import { isStreamed } from '../../answer/kind.ts'
import { kindOf, valuesIn } from '../../answer/whole.ts'
import { concat } from '../../http/body.ts'
import { rebuild } from './rebuild.ts'
import { type ToolCall, toolCallsOf } from './tool-calls.ts'

/** An answer as it came. */
export interface Captured {
  /** As it was read while it passed; absent: it is found out. */
  readonly kind?: AnswerKind | undefined
  readonly contentType: string
  readonly contentEncoding: string
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

/** Reads a whole answer, compressed or not, streamed or not. Rejects when it unpacks to more than `max` bytes. */
export async function readAnswer(captured: Captured, max: number): Promise<ReadAnswer> {
  const bytes = await unpack(captured, max)
  const kind = captured.kind ?? kindOf(bytes, captured.contentType)
  const values = valuesIn(bytes, kind)
  const [only] = values
  // Gemini streams a list where no events were asked for; elsewhere a list is a value like any other.
  const raw = values.length === 1 && Array.isArray(only) ? only : values
  const body = isStreamed(kind) || raw.length > 1 ? rebuild(raw) : (raw[0] ?? null)
  return { body, raw, toolCalls: toolCallsOf(body) }
}
const formats: Readonly<Record<string, string>> = {
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
  br: 'brotli',
}

/** We ask for plain answers; some servers compress nevertheless. */
async function unpack(
  { contentEncoding, bytes }: Captured,
  max: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const coding = contentEncoding.trim().toLowerCase()
  if (coding === '' || coding === 'identity') return bytes
  const format = formats[coding]
  if (format === undefined) throw new Error(`the answer is packed as ${coding}`)
  const packed = new Blob([bytes]).stream()
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of packed.pipeThrough(new DecompressionStream(format as Format))) {
    size += chunk.byteLength
    if (size > max) throw new Error(`the answer unpacks to more than ${max} bytes`)
    chunks.push(chunk)
  }
  return new Uint8Array(concat(chunks, size))
}

/** Of the host: Node knows brotli, a Worker does not. */
type Format = ConstructorParameters<typeof DecompressionStream>[0]
