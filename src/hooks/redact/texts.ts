import { type Json, object, parse } from '../json.ts'

/** Keys of every dialect whose values no person or program wrote to be read, or which must not change. */
const structural: ReadonlySet<string> = new Set([
  'bytes',
  'cache_control',
  'detail',
  'encrypted_content',
  'file_uri',
  'fileUri',
  'format',
  'functions',
  'id',
  'media_type',
  'metadata',
  'mime_type',
  'mimeType',
  'model',
  'name',
  'object',
  'prompt_cache_key',
  'response_format',
  'role',
  'safety_identifier',
  'signature',
  'status',
  'stop',
  'stream_options',
  'thoughtSignature',
  'tool_choice',
  'toolConfig',
  'tools',
  'type',
  'user',
  'voice',
])

/** Arguments and results of tools: objects of other people's making, in which every text counts. */
const freeKeys: ReadonlySet<string> = new Set(['args', 'arguments', 'json', 'response'])
const calls: ReadonlySet<unknown> = new Set([
  'custom_tool_call',
  'mcp_tool_use',
  'server_tool_use',
  'tool_use',
])

/**
 * The body with every text that was written to be read put through `change`, in whatever dialect: what is not known to
 * be structure counts as text, so that a new field hides nothing. Returns the very same object where nothing changed.
 */
export function mapTexts(body: Json, change: (text: string) => string): Json {
  return mapObject(body, change) as Json
}

/** The same for what is kept and never sent on: every text counts, whatever it stands for. */
export const mapAllTexts = (body: unknown, change: Change): unknown => mapFree(body, change)

type Change = (text: string) => string

function mapStructured(value: unknown, change: Change): unknown {
  if (typeof value === 'string') return isFile(value) ? value : change(value)
  if (Array.isArray(value)) return mapList(value, (item) => mapStructured(item, change))
  const fields = object(value)
  return fields ? mapObject(fields, change) : value
}

function mapObject(fields: Json, change: Change): unknown {
  // Signed by the provider: changed, it would refuse the request.
  if (fields.type === 'thinking' || fields.type === 'redacted_thinking') return fields
  const isCall = calls.has(fields.type) || fields.toolUseId !== undefined
  return mapFields(fields, (key, value) => {
    if (freeKeys.has(key) || (key === 'input' && isCall)) return mapFree(value, change)
    if (key === 'data' && fields.type !== 'text') return value
    return structural.has(key) || key.endsWith('_id') ? value : mapStructured(value, change)
  })
}

function mapFree(value: unknown, change: Change): unknown {
  if (typeof value === 'string') return mapJson(value, change)
  if (Array.isArray(value)) return mapList(value, (item) => mapFree(item, change))
  const fields = object(value)
  return fields ? mapFields(fields, (_, item) => mapFree(item, change)) : value
}

/** Some dialects write objects as a text; a placeholder across its quotes would break it. */
function mapJson(text: string, change: Change): string {
  const value = /^\s*[[{]/.test(text) ? parse(text) : undefined
  if (typeof value !== 'object' || value === null) return change(text)
  const mapped = mapFree(value, change)
  return mapped === value ? text : JSON.stringify(mapped)
}

const mapList = (list: readonly unknown[], map: (item: unknown) => unknown): readonly unknown[] => {
  const mapped = list.map(map)
  return mapped.some((item, index) => item !== list[index]) ? mapped : list
}

const mapFields = (fields: Json, map: (key: string, value: unknown) => unknown): Json => {
  const entries = Object.entries(fields)
  const mapped = entries.map(([key, value]) => [key, map(key, value)] as const)
  const changed = mapped.some(([, value], index) => value !== entries[index]?.[1])
  return changed ? Object.fromEntries(mapped) : fields
}

/** A picture or recording within the request. */
const isFile = (text: string): boolean =>
  /^data:[\w.+/-]{0,100}(?:;[\w=.-]{0,100}){0,4};base64,/.test(text)
