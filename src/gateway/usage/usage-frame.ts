import type { Json } from '../dialect/json.ts'
import { isUsageOnlyFrame } from '../dialect/usage.ts'

/** What every frame of a chat repeats, and what pads them all to one length. */
const REPEATED = new Set([
  'id',
  'object',
  'created',
  'model',
  'system_fingerprint',
  'service_tier',
  'provider',
  'obfuscation',
  'choices',
  'usage',
])

const text = new TextDecoder()
const encoder = new TextEncoder()

/**
 * An event of a chat as its client would have had it, had we not asked for usage: the event itself, null where it would
 * not be there, or the event without its usage. llama.cpp puts its `timings` into the last frame, which is then this one
 * (ggml-org/llama.cpp, tools/server).
 * @param json of that event, if it was parsed
 */
export const withoutUsage = (event: Uint8Array, json: unknown): Uint8Array | null => {
  if (!isUsageOnlyFrame(json)) return event
  const frame = json as Json
  if (Object.keys(frame).every((name) => REPEATED.has(name))) return null
  const raw = text.decode(event)
  const start = raw.indexOf('{')
  const members = membersOf(raw, start)
  const left = members.filter(({ name }) => name !== 'usage')
  if (left.length === members.length) return event
  // Without the usage it is an ordinary frame, and of those clients read the first choice unasked.
  const shown = left.map(({ name, source }) =>
    name === 'choices' ? `"choices":${emptyChoice(frame)}` : source,
  )
  const end = members.at(-1)?.end ?? start
  return encoder.encode(`${raw.slice(0, start + 1)}${shown.join(',')}${raw.slice(end)}`)
}

const emptyChoice = ({ object }: Json): string =>
  object === 'text_completion'
    ? '[{"index":0,"text":"","logprobs":null,"finish_reason":null}]'
    : '[{"index":0,"delta":{},"finish_reason":null}]'

interface Member {
  readonly name: string
  /** Name and value as written. */
  readonly source: string
  /** Index after the value. */
  readonly end: number
}

/** The members of the object that begins at `start`, in text that is known to be JSON. */
const membersOf = (json: string, start: number): readonly Member[] => {
  const members: Member[] = []
  let depth = 0
  let from = start + 1
  for (let at = start; at < json.length; at++) {
    const char = json[at]
    if (char === '"') at = stringEnd(json, at)
    else if (char === '{' || char === '[') depth++
    else if (char === '}' || char === ']') depth--
    if (depth === 0 || (depth === 1 && char === ',')) {
      members.push(memberIn(json, from, at))
      from = at + 1
    }
    if (depth === 0) break
  }
  return members
}

const memberIn = (json: string, from: number, to: number): Member => {
  const source = json.slice(from, to)
  const name = /^\s*("(?:[^"\\]|\\.)*")/.exec(source)?.[1] ?? '""'
  return { name: JSON.parse(name) as string, source, end: to }
}

/** Index of the quote that ends the string at `at`. */
const stringEnd = (json: string, at: number): number => {
  let end = at + 1
  while (end < json.length && json[end] !== '"') end += json[end] === '\\' ? 2 : 1
  return end
}
