import {
  createScanner,
  type Node,
  type ParseError,
  type ParseErrorCode,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser'
import { error, type Finding, type Json, type Path, quote, type Source } from '../problem.ts'

/** Characters. Ten thousand users fit; what is larger is not a configuration. */
export const MAX_CONFIG_SIZE = 1024 * 1024

/** The schema needs 7; a parser that recurses needs some limit. */
const MAX_DEPTH = 32

// Values from jsonc-parser's SyntaxKind, a `const enum` that isolated modules cannot read.
const OPEN_BRACE = 1
const CLOSE_BRACE = 2
const OPEN_BRACKET = 3
const CLOSE_BRACKET = 4
const END = 17

/** Reads HuJSON (JSON, comments, trailing commas) and nothing beyond it. Never throws. */
export function readSource(text: string): Source {
  const refused = refuse(text)
  if (refused) return { text, root: undefined, value: undefined, findings: [refused] }
  const errors: ParseError[] = []
  const root = parseTree(withoutBom(text), errors, { allowTrailingComma: true })
  if (errors.length > 0 || !root) {
    return { text, root: undefined, value: undefined, findings: syntaxFindings(errors, text) }
  }
  const findings: Finding[] = []
  const value = toJson(root, [], findings)
  return { text, root, value, findings }
}

/** A blank in place of the byte order mark some editors write, so that offsets stay true. */
const withoutBom = (text: string): string =>
  text.startsWith('\uFEFF') ? ` ${text.slice(1)}` : text

function refuse(text: string): Finding | undefined {
  if (text.length > MAX_CONFIG_SIZE) {
    const limit = `${MAX_CONFIG_SIZE / 1024} KiB`
    return error([], `the file is larger than ${limit}`, 'Check that this is the right file')
  }
  if (/[\0\uFFFD]/.test(text)) {
    const offset = text.search(/[\0\uFFFD]/)
    return { ...error([], 'the file is not UTF-8 text', 'Save it as UTF-8'), offset }
  }
  if (/^[\s\uFEFF]*$/.test(text)) {
    return error([], 'config must not be empty', 'Write at least {}, or run `postern init`')
  }
  return tooDeep(withoutBom(text))
}

function tooDeep(text: string): Finding | undefined {
  const scanner = createScanner(text, true)
  let depth = 0
  for (let kind: number = scanner.scan(); kind !== END; kind = scanner.scan()) {
    if (kind === OPEN_BRACE || kind === OPEN_BRACKET) depth++
    if (kind === CLOSE_BRACE || kind === CLOSE_BRACKET) depth--
    if (depth > MAX_DEPTH) {
      const message = `nested more than ${MAX_DEPTH} levels deep`
      return { ...error([], message, 'Close the braces'), offset: scanner.getTokenOffset() }
    }
  }
  return undefined
}

/** Recovery makes one slip into several errors: what it leads to is left out, and the rest of its line. */
function syntaxFindings(errors: readonly ParseError[], text: string): Finding[] {
  const lines = new Set<number>()
  return errors.flatMap(({ error: code, offset }, index) => {
    const { line } = position(text, offset)
    const isEcho = index > 0 && ECHOES.has(printParseErrorCode(code))
    if (isEcho || lines.has(line)) return []
    lines.add(line)
    return [{ ...syntaxError(code), offset }]
  })
}

/** What the parser misses after it has skipped something. */
const ECHOES = new Set(['ValueExpected', 'PropertyNameExpected'])

const SYNTAX: { readonly [code: string]: readonly [message: string, remedy: string] } = {
  InvalidSymbol: ['this is not JSON', 'Put keys and text in double quotes; comments start with //'],
  InvalidNumberFormat: ['this is not a number', 'Write it in digits, such as 600 or 0.5'],
  PropertyNameExpected: ['a key in double quotes is expected', 'Check the commas and quotes here'],
  ValueExpected: ['a value is expected', 'Write a value, or take the comma or key away'],
  ColonExpected: ['a colon is expected', 'Write "key": value'],
  CommaExpected: ['a comma is expected', 'Put a comma between two entries'],
  CloseBraceExpected: ['a closing } is missing', 'Close what was opened'],
  CloseBracketExpected: ['a closing ] is missing', 'Close what was opened'],
  EndOfFileExpected: ['there is more after the end', 'Keep a single { … }'],
  UnexpectedEndOfComment: ['a comment is not closed', 'Close it with */'],
  UnexpectedEndOfString: ['a text is not closed', 'Close it with " on the same line'],
  UnexpectedEndOfNumber: ['a number is cut short', 'Write it in digits, such as 600 or 0.5'],
  InvalidUnicode: ['\\u must be followed by four hexadecimal digits', 'Write the character itself'],
  InvalidEscapeCharacter: ['unknown escape after \\', 'Write \\\\ for a backslash'],
  InvalidCharacter: ['a control character inside a text', 'Write \\t or \\n, or take it away'],
}

function syntaxError(code: ParseErrorCode): Finding {
  const [message, remedy] = SYNTAX[printParseErrorCode(code)] ?? [
    'syntax error',
    'Check this place',
  ]
  return error([], message, remedy)
}

/** The tree as a plain value; notes keys that are given twice or would reach into the prototype. */
function toJson(node: Node, path: Path, findings: Finding[]): Json {
  if (node.type === 'array') {
    return (node.children ?? []).map((child, index) => toJson(child, [...path, index], findings))
  }
  if (node.type !== 'object') return node.value as Json
  const entries = new Map<string, Json>()
  for (const { children } of node.children ?? []) {
    const [key, value] = children ?? []
    if (!key || !value) continue
    const name = String(key.value)
    const wrong = wrongKey(name, [...path, name], entries)
    if (wrong) findings.push({ ...wrong, offset: key.offset })
    else entries.set(name, toJson(value, [...path, name], findings))
  }
  return Object.fromEntries(entries)
}

function wrongKey(name: string, path: Path, seen: ReadonlyMap<string, Json>): Finding | undefined {
  if (name === '__proto__') return error(path, `key ${quote(name)} is not allowed`, 'Rename it')
  if (!seen.has(name)) return undefined
  return error(path, `duplicate config key ${quote(name)}`, 'Keep one of the two')
}

/** 1-based line and column of a character offset; LF, CRLF and CR all end a line. */
export function position(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split(/\r\n|\n|\r(?!$)/)
  const last = before.at(-1) ?? ''
  const bom = before.length === 1 && last.startsWith('\uFEFF') ? 1 : 0
  return { line: before.length, column: last.length + 1 - bom }
}
