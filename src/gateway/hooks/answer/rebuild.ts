import { type Json, list, object, parse, text } from '../json.ts'

/** The pieces of a streamed answer as the one answer that they are. The events themselves tell the dialect. */
export function rebuild(events: readonly unknown[]): unknown {
  const pieces = events.map(object).filter((event) => event !== undefined)
  if (pieces.some(({ choices }) => Array.isArray(choices))) return chat(pieces)
  if (pieces.some(({ type }) => type === 'message_start')) return message(pieces)
  if (pieces.some(({ type }) => text(type).startsWith('response.'))) return response(pieces)
  if (pieces.some(({ candidates }) => Array.isArray(candidates))) return gemini(pieces)
  if (pieces.some(({ contentBlockIndex }) => contentBlockIndex !== undefined)) {
    return converse(pieces)
  }
  if (pieces.some(({ done }) => typeof done === 'boolean')) return ollama(pieces)
  return pieces.at(-1) ?? {}
}

type Mutable = Record<string, unknown>

/** By index as an upstream tells it: a list could be made four billion places long. */
type ByIndex = Map<unknown, Mutable>

/** Said once; everything else in text grows piece by piece. */
const saidOnce = new Set(['id', 'type', 'role', 'name', 'object', 'finish_reason', 'model'])

/**
 * Adds a delta to what there is, which is ours alone: text is appended, what has an index is added to its like, the rest
 * is replaced.
 */
function accumulate(whole: Mutable, delta: Json): Mutable {
  for (const [key, value] of Object.entries(delta)) {
    // As a key of JSON it is a name like any other; assigned to, it would be the prototype.
    if (key === '__proto__') continue
    const before = Object.hasOwn(whole, key) ? whole[key] : undefined
    if (value === null || value === undefined) whole[key] ??= null
    else if (typeof value === 'string' && typeof before === 'string' && !saidOnce.has(key)) {
      whole[key] = before + value
    } else if (Array.isArray(value)) {
      whole[key] = value.reduce(addPart, Array.isArray(before) ? before : [])
    } else if (object(value)) {
      whole[key] = accumulate((object(before) as Mutable | undefined) ?? {}, value as Json)
    } else whole[key] = value
  }
  return whole
}

const addPart = (parts: unknown[], part: unknown): unknown[] => {
  const piece = object(part)
  const like = piece?.index === undefined ? undefined : parts.find(hasIndex(piece.index))
  if (like) accumulate(like as Mutable, piece ?? {})
  else parts.push(piece ? accumulate({}, piece) : part)
  return parts
}

const hasIndex =
  (index: unknown) =>
  (part: unknown): boolean =>
    object(part)?.index === index

/** OpenAI chat and completions. */
function chat(events: readonly Json[]): Json {
  const whole: Mutable = {}
  const choices: unknown[] = []
  for (const { choices: pieces, usage, ...head } of events) {
    for (const [key, value] of Object.entries(head)) whole[key] ??= value
    if (usage) whole.usage = usage
    for (const piece of list(pieces)) {
      const { delta, ...choice } = object(piece) ?? {}
      addPart(choices, delta === undefined ? choice : { ...choice, message: delta })
    }
  }
  const kind = text(whole.object).replace(/\.chunk$/, '')
  return { ...whole, ...(kind && { object: kind }), choices }
}

/** Anthropic. */
function message(events: readonly Json[]): Json {
  const blocks: ByIndex = new Map()
  let whole: Mutable = {}
  for (const event of events) {
    const block = blocks.get(event.index)
    if (event.type === 'message_start') whole = { ...object(event.message) }
    if (event.type === 'content_block_start') {
      blocks.set(event.index, accumulate({}, object(event.content_block) ?? {}))
    }
    if (event.type === 'content_block_delta' && block) addDelta(block, object(event.delta) ?? {})
    if (event.type === 'message_delta') {
      const usage = { ...object(whole.usage), ...object(event.usage) }
      whole = { ...whole, ...object(event.delta), usage }
    }
  }
  return { ...whole, content: [...blocks.values()].map(withInput) }
}

function addDelta(block: Mutable, { type, ...delta }: Json): void {
  if (type === 'input_json_delta') {
    block.input = text(block.input) + text(delta.partial_json)
  } else if (type === 'citations_delta') {
    block.citations = [...list(block.citations), delta.citation]
  } else accumulate(block, delta)
}

const withInput = (block: Mutable): Mutable => {
  if (typeof block.input !== 'string') return block
  return { ...block, input: block.input === '' ? {} : (parse(block.input) ?? block.input) }
}

/** OpenAI Responses: its last word repeats everything. Where it was cut off, what was finished by then. */
function response(events: readonly Json[]): Json {
  const last = events.findLast((event) => object(event.response))
  const whole = object(last?.response) ?? {}
  if (/^response\.(?:completed|incomplete|failed)$/.test(text(last?.type))) return whole
  const done = events.filter(({ type }) => type === 'response.output_item.done')
  return { ...whole, output: done.map(({ item }) => item) }
}

function gemini(events: readonly Json[]): Json {
  const candidates: ByIndex = new Map()
  let whole: Mutable = {}
  for (const { candidates: pieces, ...rest } of events) {
    whole = { ...whole, ...rest }
    for (const piece of list(pieces).map(object)) {
      const index = piece?.index ?? 0
      const before = candidates.get(index)
      const content = { ...object(before?.content), ...object(piece?.content) }
      const parts = [before, piece].flatMap((it) => list(object(it?.content)?.parts))
      candidates.set(index, { ...before, ...piece, content: { ...content, parts: joined(parts) } })
    }
  }
  return { candidates: [...candidates.values()], ...whole }
}

/** Text that was cut in pieces only for the stream. */
function joined(parts: readonly unknown[]): unknown[] {
  const whole: unknown[] = []
  for (const part of parts) {
    const last = object(whole.at(-1))
    const next = object(part)
    const alike = last && next && last.thought === next.thought
    if (alike && typeof last.text === 'string' && typeof next.text === 'string') {
      whole[whole.length - 1] = { ...last, ...next, text: last.text + next.text }
    } else whole.push(part)
  }
  return whole
}

/** Ollama's own API: each line adds to the message or the response, the last has the counts. */
function ollama(lines: readonly Json[]): Json {
  const last = lines.at(-1) ?? {}
  const said = lines.flatMap(({ message }): Json[] => {
    const piece = object(message)
    return piece ? [piece] : []
  })
  if (said.length > 0) return { ...last, message: said.reduce<Mutable>(accumulate, {}) }
  const joined = (key: string): string => lines.map((line) => text(line[key])).join('')
  const thinking = joined('thinking')
  return { ...last, response: joined('response'), ...(thinking && { thinking }) }
}

/** Bedrock's Converse. Which event it is stands in a header; what is in it tells as much. */
function converse(events: readonly Json[]): Json {
  const blocks: ByIndex = new Map()
  let role: unknown = 'assistant'
  let whole: Mutable = {}
  for (const { contentBlockIndex: index, start, delta, role: said, ...rest } of events) {
    role = said ?? role
    if (index === undefined) whole = { ...whole, ...rest }
    else blocks.set(index, addToBlock(blocks.get(index) ?? {}, start, delta))
  }
  const { stopReason, usage, metrics } = whole
  const content = [...blocks.values()].map(({ toolUse, ...block }) => ({
    ...block,
    ...(toolUse ? { toolUse: withInput(toolUse as Mutable) } : {}),
  }))
  return { output: { message: { role, content } }, stopReason, usage, metrics }
}

const addToBlock = (block: Mutable, start: unknown, delta: unknown): Mutable =>
  accumulate(accumulate(block, object(start) ?? {}), object(delta) ?? {})
