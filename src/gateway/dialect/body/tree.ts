import type { Span } from './scan.ts'
import { stringAt } from './text.ts'
import { JsonTokens } from './tokens.ts'

/** A value and where it stands: for whoever changes parts of a body and leaves every other byte alone. */
export interface JsonNode extends Span {
  readonly kind: 'object' | 'array' | 'string' | 'number' | 'literal'
  /** Of an object, in its order, names that are there twice too. */
  readonly members: readonly JsonMember[]
  /** Of an array. */
  readonly items: readonly JsonNode[]
}

export interface JsonMember {
  readonly name: string
  readonly key: Span
  readonly value: JsonNode
}

interface Growing extends JsonNode {
  end: number
  readonly members: JsonMember[]
  readonly items: JsonNode[]
}

const none: readonly never[] = []

/** @throws JsonFault */
export const treeOf = (bytes: Uint8Array): JsonNode => {
  const tokens = new JsonTokens(bytes)
  const open: Growing[] = []
  let name: { readonly text: string; readonly span: Span } | undefined
  let root: JsonNode | undefined
  const add = (node: JsonNode): void => {
    const parent = open.at(-1)
    if (parent === undefined) root = node
    else if (parent.kind === 'array') parent.items.push(node)
    else if (name) parent.members.push({ name: name.text, key: name.span, value: node })
  }
  for (;;) {
    tokens.next()
    const { kind, start, end } = tokens
    if (kind === 'end') break
    switch (kind) {
      case 'key':
        name = { text: stringAt(bytes, start, end), span: { start, end } }
        break
      case 'object':
      case 'array': {
        const node: Growing = { kind, start, end, members: [], items: [] }
        add(node)
        open.push(node)
        break
      }
      case 'objectEnd':
      case 'arrayEnd': {
        const closed = open.pop()
        if (closed) closed.end = end
        break
      }
      default:
        add({ kind, start, end, members: none, items: none })
    }
  }
  return root ?? { kind: 'literal', start: 0, end: 0, members: none, items: none }
}

/** The name of a member that one object has twice, anywhere: parsers differ on which of the two counts. */
export const nameGivenTwice = ({ members, items }: JsonNode): string | undefined => {
  const names = new Set<string>()
  for (const { name, value } of members) {
    if (names.has(name)) return name
    names.add(name)
    const within = nameGivenTwice(value)
    if (within !== undefined) return within
  }
  for (const item of items) {
    const within = nameGivenTwice(item)
    if (within !== undefined) return within
  }
  return undefined
}
