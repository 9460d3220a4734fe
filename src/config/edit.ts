import { createScanner, findNodeAtLocation, type Node } from 'jsonc-parser'
import { formatPath, type Json, type Path } from './problem.ts'
import { readSource } from './read/source.ts'

// jsonc-parser's own `modify` moves or drops the comments that stand between two entries.

/**
 * The text with the value at the path set; objects on the way are made as needed, and a list takes a new item at its
 * length. Every comment outside the replaced value stays where it is. Throws when the text is not HuJSON or the path
 * does not fit what is there.
 */
export function setAt(text: string, path: Path, value: Json): string {
  const root = treeOf(text)
  const existing = findNodeAtLocation(root, [...path])
  if (existing) {
    const indent = indentAt(text, existing.offset)
    const { offset, length } = existing
    return splice(text, offset, offset + length, format(value, indent, unitOf(text), eolOf(text)))
  }
  let depth = path.length - 1
  while (depth > 0 && !findNodeAtLocation(root, path.slice(0, depth))) depth--
  const container = depth === 0 ? root : findNodeAtLocation(root, path.slice(0, depth))
  const rest = path.slice(depth + 1)
  const nested = rest.reduceRight<Json>((inner, key) => wrap(key, inner), value)
  return insert(text, container as Node, path, depth, nested)
}

const wrap = (key: string | number, inner: Json): Json =>
  typeof key === 'number' ? [inner] : { [key]: inner }

/**
 * The text without the entry at the path, or unchanged when there is none. Comments inside the entry go with it, all
 * others stay. Throws when the text is not HuJSON.
 */
export function removeAt(text: string, path: Path): string {
  const node = findNodeAtLocation(treeOf(text), [...path])
  return node ? removeEntry(text, node) : text
}

/** The same for a node of the text's own tree, which a path cannot name when its key is given twice. */
export function removeEntry(text: string, node: Node): string {
  const entry = node.parent?.type === 'property' ? node.parent : node
  if (!entry.parent) return text
  const end = entry.offset + entry.length
  const siblings = entry.parent.children ?? []
  const previous = siblings[siblings.indexOf(entry) - 1]
  const after = commaIn(text, end, entry.parent.offset + entry.parent.length)
  const before = previous && commaIn(text, previous.offset + previous.length, entry.offset)
  if (after !== undefined) return cut(splice(text, after, after + 1, ''), entry.offset, end)
  const rest = cut(text, entry.offset, end)
  return before === undefined ? rest : splice(rest, before, before + 1, '')
}

export function treeOf(text: string): Node {
  const { root, findings } = readSource(text)
  if (!root) throw new Error(findings[0]?.message ?? 'not HuJSON')
  return root
}

function insert(text: string, container: Node, path: Path, depth: number, value: Json): string {
  const place = formatPath(path.slice(0, depth)) || 'the document'
  const needed = typeof path[depth] === 'number' ? 'array' : 'object'
  if (container.type !== needed) throw new Error(`${place} is not an ${needed}`)
  const inside = insideOf(text, container)
  const key = container.type === 'object' ? `${JSON.stringify(String(path[depth]))}: ` : ''
  const entry = (indent: string) => key + format(value, indent, unitOf(text), eolOf(text))
  const comma = inside.last !== undefined && inside.comma === undefined ? ',' : ''
  const lastEnd = inside.last ?? inside.contentEnd
  const before = text.slice(0, lastEnd) + comma + text.slice(lastEnd, inside.contentEnd)
  const trailing = inside.comma === undefined ? '' : ','
  if (inside.last !== undefined && !inside.multiline) {
    const closing = text.slice(inside.contentEnd)
    return `${before} ${entry(indentAt(text, container.offset))}${trailing}${closing}`
  }
  const outer = indentAt(text, container.offset)
  const indent = inside.indent ?? outer + unitOf(text)
  const eol = eolOf(text)
  const closing = inside.multiline
    ? text.slice(inside.contentEnd)
    : eol + outer + text.slice(inside.close)
  return before + eol + indent + entry(indent) + trailing + closing
}

interface Inside {
  /** End of the last entry. Absent: there is none. */
  readonly last: number | undefined
  /** Offset of the comma after it. */
  readonly comma: number | undefined
  /** End of all that is not blank: entries, commas, comments. */
  readonly contentEnd: number
  /** Offset of the closing brace. */
  readonly close: number
  readonly multiline: boolean
  /** Blank before the first entry, if it begins a line. */
  readonly indent: string | undefined
}

function insideOf(text: string, container: Node): Inside {
  const close = container.offset + container.length - 1
  const [first] = container.children ?? []
  const final = container.children?.at(-1)
  const last = final && final.offset + final.length
  const body = text.slice(container.offset + 1, close)
  return {
    last: last ?? undefined,
    comma: last === undefined ? undefined : commaIn(text, last, close),
    contentEnd: container.offset + 1 + body.trimEnd().length,
    close,
    multiline: /[\r\n]/.test(last === undefined ? body : text.slice(last, close)),
    indent: first && /(?:^|[\r\n])([ \t]*)$/.exec(text.slice(0, first.offset))?.[1],
  }
}

/** jsonc-parser's `SyntaxKind.CommaToken`, a `const enum` that isolated modules cannot read. */
const COMMA: number = 5

/** Offset of the first comma between two places that is not in a comment. */
function commaIn(text: string, from: number, to: number): number | undefined {
  const scanner = createScanner(text.slice(from, to), true)
  return scanner.scan() === COMMA ? from + scanner.getTokenOffset() : undefined
}

/** Takes a range out, and with it the line that it leaves blank. */
function cut(text: string, start: number, end: number): string {
  const before = /[ \t]*$/.exec(text.slice(0, start))?.[0] ?? ''
  const after = /^[ \t]*(\r\n|\n|\r|$)?/.exec(text.slice(end))?.[0] ?? ''
  const startsLine = /(^|[\r\n])$/.test(text.slice(0, start - before.length))
  if (startsLine && /[\r\n]/.test(after)) {
    return splice(text, start - before.length, end + after.length, '')
  }
  if (startsLine) return splice(text, start, end + after.length, '')
  // Within a line one blank is enough on either side.
  const blank = before === '' ? (/^[ \t]*/.exec(text.slice(end))?.[0].length ?? 0) : 0
  return splice(text, start - before.length, end + blank, '')
}

const splice = (text: string, start: number, end: number, replacement: string): string =>
  text.slice(0, start) + replacement + text.slice(end)

const eolOf = (text: string): string => (text.includes('\r\n') ? '\r\n' : '\n')

const unitOf = (text: string): string => (/^\t/m.test(text) ? '\t' : '  ')

/** Blank at the beginning of the line that holds the offset. */
function indentAt(text: string, offset: number): string {
  const line =
    text
      .slice(0, offset)
      .split(/[\r\n]/)
      .at(-1) ?? ''
  return /^[ \t]*/.exec(line)?.[0] ?? ''
}

/** On one line where it fits, as a person would write it. */
function format(value: Json, indent: string, unit: string, eol: string): string {
  const short = inline(value)
  if (short.length + indent.length <= 90 || value === null || typeof value !== 'object')
    return short
  const deeper = indent + unit
  const entries = Array.isArray(value)
    ? value.map((item: Json) => format(item, deeper, unit, eol))
    : Object.entries(value).map(
        ([key, item]) => `${JSON.stringify(key)}: ${format(item as Json, deeper, unit, eol)}`,
      )
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return `${open}${eol}${deeper}${entries.join(`,${eol}${deeper}`)}${eol}${indent}${close}`
}

function inline(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const entries = Object.entries(value)
  if (entries.length === 0) return '{}'
  return `{ ${entries.map(([key, item]) => `${JSON.stringify(key)}: ${inline(item)}`).join(', ')} }`
}

/** `SyntaxKind.BlockCommentTrivia` and `EOF` of jsonc-parser. */
const BLOCK_COMMENT: number = 13
const END: number = 17

/** The text with lines of comment above the line that holds the offset, as far to the right as that line. */
export function commentAbove(text: string, offset: number, lines: readonly string[]): string {
  const at = lineStart(text, offset)
  const indent = indentAt(text, offset)
  const comment = lines.map((line) => `${indent}// ${line}${eolOf(text)}`).join('')
  return splice(text, at, at, comment)
}

/** Where the line begins; where that is inside of a comment, the line on which the comment begins. */
function lineStart(text: string, offset: number): number {
  const start = Math.max(text.lastIndexOf('\n', offset - 1), text.lastIndexOf('\r', offset - 1)) + 1
  const scanner = createScanner(text, false)
  for (let kind: number = scanner.scan(); kind !== END; kind = scanner.scan()) {
    const token = scanner.getTokenOffset()
    if (token >= start) break
    if (kind === BLOCK_COMMENT && token + scanner.getTokenLength() > start)
      return lineStart(text, token)
  }
  return start
}
