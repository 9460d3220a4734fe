import { Failure } from '../../../platform/failure.ts'
import { type Bounds, boundsIn, pricingHintsIn } from './bounds.ts'
import { type BodyBytes, type Edit, edited, whole } from './edit.ts'
import { filesIn, type InlineFile, remoteFile } from './files.ts'
import { modelName } from './model-name.ts'
import { checkNames } from './names.ts'
import { type OtherModels, otherModelsIn } from './other-models.ts'
import { type Member, type Scan, scanAtOnce, scanBody } from './scan.ts'
import { stringAt, valueAt } from './text.ts'

/** What a client sent as JSON, read once. */
export interface JsonBody {
  /** As it came, but for a byte order mark. */
  readonly bytes: Uint8Array
  readonly members: readonly Member[]
  /** Undefined where the body names none. */
  readonly model: string | undefined
  readonly stream: boolean
  /** The client itself asked for the usage frame at the end of a stream. */
  readonly usageAsked: boolean
  readonly otherModels: OtherModels
  readonly bounds: Bounds
  readonly pricingHints: Readonly<Record<string, string>>
  files(): readonly InlineFile[]
  member(name: string): Member | undefined
  /** The whole body parsed, for guards and captures: made when it is first asked for. */
  json(): Readonly<Record<string, unknown>>
}

export interface JsonBodyOptions {
  /** The path names the model: the body's own dialect is the model's. */
  readonly modelInPath: boolean
  /** What an absent `stream` means. */
  readonly streams: boolean
  /** It is not a request of a model: an `endpoint` in it steers nothing, and what it says of tokens bounds no answer. */
  readonly ofResource?: boolean
}

/**
 * Reads a JSON body: one pass over its bytes, and no value made of anything that need not be known.
 * @throws Failure `invalid_request` naming the field that is wrong
 */
export const readJsonBody = (
  sent: Uint8Array,
  options: JsonBodyOptions,
): JsonBody | Promise<JsonBody> => {
  const bytes = withoutMark(sent)
  refusePacked(bytes)
  const scan = scanBody(bytes)
  return scan instanceof Promise
    ? scan.then((found) => bodyOf(bytes, found, options))
    : bodyOf(bytes, scan, options)
}

/** The same at once, for a body that we or a guard made of one that was read. @throws Failure like `readJsonBody` */
export const readEdited = (bytes: Uint8Array, options: JsonBodyOptions): JsonBody =>
  bodyOf(bytes, scanAtOnce(bytes), options)

const bodyOf = (
  bytes: Uint8Array,
  { members, longStrings, remoteFiles }: Scan,
  { modelInPath, streams, ofResource = false }: JsonBodyOptions,
): JsonBody => {
  checkNames(members, modelInPath, ofResource ? ['endpoint'] : [])
  const member = (name: string): Member | undefined => members.find((each) => each.name === name)
  let json: Readonly<Record<string, unknown>> | undefined
  let files: readonly InlineFile[] | undefined
  return {
    bytes,
    members,
    member,
    model: modelOf(bytes, member('model')),
    stream: streamOf(bytes, member('stream'), streams),
    usageAsked: asksForUsage(bytes, member('stream_options')),
    otherModels: otherModelsIn(bytes, members),
    bounds: boundsIn(bytes, ofResource ? [] : members),
    pricingHints: pricingHintsIn(bytes, members),
    files: () => {
      files ??= [...filesIn(bytes, longStrings), ...Array(remoteFiles).fill(remoteFile)]
      return files
    },
    json: () => {
      json ??= valueAt(bytes, 0, bytes.length) as Readonly<Record<string, unknown>>
      return json
    },
  }
}

/** Some clients pack a body and do not say so (QuantumNous/new-api#4913); "not JSON" would not lead anyone there. */
const refusePacked = ([first, second, third]: Uint8Array): void => {
  const coding =
    first === 0x28 && second === 0xb5 && third === 0x2f
      ? 'zstd'
      : first === 0x1f && second === 0x8b
        ? 'gzip'
        : undefined
  if (coding === undefined) return
  const message = `The request body is packed as ${coding}. Send "Content-Encoding: ${coding}" with it.`
  throw new Failure('unsupported_media_type', message)
}

/** RFC 8259 §8.1: a byte order mark may be ignored, and must not be sent. */
const withoutMark = (bytes: Uint8Array): Uint8Array =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes

const modelOf = (bytes: Uint8Array, member: Member | undefined): string | undefined => {
  if (member === undefined || isNull(bytes, member)) return undefined
  const { kind, start, end } = member
  return modelName(kind === 'string' && end - start < 2000 ? stringAt(bytes, start, end) : '')
}

/** `n` of `null`: the only literal that begins so. */
const isNull = (bytes: Uint8Array, { kind, start }: Member): boolean =>
  kind === 'literal' && bytes[start] === 0x6e

/** Some servers take `"true"` or 1 for true (pydantic): what is neither true, false nor null has no single reading. */
const streamOf = (bytes: Uint8Array, member: Member | undefined, absent: boolean): boolean => {
  if (member === undefined || isNull(bytes, member)) return absent
  if (member.kind !== 'literal') {
    throw new Failure('invalid_request', 'The field "stream" must be true or false.')
  }
  return bytes[member.start] === 0x74
}

const asksForUsage = (bytes: Uint8Array, member: Member | undefined): boolean => {
  if (member?.kind !== 'object') return false
  const value = usageOption(bytes, member)
  return value !== undefined && bytes[value.start] === 0x74
}

/** `include_usage` within `stream_options`, whose members must be as unambiguous as those of the body. */
const usageOption = (bytes: Uint8Array, options: Member): Member | undefined => {
  const { members } = scanAtOnce(bytes.subarray(options.start, options.end))
  checkNames(members, true)
  for (const { name } of members) {
    if (name !== 'include_usage' && /^include.?usage$/i.test(name.normalize('NFKC'))) {
      throw new Failure('invalid_request', 'Write "include_usage" in "stream_options" as it is.')
    }
  }
  const found = members.find(({ name }) => name === 'include_usage')
  return found && { ...found, start: found.start + options.start, end: found.end + options.start }
}

const encoder = new TextEncoder()
const quoted = (text: string): Uint8Array => encoder.encode(JSON.stringify(text))

export interface Forwarding {
  /** What the provider calls the model; undefined: the body stays without one. */
  readonly model: string | undefined
  /** Has the provider count a stream that would not be counted. */
  readonly askUsage: boolean
}

/** The body to send: every byte that need not change is the one that came (also 64-bit integers, which JSON.parse rounds). */
export const forwarded = (body: JsonBody, { model, askUsage }: Forwarding): BodyBytes => {
  const edits = [...modelEdit(body, model), ...(askUsage ? usageEdit(body) : [])]
  return edited(body.bytes, edits)
}

const modelEdit = (body: JsonBody, model: string | undefined): readonly Edit[] => {
  if (model === body.model || model === undefined) return []
  const member = body.member('model')
  return member ? [{ ...spanOf(member), bytes: quoted(model) }] : [inserted(body, 'model', model)]
}

const usageEdit = (body: JsonBody): readonly Edit[] => {
  const options = body.member('stream_options')
  if (options === undefined) return [inserted(body, 'stream_options', { include_usage: true })]
  if (isNull(body.bytes, options)) {
    return [{ ...spanOf(options), bytes: encoder.encode('{"include_usage":true}') }]
  }
  // The server refuses what is not an object.
  if (options.kind !== 'object') return []
  const asked = usageOption(body.bytes, options)
  if (asked) return [{ ...spanOf(asked), bytes: encoder.encode('true') }]
  const empty = scanAtOnce(body.bytes.subarray(options.start, options.end)).members.length === 0
  const text = `"include_usage":true${empty ? '' : ','}`
  return [{ start: options.start + 1, end: options.start + 1, bytes: encoder.encode(text) }]
}

/** A member more, in front of all others. */
const inserted = ({ bytes, members }: JsonBody, name: string, value: unknown): Edit => {
  const at = bytes.indexOf(0x7b) + 1
  const text = `${JSON.stringify(name)}:${JSON.stringify(value)}${members.length > 0 ? ',' : ''}`
  return { start: at, end: at, bytes: encoder.encode(text) }
}

/** Without the member and the comma that went with it. */
const removed = ({ members }: JsonBody, member: Member): Edit => {
  const at = members.indexOf(member)
  const next = members[at + 1]
  const before = members[at - 1]
  const none = new Uint8Array(0)
  if (next) return { start: member.key.start, end: next.key.start, bytes: none }
  return { start: before?.end ?? member.key.start, end: member.end, bytes: none }
}

const spanOf = ({ start, end }: Member) => ({ start, end })

/**
 * A body that a guard made of this one, as the client meant it: the grant was checked for its model, and it waits for a
 * stream or for none.
 * @throws Failure `invalid_request` where the guard's is not a body that could be sent
 */
export const asAsked = (
  body: JsonBody,
  changed: Uint8Array,
  options: JsonBodyOptions,
): JsonBody => {
  const made = readEdited(changed, options)
  const edits = ['model', 'stream'].flatMap((name) => keptEdit(body, made, name))
  return readEdited(whole(edited(made.bytes, edits)), options)
}

const keptEdit = (body: JsonBody, made: JsonBody, name: string): readonly Edit[] => {
  const before = body.member(name)
  const now = made.member(name)
  if (before && now)
    return [{ ...spanOf(now), bytes: body.bytes.subarray(before.start, before.end) }]
  if (before) {
    const value = valueAt(body.bytes, before.start, before.end)
    return [inserted(made, name, value)]
  }
  return now ? [removed(made, now)] : []
}
