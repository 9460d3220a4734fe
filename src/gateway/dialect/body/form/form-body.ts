import { Failure } from '../../../../platform/failure.ts'
import type { Bounds } from '../bounds.ts'
import type { BodyBytes } from '../edit.ts'
import type { InlineFile } from '../files.ts'
import { modelName } from '../model-name.ts'
import { isSteering, mistakenFor } from '../names.ts'
import { mayNameModels, type OtherModels } from '../other-models.ts'
import {
  boundaryOf,
  brokenForm,
  type PartHead,
  readPartHead,
  writePartHead,
} from './form-headers.ts'

/** A form, read once. It is written anew when it is sent: nothing of its framing reaches another parser. */
export interface FormBody {
  /** Undefined where the form has no such field. */
  readonly model: string | undefined
  readonly stream: boolean
  readonly otherModels: OtherModels
  readonly bounds: Bounds
  readonly files: readonly InlineFile[]
  /** Bytes of its fields that are not files. */
  readonly textSize: number
  /** @param boundary of the new form: random, so that no content can hold it */
  forward(model: string | undefined, boundary: string): BodyBytes
}

interface Part {
  readonly head: PartHead
  readonly content: Uint8Array
}

/** As many as Starlette and Werkzeug take. */
const MAX_PARTS = 1000
const MAX_HEAD = 8 * 1024
/** Longer fields are not settings. */
const MAX_SETTING = 300
const MAX_COUNT = 100_000_000

const CRLF = [0x0d, 0x0a]
const DASH = 0x2d

/**
 * Reads `multipart/form-data` (RFC 7578, with the framing of RFC 2046 §5.1): text before the first boundary and after the
 * last is ignored.
 * @throws Failure `invalid_request` where it is broken, or where parsers would read it differently
 */
export const readFormBody = (bytes: Uint8Array, contentType: string): FormBody => {
  const parts = partsOf(bytes, boundaryOf(contentType))
  for (const { head } of parts) checkName(head)
  const setting = (name: string): string | undefined => settingOf(parts, name)
  const model = setting('model')
  const fields = parts.filter(({ head }) => head.filename === undefined)
  return {
    model: model === undefined ? undefined : modelName(model),
    // As pydantic and Go read a truth in a form.
    stream: /^(?:true|1|t|yes|y|on)$/i.test(setting('stream') ?? ''),
    otherModels: otherModelsOf(parts),
    bounds: { choices: countOf(setting('n'), 'n') ?? 1 },
    files: parts.filter(({ head }) => head.filename !== undefined).map(fileOf),
    textSize: fields.reduce((size, { content }) => size + content.length, 0),
    forward: (name, boundary) => written(parts, name, boundary),
  }
}

const checkName = ({ name, filename }: PartHead): void => {
  if (isSteering(name)) {
    const message = `The form field "${name}" is not accepted: where requests go is decided by the gateway.`
    throw new Failure('invalid_request', message)
  }
  const meant = mistakenFor(name)
  if (meant !== undefined) {
    const message = `The form field "${name}" is not accepted: some servers read it as "${meant}".`
    throw new Failure('invalid_request', message)
  }
  if (filename !== undefined && SETTINGS.has(name)) {
    throw new Failure('invalid_request', `The form field "${name}" must not be a file.`)
  }
  // By this field some parsers choose the charset of all others (RFC 7578 §4.6).
  if (name === '_charset_') throw brokenForm('it has a field that changes its charset')
}

const SETTINGS = new Set(['model', 'models', 'stream', 'n', 'fallbacks'])

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A field that decides something: once, and as text. The line break at its end is what some shells send. */
const settingOf = (parts: readonly Part[], name: string): string | undefined => {
  const found = parts.filter(({ head }) => head.name === name)
  if (found.length > 1) {
    throw new Failure('invalid_request', `The form field "${name}" is given twice.`)
  }
  const content = found[0]?.content
  if (content === undefined) return undefined
  if (content.length <= MAX_SETTING) {
    try {
      return utf8.decode(content).trim()
    } catch {}
  }
  throw new Failure('invalid_request', `The form field "${name}" cannot be read.`)
}

const countOf = (text: string | undefined, name: string): number | undefined => {
  if (text === undefined || text === '') return undefined
  const count = Number(text)
  if (/^-?\d{1,9}$/.test(text) && count >= -1 && count <= MAX_COUNT) return count
  throw new Failure('invalid_request', `The form field "${name}" must be a whole number.`)
}

const otherModelsOf = (parts: readonly Part[]): OtherModels => {
  const field = parts.find(({ head }) => mayNameModels(head.name))
  return field ? { names: [], unreadable: field.head.name } : { names: [] }
}

const fileOf = ({ content }: Part): InlineFile => ({
  size: content.length,
  encodedSize: content.length,
  head: (count) => content.subarray(0, count),
})

const partsOf = (bytes: Uint8Array, boundary: string): readonly Part[] => {
  const delimiter = Uint8Array.from([...CRLF, DASH, DASH, ...new TextEncoder().encode(boundary)])
  const search = finder(delimiter)
  const parts: Part[] = []
  // Before the first part the line break belongs to what precedes the boundary, and may be missing.
  let at = begins(bytes, delimiter.subarray(2)) ? delimiter.length - 2 : -1
  if (at < 0) {
    const first = search(bytes, 0)
    if (first < 0) throw brokenForm('its boundary is missing')
    at = first + delimiter.length
  }
  for (;;) {
    if (bytes[at] === DASH && bytes[at + 1] === DASH) return parts
    const head = afterLine(bytes, at)
    const end = search(bytes, head - CRLF.length)
    if (end < 0) throw brokenForm('it has no closing boundary')
    if (parts.length === MAX_PARTS) throw brokenForm(`it has more than ${MAX_PARTS} parts`)
    parts.push(partAt(bytes, head, end))
    at = end + delimiter.length
  }
}

const begins = (bytes: Uint8Array, with_: Uint8Array): boolean =>
  with_.every((byte, index) => bytes[index] === byte)

/** After a boundary nothing but padding (RFC 2046: `transport-padding`) and a line break. */
const afterLine = (bytes: Uint8Array, from: number): number => {
  let at = from
  while (bytes[at] === 0x20 || bytes[at] === 0x09) at++
  if (bytes[at] !== CRLF[0] || bytes[at + 1] !== CRLF[1]) {
    throw brokenForm('a boundary is not at the end of its line')
  }
  return at + 2
}

const partAt = (bytes: Uint8Array, from: number, end: number): Part => {
  const headEnd = headEndOf(bytes, from, end)
  return {
    head: readPartHead(bytes.subarray(from, headEnd)),
    content: bytes.subarray(headEnd + 4, end),
  }
}

const headEndOf = (bytes: Uint8Array, from: number, end: number): number => {
  const last = Math.min(end, from + MAX_HEAD)
  for (let at = from; at + 4 <= last + 4 && at + 4 <= end + 4; at++) {
    if (at > last) break
    if (bytes[at] === 13 && bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) {
      if (at + 4 > end) break
      return at
    }
  }
  throw brokenForm('a part has no header that ends')
}

/** Boyer–Moore–Horspool: a file of megabytes is not looked at byte by byte. */
const finder = (pattern: Uint8Array) => {
  const last = pattern.length - 1
  const shift = new Uint8Array(256).fill(Math.min(255, pattern.length))
  for (let i = 0; i < last; i++) shift[pattern[i]!] = Math.min(255, last - i)
  return (bytes: Uint8Array, from: number): number => {
    let at = Math.max(0, from)
    while (at + last < bytes.length) {
      const tail = bytes[at + last]!
      if (tail === pattern[last] && matches(bytes, at, pattern)) return at
      at += shift[tail]!
    }
    return -1
  }
}

const matches = (bytes: Uint8Array, at: number, pattern: Uint8Array): boolean => {
  for (let i = 0; i < pattern.length; i++) {
    if (bytes[at + i] !== pattern[i]) return false
  }
  return true
}

const written = (
  parts: readonly Part[],
  model: string | undefined,
  boundary: string,
): readonly Uint8Array[] => {
  const encoder = new TextEncoder()
  const contentOf = ({ head, content }: Part): Uint8Array =>
    head.name === 'model' ? encoder.encode(model ?? utf8.decode(content).trim()) : content
  const named = parts.some(({ head }) => head.name === 'model')
  const added: readonly Part[] =
    named || model === undefined ? [] : [{ head: field('model'), content: encoder.encode(model) }]
  const pieces = [...added, ...parts].flatMap((part) => [
    encoder.encode(`--${boundary}\r\n${writePartHead(part.head)}`),
    contentOf(part),
    encoder.encode('\r\n'),
  ])
  return [...pieces, encoder.encode(`--${boundary}--\r\n`)]
}

const field = (name: string): PartHead => ({ name, filename: undefined, contentType: undefined })
