import { scalarsIn } from './scalars.ts'
import type { Member } from './scan.ts'
import { beginningAt, stringAt } from './text.ts'
import { JsonTokens } from './tokens.ts'

/** How a conversation begins, which a client repeats with every turn. */
export interface Beginning {
  /** The first system or developer message; empty where there is none. */
  readonly instructions: string
  /** The first message of the user. */
  readonly firstMessage: string
}

/** Of each of the two messages, in UTF-16 units. More would tell no more conversations apart. */
const MAX_TEXT = 1024
const MAX_MESSAGES = 16
const MAX_PARTS = 16
/** Bytes of the messages that are looked at: instructions stand first wherever they stand at all. */
const MAX_BYTES = 64 * 1024

/** Of a body in the chat dialect; undefined where no message is the user's. */
export const beginningOf = (
  bytes: Uint8Array,
  messages: Member | undefined,
): Beginning | undefined => {
  if (messages?.kind !== 'array') return undefined
  let instructions: string | undefined
  let firstMessage: string | undefined
  const reader = new MessageReader(bytes, messages)
  for (let count = 0; count < MAX_MESSAGES; count++) {
    const { role, text, last } = reader.next()
    if (role === 'user') firstMessage ??= text
    if (role === 'system' || role === 'developer') instructions ??= text
    if (last || (instructions !== undefined && firstMessage !== undefined)) break
  }
  if (firstMessage === undefined) return undefined
  return { instructions: instructions ?? '', firstMessage }
}

interface Message {
  readonly role: string
  readonly text: string
  /** The list ended, or what is looked at of it. */
  readonly last: boolean
}

/** Bytes of a string from which on only its beginning is read. */
const LONG = 8 * 1024

/** Depths from the list down: 1 is the list, 2 a message, 3 its content, 4 a part of that. */
class MessageReader {
  readonly #bytes: Uint8Array
  readonly #tokens: JsonTokens
  readonly #limit: number
  #over = false

  constructor(bytes: Uint8Array, { start }: Member) {
    this.#bytes = bytes
    this.#tokens = new JsonTokens(bytes, start)
    this.#limit = start + MAX_BYTES
    this.#tokens.next()
  }

  next(): Message {
    const tokens = this.#tokens
    let [role, text, name, parts] = ['', '', '', 0]
    this.#advance()
    if (tokens.kind === 'arrayEnd') return { role, text, last: true }
    // What is not an object has neither.
    while (tokens.depth > 1 && !this.#over) {
      const { kind, depth } = tokens
      if (kind === 'key') name = depth === 2 || depth === 4 ? this.#name() : ''
      else if (kind === 'object' && depth === 4) parts++
      else if (kind === 'string' && depth === 2 && name === 'role') role = this.#beginning()
      else if (kind === 'string' && depth === 2 && name === 'content') text = this.#beginning()
      else if (kind === 'string' && depth === 4 && name === 'text' && parts <= MAX_PARTS) {
        text = text === '' ? this.#beginning() : `${text}\n${this.#beginning()}`
      }
      this.#advance()
    }
    return { role, text: text.slice(0, MAX_TEXT), last: this.#over }
  }

  /** To the next token, unless it is beyond what is looked at. */
  #advance(): void {
    const tokens = this.#tokens
    // First to the end of a string that only its beginning was read of.
    this.#over = this.#pending && !tokens.next(this.#limit)
    this.#over ||= tokens.end >= this.#limit
    if (!this.#over) this.#pending = !tokens.next(tokens.end + LONG)
  }

  /** A string whose end has not been looked for yet. */
  #pending = false

  #beginning(): string {
    const { start, end } = this.#tokens
    return beginningAt(this.#bytes, start, this.#pending ? start + LONG : end, MAX_TEXT)
  }

  #name(): string {
    const { start, end } = this.#tokens
    return end - start > 16 ? '' : stringAt(this.#bytes, start, end)
  }
}

/** `metadata.user_id`, by which Claude Code names its session. */
export const userIdIn = (bytes: Uint8Array, metadata: Member | undefined): string | undefined => {
  if (metadata?.kind !== 'object') return undefined
  const found = scalarsIn(bytes, metadata).findLast(
    ({ kind, path, start, end }) => kind === 'string' && path === 'userid' && end - start < 1100,
  )
  return found && stringAt(bytes, found.start, found.end)
}
