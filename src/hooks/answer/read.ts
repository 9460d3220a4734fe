import { object, parse, text } from '../json.ts'
import { rebuild } from './rebuild.ts'
import { type ToolCall, toolCallsOf } from './tool-calls.ts'

/** An answer as it came. */
export interface Captured {
  readonly contentType: string
  readonly contentEncoding: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** The same, understood. */
export interface ReadAnswer {
  /** One object whatever the stream; null where it is no JSON. */
  readonly body: unknown
  /** The events of a stream, or the one object. */
  readonly raw: readonly unknown[]
  readonly toolCalls: readonly ToolCall[]
}

/** Reads a whole answer, compressed or not, streamed or not. Rejects when it unpacks to more than `max` bytes. */
export async function readAnswer(captured: Captured, max: number): Promise<ReadAnswer> {
  const bytes = await unpack(captured, max)
  const raw = piecesOf(captured.contentType, bytes)
  const streamed = isStream(captured.contentType) || raw.length > 1
  const body = streamed ? rebuild(raw) : (raw[0] ?? null)
  return {
    body,
    raw,
    toolCalls: toolCallsOf(body),
  }
}

const isStream = (contentType: string): boolean =>
  /^(?:text\/event-stream|application\/x-ndjson|application\/vnd\.amazon\.eventstream)/.test(
    contentType,
  )

function piecesOf(contentType: string, bytes: Uint8Array): readonly unknown[] {
  if (contentType.startsWith('application/vnd.amazon.eventstream')) return framesOf(bytes)
  const source = new TextDecoder().decode(bytes)
  if (contentType.startsWith('application/x-ndjson')) return linesOf(source)
  if (isStream(contentType)) return eventsOf(source)
  const value = parse(source)
  // Gemini streams a list where nobody asked for events.
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}

const linesOf = (source: string): unknown[] =>
  source
    .split('\n')
    .map(parse)
    .filter((value) => value !== undefined)

/** `data` of each event (WHATWG HTML §9.2), where it is JSON. */
const eventsOf = (source: string): unknown[] =>
  source
    .replace(/^\uFEFF/, '')
    .split(/\r\n\r\n|\n\n|\r\r/)
    .map((event) =>
      event
        .split(/\r\n|\n|\r/)
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5))
        .join('\n'),
    )
    .map(parse)
    .filter((value) => value !== undefined)

/** Lengths and a checksum before a frame's headers, and a checksum after its payload. */
const prelude = 12
const trailer = 4

/** Amazon's event stream: whole length, length of the headers, checksum, headers, payload, checksum. */
function framesOf(bytes: Uint8Array): unknown[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const frames: unknown[] = []
  for (let at = 0; at + prelude + trailer <= bytes.length; ) {
    const length = view.getUint32(at)
    const payload = at + prelude + view.getUint32(at + 4)
    if (length < prelude + trailer || at + length > bytes.length) break
    frames.push(unwrap(parse(new TextDecoder().decode(bytes.subarray(payload, at + length - 4)))))
    at += length
  }
  return frames.filter((frame) => frame !== undefined)
}

/** `invoke` wraps the model's own events. */
const unwrap = (frame: unknown): unknown => {
  const wrapped = text(object(frame)?.bytes)
  if (wrapped === '' || !/^[A-Za-z0-9+/]+=*$/.test(wrapped)) return frame
  const bytes = Uint8Array.from(atob(wrapped), (char) => char.charCodeAt(0))
  return parse(new TextDecoder().decode(bytes)) ?? frame
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
  return joined(chunks, size)
}

/** Of the host: Node knows brotli, a Worker does not. */
type Format = ConstructorParameters<typeof DecompressionStream>[0]

const joined = (chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> => {
  const whole = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.byteLength
  }
  return whole
}
