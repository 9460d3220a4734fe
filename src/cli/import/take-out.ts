import { findNodeAtLocation, type Node } from 'jsonc-parser'
import { commentAbove, removeAt, removeEntry, setAt, treeOf } from '../../config/edit.ts'
import { formatPath, type Json, type Path } from '../../config/problem.ts'
import { holdsText } from '../../config/schema/json-schema.ts'
import { isReference, isSecret } from '../../config/values/references.ts'
import { isObject, readAt } from './json.ts'

/** What becomes of a place that cannot be taken over: a comment, and something in its place where that is needed. */
export interface Change {
  readonly path: Path
  readonly reason: string
  readonly put?: Json
}

/** The text with what stands at the path as a comment. What is not there is only added. */
export const change = (text: string, { path, reason, put }: Change): string => {
  const node = findNodeAtLocation(treeOf(text), [...path])
  const value = readAt(text, path)
  if (!node || value === undefined) return put === undefined ? text : setAt(text, path, put)
  const offset = node.parent?.type === 'property' ? node.parent.offset : node.offset
  const verb = put === undefined ? 'Not taken over' : 'Not taken over as it was'
  const lines = [`${verb}: ${formatPath(path)}: ${reason}.`, ...linesOf(path, value)]
  const commented = commentAbove(text, offset, lines)
  return put === undefined ? removeAt(commented, path) : setAt(commented, path, put)
}

/** The same for the earlier of two equal keys, as the last one counts; for a key without a double, for that key. */
export const withoutEarlier = (text: string, offset: number): { text: string; path: Path } => {
  const key = nodeAt(treeOf(text), offset)
  const property = key?.parent
  if (!property) throw new Error('no key at this place')
  const earlier =
    property.parent?.children?.find(
      (sibling) => sibling !== property && sibling.children?.[0]?.value === key.value,
    ) ?? property
  const path = pathOf(earlier)
  const reason =
    earlier === property
      ? 'this key is not allowed'
      : 'the same key follows once more, and the last one counts'
  const lines = [`Not taken over: ${formatPath(path)}: ${reason}.`]
  const commented = commentAbove(text, earlier.offset, lines)
  const moved = nodeAt(treeOf(commented), earlier.offset + commented.length - text.length)
  return { text: moved?.parent ? removeEntry(commented, moved.parent) : commented, path }
}

/** The node that begins at an offset, the innermost. */
const nodeAt = (node: Node, offset: number): Node | undefined => {
  if (offset < node.offset || offset >= node.offset + node.length) return undefined
  for (const child of node.children ?? []) {
    const found = nodeAt(child, offset)
    if (found) return found
  }
  return node.offset === offset ? node : undefined
}

const pathOf = (node: Node): Path => {
  const { parent } = node
  if (!parent) return []
  if (node.type === 'property') return [...pathOf(parent), String(node.children?.[0]?.value)]
  if (parent.type === 'array') return [...pathOf(parent), parent.children?.indexOf(node) ?? 0]
  return pathOf(parent)
}

const longest = 60

/** As JSON, a line or several. Nothing in it can end a comment that the lines come to stand in. */
const linesOf = (path: Path, value: Json): readonly string[] => {
  const key = path.at(-1)
  const name = typeof key === 'string' ? `${JSON.stringify(key)}: ` : ''
  const shown = masked(path, value)
  const flat = name + JSON.stringify(shown)
  const text = flat.length <= 90 ? flat : name + JSON.stringify(shown, null, 2)
  const lines = text.replaceAll('*/', '*\\/').split('\n')
  return lines.length <= longest ? lines : [...lines.slice(0, longest), '…']
}

/**
 * Comments are shown to whoever may read the configuration over the API, so no secret may stand in one. Where
 * the schema has no text, any text may be one that was put into the wrong place.
 */
const masked = (path: Path, value: Json): Json => {
  if (typeof value === 'string') return isOpen(path, value) ? value : '…'
  if (Array.isArray(value)) return value.map((item: Json, index) => masked([...path, index], item))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, masked([...path, key], item)]),
  )
}

const isOpen = (path: Path, text: string): boolean =>
  isSecret(path) ? isReference(text) : holdsText(path) && !/\/\/[^/]*@|[?&][^=]*=/.test(text)
