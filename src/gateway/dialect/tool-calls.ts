import { type Json, object } from './json.ts'
import { bytesOf } from './utf8.ts'

/**
 * Counts calls of tools in OpenAI's shape, whose pieces servers write differently: with the name in the first piece or in
 * each, with an index or without, with an id in each piece, with a new id in each, or with one index for all calls.
 */
export class ToolCalls {
  count = 0
  /** By choice and index: the call that its pieces belong to. */
  readonly #open = new Map<string, OpenCall>()

  /** @returns bytes of what this piece adds: arguments, and the name of a call that begins */
  piece(call: Json, choice: number, position: number): number {
    const { name, arguments: given } = object(call.function) ?? object(call.custom) ?? {}
    const input = given ?? object(call.custom)?.input
    const text = typeof input === 'string' ? input : object(input) ? JSON.stringify(input) : ''
    const key = `${choice} ${call.index ?? position}`
    const open = this.#open.get(key)
    const called = typeof name === 'string' ? name : ''
    if (called === '' || (open && !isAnother(call, called, text, open))) {
      open?.read(text)
      return bytesOf(text)
    }
    this.count++
    const begun = new OpenCall(call.id, called)
    begun.read(text)
    this.#open.set(key, begun)
    return bytesOf(called) + bytesOf(text)
  }
}

/** A piece with a name goes on with the call that is open, unless that one is complete and something tells them apart. */
const isAnother = ({ id, index }: Json, name: string, text: string, open: OpenCall): boolean => {
  if (!open.complete || (id && id === open.id)) return false
  if (id && open.id) return true
  return index === undefined && (text !== '' || name !== open.name)
}

const BACKSLASH = 0x5c
const QUOTE = 0x22
const OPENING = new Set([0x7b, 0x5b])
const CLOSING = new Set([0x7d, 0x5d])

class OpenCall {
  readonly id: unknown
  readonly name: string
  /** Its arguments are one JSON value, up to its end. */
  complete = false
  #depth = 0
  #inString = false
  #escaped = false

  constructor(id: unknown, name: string) {
    this.id = id
    this.name = name
  }

  read(text: string): void {
    for (let at = 0; at < text.length; at++) this.#take(text.charCodeAt(at))
  }

  #take(code: number): void {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false
      else if (code === BACKSLASH) this.#escaped = true
      else if (code === QUOTE) this.#inString = false
    } else if (code === QUOTE) this.#inString = true
    else if (OPENING.has(code)) this.#depth++
    else if (CLOSING.has(code)) this.complete = --this.#depth === 0
  }
}
