import { type Edit, edited, whole } from '../../dialect/body/edit.ts'
import { stringAt } from '../../dialect/body/text.ts'
import { type JsonMember, type JsonNode, treeOf } from '../../dialect/body/tree.ts'
import { list, object, parse } from '../json.ts'

/** Members of every dialect that set something up at the API. docs/hooks.md lists them. */
const DEFINITIONS: ReadonlySet<string> = new Set([
  'cache_control',
  'format',
  'functions',
  // With the tokens that the provider shows to those servers.
  'mcp_servers',
  'response_format',
  'stream_options',
  'tool_choice',
  'toolConfig',
  'tools',
  'voice',
])

/** Members whose text names something to the API, and is not read by the model. docs/hooks.md lists them. */
const NAMES: ReadonlySet<string> = new Set([
  'detail',
  'encrypted_content',
  'file_uri',
  'fileUri',
  'id',
  'media_type',
  'mime_type',
  'mimeType',
  'model',
  'name',
  'object',
  'prompt_cache_key',
  'role',
  'signature',
  'status',
  'thoughtSignature',
  'type',
])

/** What other people's programs made: every text, name and number in it counts. */
const FREE: ReadonlySet<string> = new Set([
  'args',
  'arguments',
  'documents',
  'json',
  'metadata',
  'response',
])
const CALLS: ReadonlySet<unknown> = new Set([
  'custom_tool_call',
  'mcp_tool_use',
  'server_tool_use',
  'tool_use',
])

/** Members whose text the model reads as it stands: what looks like a file there is a text all the same. */
const READ: ReadonlySet<string> = new Set([
  'content',
  'input',
  'instructions',
  'output',
  'prompt',
  'query',
  'suffix',
  'system',
  'text',
])

/** Members whose text may be the bytes of a file. */
const BYTES: ReadonlySet<string> = new Set([
  'audio',
  'b64_json',
  'bytes',
  'data',
  'file_data',
  'image',
  'images',
  'mask',
])

type Change = (text: string) => string

/**
 * The body with every text in it put through `change`, in whatever dialect: what is not known to be structure counts as
 * text, so that a new field hides nothing. Only what changed is written anew, every other byte stays; the very same bytes
 * where nothing changed.
 */
export const changeTexts = (bytes: Uint8Array, change: Change): Uint8Array => {
  const edits: Edit[] = []
  new Walk(bytes, change, edits).structured(treeOf(bytes))
  return edits.length === 0 ? bytes : whole(edited(bytes, edits))
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

class Walk {
  readonly #bytes: Uint8Array
  readonly #change: Change
  readonly #edits: Edit[]

  constructor(bytes: Uint8Array, change: Change, edits: Edit[]) {
    this.#bytes = bytes
    this.#change = change
    this.#edits = edits
  }

  /** @param name of the member that it is the value of, or stands in a list of */
  structured(node: JsonNode, name = ''): void {
    if (node.kind === 'string') this.#text(node, name)
    for (const item of node.items) this.structured(item, name)
    this.#object(node)
  }

  #object({ members }: JsonNode): void {
    if (members.length === 0) return
    const type = this.#typeOf(members)
    // Signed by the provider, which refuses the request when it is changed.
    if (type === 'thinking' || type === 'redacted_thinking') return
    const isCall = CALLS.has(type) || members.some(({ name }) => name === 'toolUseId')
    for (const { name, value } of members) {
      if (FREE.has(name) || (name === 'input' && isCall)) this.free(value)
      else if (DEFINITIONS.has(name) || (value.kind === 'string' && isName(name))) continue
      // Anthropic has documents whose `data` is a text.
      else this.structured(value, type === 'text' && BYTES.has(name) ? 'text' : name)
    }
  }

  /** Of the last one, as parsers have it: a second `type` must hide nothing, so both must say the same. */
  #typeOf(members: readonly JsonMember[]): string | undefined {
    const types = members.filter(({ name }) => name === 'type').map(({ value }) => value)
    const [first] = types
    if (types.length !== 1 || first?.kind !== 'string') return undefined
    return stringAt(this.#bytes, first.start, first.end)
  }

  free(node: JsonNode): void {
    if (node.kind === 'string') this.#json(node)
    else if (node.kind === 'number') this.#number(node)
    for (const item of node.items) this.free(item)
    for (const { key, value } of node.members) {
      this.#replace(key, stringAt(this.#bytes, key.start, key.end))
      this.free(value)
    }
  }

  #text({ start, end }: JsonNode, name: string): void {
    const text = stringAt(this.#bytes, start, end)
    const file = BYTES.has(name) ? this.#isBase64(text) : !READ.has(name) && isFile(text)
    if (!file) this.#replace({ start, end }, text)
  }

  /** Some dialects write objects as a text; a placeholder across its quotes would break it. */
  #json({ start, end }: JsonNode): void {
    const text = stringAt(this.#bytes, start, end)
    // Screenshots and other files that tools return.
    if (text.length > LONGEST_KEY && WHOLE_BASE64.test(text)) return
    const inner = /^\s*[[{]/.test(text) ? changedWithin(text, this.#change) : undefined
    if (inner === undefined) this.#replace({ start, end }, text)
    else if (inner !== text) this.#write({ start, end }, inner)
  }

  /** A long whole number may be that of a card, also from a program that knows fractions only; others are quantities. */
  #number({ start, end }: JsonNode): void {
    if (end - start < 8) return
    const [digits = '', fraction = '0'] = decoder
      .decode(this.#bytes.subarray(start, end))
      .split('.')
    if (!/^\d+$/.test(digits) || !/^0+$/.test(fraction)) return
    const changed = this.#change(digits)
    if (changed !== digits) this.#write({ start, end }, changed)
  }

  #replace(span: { readonly start: number; readonly end: number }, text: string): void {
    const changed = this.#change(text)
    if (changed !== text) this.#write(span, changed)
  }

  #write({ start, end }: { readonly start: number; readonly end: number }, text: string): void {
    this.#edits.push({ start, end, bytes: encoder.encode(JSON.stringify(text)) })
  }

  /** A key that stands alone is made of the same characters as a file, but no file of any use is as short. */
  #isBase64(text: string): boolean {
    if (isFile(text)) return true
    if (text.length < MIN_FILE || !WHOLE_BASE64.test(text)) return false
    return text.length > LONGEST_KEY || this.#change(text) === text
  }
}

/** `tool_call_id`, `item_id`, `user_id` are also names by which the API finds something again. */
const isName = (name: string): boolean => NAMES.has(name) || name.endsWith('_id')

/** The JSON in a text, changed; undefined where the text is not JSON. */
const changedWithin = (text: string, change: Change): string | undefined => {
  const bytes = encoder.encode(text)
  const edits: Edit[] = []
  try {
    new Walk(bytes, change, edits).free(treeOf(bytes))
  } catch {
    return undefined
  }
  return edits.length === 0 ? text : decoder.decode(whole(edited(bytes, edits)))
}

/** No picture is that small. */
const MIN_FILE = 64
const LONGEST_KEY = 512
const WHOLE_BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/

/** A picture or a recording within the request: a data URL (RFC 2397) from its first to its last character. */
const isFile = (text: string): boolean =>
  text.length >= MIN_FILE &&
  text.startsWith('data:') &&
  /^data:[\w.+/-]{0,100}(?:;[\w=.-]{0,100}){0,4};base64,[A-Za-z0-9+/_-]*={0,2}$/.test(text)

/** The same for what is kept and never sent on: every text counts, whatever it stands for. */
export const mapAllTexts = (body: unknown, change: Change): unknown => {
  if (typeof body === 'string') return mapJsonText(body, change)
  if (typeof body === 'number') return mapNumber(body, change)
  if (Array.isArray(body)) return list(body).map((item) => mapAllTexts(item, change))
  const fields = object(body)
  if (!fields) return body
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [change(name), mapAllTexts(value, change)]),
  )
}

const mapNumber = (value: number, change: Change): unknown => {
  const text = String(value)
  return /^\d{8,}$/.test(text) && change(text) !== text ? change(text) : value
}

const mapJsonText = (text: string, change: Change): string => {
  const value = /^\s*[[{]/.test(text) ? parse(text) : undefined
  if (typeof value !== 'object' || value === null) return change(text)
  const mapped = JSON.stringify(mapAllTexts(value, change))
  return mapped === JSON.stringify(value) ? text : mapped
}
