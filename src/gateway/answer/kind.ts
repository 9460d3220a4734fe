import { RESOURCE } from '../../config/resources.ts'
import type { AnswerKind } from '../../platform/answer.ts'
import type { Operation } from '../dialect/operations.ts'

/** What an operation is answered with; the first is assumed where the bytes say nothing. Empty: not known. */
export const expectedKinds = (
  operation: Pick<Operation, 'operation' | 'dialect'> | undefined,
  stream: boolean,
): readonly AnswerKind[] => {
  if (operation === undefined) return []
  const { operation: name } = operation
  // A file that was uploaded is anything.
  if (name === RESOURCE) return ['opaque', 'json', 'events', 'lines']
  if (/(?:^|\/)speech$/.test(name)) return ['opaque', 'events', 'json']
  if (/(?:^|\/)(?:transcriptions|translations)$/.test(name)) return ['json', 'events', 'opaque']
  if (name === 'streamGenerateContent') return ['events', 'list']
  if (/-stream$/.test(name)) return ['frames']
  // Claude at Vertex says in the body whether it streams, whatever the method.
  if (name === 'rawPredict') return ['json', 'events']
  if (/^(?:ollama\/)?api\//.test(name) || /^ollama/.test(operation.dialect)) {
    return stream ? ['lines'] : ['json']
  }
  return stream ? ['events'] : ['json']
}

const LABELS: Readonly<Record<string, AnswerKind>> = {
  'text/event-stream': 'events',
  'application/vnd.amazon.eventstream': 'frames',
  'application/x-ndjson': 'lines',
  'application/ndjson': 'lines',
  'application/jsonl': 'lines',
  'application/x-jsonlines': 'lines',
  'application/json-lines': 'lines',
  'application/octet-stream': 'opaque',
}

/** What a kind is called where the label of an answer says something else. */
export const MEDIA_TYPES: Readonly<Partial<Record<AnswerKind, string>>> = {
  events: 'text/event-stream; charset=utf-8',
  frames: 'application/vnd.amazon.eventstream',
  lines: 'application/x-ndjson',
  list: 'application/json; charset=utf-8',
  json: 'application/json; charset=utf-8',
}

/** Type and subtype, which have no case (RFC 9110 §8.3.1), without parameters. */
export const mediaType = (contentType: string): string =>
  (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()

/**
 * What `Content-Type` says; undefined where that is nothing, or as good as nothing: PHP LABELS everything as HTML, and
 * text is what a transcript is, but hardly what anything else is.
 */
export const labelledKind = (
  contentType: string,
  expected: readonly AnswerKind[] = [],
): AnswerKind | undefined => {
  const type = mediaType(contentType)
  if (type in LABELS) return LABELS[type]
  if (type === 'application/json' || type.endsWith('+json')) return 'json'
  if (/^(?:audio|image|video)\//.test(type)) return 'opaque'
  return type.startsWith('text/') && expected.includes('opaque') ? 'opaque' : undefined
}

/** Kinds that come while the model is at work, and must not be held back by anything in between. */
export const isStreamed = (kind: AnswerKind | undefined): boolean =>
  kind === 'events' || kind === 'frames' || kind === 'lines' || kind === 'list'

const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b
const COLON = 0x3a
const LESS_THAN = 0x3c
const BOM = [0xef, 0xbb, 0xbf]

/** Names that begin a line of an event; a line that is only a comment begins with the colon. */
const FIELDS = ['data', 'event', 'id', 'retry']

/** `page`: markup where none can be meant. `more`: these bytes could begin several things. */
export type Verdict = AnswerKind | 'page' | 'more'

export interface Question {
  readonly expected: readonly AnswerKind[]
  readonly label: AnswerKind | undefined
}

/** What label and request say together, where the bytes do not. */
export const assumedKind = ({ expected, label }: Question): AnswerKind =>
  label ?? expected[0] ?? 'opaque'

/** The label is one that the request led to expect: nothing has to be looked at before the head is passed on. */
export const isAgreed = ({ expected, label }: Question): boolean =>
  label !== undefined && (expected.length === 0 || expected.includes(label))

/** Decides by the first bytes. */
export const sniff = (bytes: Uint8Array, question: Question): Verdict => {
  const { expected, label } = question
  if (label === 'opaque' && isAgreed(question)) return 'opaque'
  if (label === undefined && expected[0] === 'opaque') return sniffSound(bytes)
  if (bytes[0] === 0 && (label === 'frames' || expected.includes('frames'))) return 'frames'
  const start = skipBlanks(bytes)
  switch (start === undefined ? undefined : bytes[start]) {
    case undefined:
      return 'more'
    case OPEN_BRACE:
      return expected.includes('lines') || label === 'lines' ? 'lines' : 'json'
    case OPEN_BRACKET:
      return expected.includes('list') ? 'list' : 'json'
    case COLON:
      return 'events'
    case LESS_THAN:
      return expected.includes('opaque') ? 'opaque' : 'page'
    default:
      return beginsEvent(bytes.subarray(start)) ?? unlike(question)
  }
}

/** Sound begins with any byte, so only what is hardly sound is something else. */
const sniffSound = (bytes: Uint8Array): Verdict => {
  if (bytes.length === 0) return 'more'
  return bytes[0] === OPEN_BRACE ? 'json' : (beginsEvent(bytes) ?? 'opaque')
}

const unlike = (question: Question): AnswerKind =>
  isAgreed(question) ? assumedKind(question) : 'opaque'

const beginsEvent = (bytes: Uint8Array): Verdict | undefined => {
  for (const field of FIELDS) {
    let at = 0
    while (at < field.length && bytes[at] === field.charCodeAt(at)) at++
    if (at === bytes.length) return 'more'
    if (at === field.length && (bytes[at] === COLON || isBlank(bytes[at]))) return 'events'
  }
  return undefined
}

/** Index after a byte order mark and blanks; undefined while the mark may still be coming. */
const skipBlanks = (bytes: Uint8Array): number | undefined => {
  let at = 0
  for (const byte of BOM) {
    if (at === bytes.length) return undefined
    if (bytes[at] !== byte) break
    at++
  }
  if (at < BOM.length) at = 0
  while (isBlank(bytes[at])) at++
  return at
}

/** Space, tab, line feed, carriage return. */
export const isBlank = (byte: number | undefined): boolean =>
  byte === 32 || byte === 10 || byte === 13 || byte === 9
