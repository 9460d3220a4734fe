/**
 * Regular expressions that take linear time: parsed here, run by `hooks/redact/automaton.ts`, never by the engine of
 * JavaScript, on which `(a+)+b`, or only `\d+x` on a long number, takes hours. What cannot be had in linear time (back
 * references, lookaround) is refused, and repetition is bounded by the number of states it takes.
 */
export type PatternNode =
  | { readonly kind: 'unit'; readonly ranges: readonly Range[] }
  | { readonly kind: 'assert'; readonly what: Assertion }
  | { readonly kind: 'all'; readonly nodes: readonly PatternNode[] }
  | { readonly kind: 'any'; readonly nodes: readonly PatternNode[] }
  | {
      readonly kind: 'repeat'
      readonly node: PatternNode
      readonly min: number
      readonly max: number
    }

/** Of UTF-16 code units, both ends included. */
export type Range = readonly [from: number, to: number]

export type Assertion = 'start' | 'end' | 'boundary' | 'inside'

export type ParsedPattern =
  | { readonly pattern: PatternNode; readonly why?: undefined }
  | { readonly pattern?: undefined; readonly why: string }

const MAX_LENGTH = 512
const MAX_STATES = 500
const MAX_DEPTH = 32

/**
 * Literals, `.`, classes, `\d \w \s \b` and their opposites, groups, `|`, `* + ? {m,n}`, `^` and `$` (of the text), and
 * `(?i)` at the beginning. `why` says what is not possible.
 */
export function parsePattern(text: string): ParsedPattern {
  if (text.length > MAX_LENGTH) return { why: `is longer than ${MAX_LENGTH} characters` }
  try {
    const pattern = new Parser(text).parse()
    if (sizeOf(pattern) > MAX_STATES) return { why: `needs more than ${MAX_STATES} states` }
    if (isNullable(pattern)) return { why: 'matches the empty text' }
    return { pattern }
  } catch (error) {
    if (error instanceof PatternError) return { why: error.message }
    throw error
  }
}

class PatternError extends Error {}

const fail = (why: string): never => {
  throw new PatternError(why)
}

/** States of the automaton. */
function sizeOf(node: PatternNode): number {
  switch (node.kind) {
    case 'unit':
    case 'assert':
      return 1
    case 'all':
    case 'any':
      return node.nodes.reduce((sum, inner) => sum + sizeOf(inner) + 1, 0)
    case 'repeat':
      return (sizeOf(node.node) + 1) * Math.max(node.min + 1, node.max === Infinity ? 1 : node.max)
  }
}

function isNullable(node: PatternNode): boolean {
  switch (node.kind) {
    case 'unit':
      return false
    case 'assert':
      return true
    case 'all':
      return node.nodes.every(isNullable)
    case 'any':
      return node.nodes.some(isNullable)
    case 'repeat':
      return node.min === 0 || isNullable(node.node)
  }
}

const LAST = 0xffff
const digits: readonly Range[] = [[48, 57]]
const word: readonly Range[] = [...digits, [65, 90], [95, 95], [97, 122]]
const space: readonly Range[] = [
  [9, 13],
  [32, 32],
  [0xa0, 0xa0],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x3000, 0x3000],
]
const notBreak: readonly Range[] = [
  [0, 9],
  [11, 12],
  [14, LAST],
]

const CLASSES: Readonly<Record<string, readonly Range[]>> = {
  d: digits,
  D: invert(digits),
  w: word,
  W: invert(word),
  s: space,
  S: invert(space),
}
const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, 0: 0 }

function invert(ranges: readonly Range[]): Range[] {
  const inverted: Range[] = []
  let next = 0
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    if (from > next) inverted.push([next, from - 1])
    next = Math.max(next, to + 1)
  }
  if (next <= LAST) inverted.push([next, LAST])
  return inverted
}

class Parser {
  readonly #text: string
  readonly #anyCase: boolean
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#anyCase = text.startsWith('(?i)')
    this.#text = this.#anyCase ? text.slice(4) : text
  }

  parse(): PatternNode {
    const node = this.#alternatives()
    return this.#at < this.#text.length ? fail('has a ")" without its "("') : node
  }

  #peek(): string {
    return this.#text[this.#at] ?? ''
  }

  #take(expected: string): boolean {
    if (!this.#text.startsWith(expected, this.#at)) return false
    this.#at += expected.length
    return true
  }

  #alternatives(): PatternNode {
    if (++this.#depth > MAX_DEPTH) fail('has too many groups in groups')
    const nodes = [this.#sequence()]
    while (this.#take('|')) nodes.push(this.#sequence())
    this.#depth--
    return nodes.length === 1 ? nodes[0]! : { kind: 'any', nodes }
  }

  #sequence(): PatternNode {
    const nodes: PatternNode[] = []
    while (this.#at < this.#text.length && this.#peek() !== '|' && this.#peek() !== ')') {
      nodes.push(this.#repeated(this.#atom()))
    }
    return { kind: 'all', nodes }
  }

  #repeated(node: PatternNode): PatternNode {
    const bounds = this.#bounds()
    if (!bounds) return node
    if (node.kind === 'assert') fail('repeats a place, such as ^ or \\b')
    if (isNullable(node)) fail('repeats what may be empty')
    if (this.#peek() === '?') fail('has a lazy quantifier, which would change nothing here')
    if (this.#peek() === '+' || this.#bounds()) fail('repeats a repetition')
    return { kind: 'repeat', node, ...bounds }
  }

  #bounds(): { readonly min: number; readonly max: number } | undefined {
    if (this.#take('*')) return { min: 0, max: Infinity }
    if (this.#take('+')) return { min: 1, max: Infinity }
    if (this.#take('?')) return { min: 0, max: 1 }
    const counted = /^\{(\d{1,4})(,(\d{1,4})?)?\}/.exec(this.#text.slice(this.#at, this.#at + 12))
    if (!counted) return undefined
    this.#at += counted[0].length
    const min = Number(counted[1])
    const max = counted[2] === undefined ? min : counted[3] ? Number(counted[3]) : Infinity
    return max < min || max === 0 ? fail('has an impossible repetition') : { min, max }
  }

  #atom(): PatternNode {
    const char = this.#peek()
    if (char === '(') return this.#group()
    if (char === '[') return this.#class()
    if (char === '\\') return this.#escape()
    if ('*+?{'.includes(char)) return fail('repeats nothing')
    this.#at++
    if (char === '^') return { kind: 'assert', what: 'start' }
    if (char === '$') return { kind: 'assert', what: 'end' }
    if (char === '.') return { kind: 'unit', ranges: notBreak }
    return this.#unit([[char.charCodeAt(0), char.charCodeAt(0)]])
  }

  #group(): PatternNode {
    this.#at++
    if (!this.#take('?:') && this.#peek() === '?') {
      fail('has a group that begins with (?, of which only (?: is possible')
    }
    const node = this.#alternatives()
    return this.#take(')') ? node : fail('has a "(" without its ")"')
  }

  #escape(): PatternNode {
    const next = this.#text[this.#at + 1] ?? ''
    if (next === 'b' || next === 'B') {
      this.#at += 2
      return { kind: 'assert', what: next === 'b' ? 'boundary' : 'inside' }
    }
    return this.#unit(this.#escaped())
  }

  /** What an escape stands for, in a class or outside. */
  #escaped(): readonly Range[] {
    const rest = this.#text.slice(this.#at + 1, this.#at + 6)
    const coded = /^(?:x([\da-f]{2})|u([\da-f]{4}))/i.exec(rest)
    if (coded) {
      this.#at += 1 + coded[0].length
      const code = Number.parseInt(coded[1] ?? coded[2] ?? '', 16)
      return [[code, code]]
    }
    const next = rest[0] ?? ''
    this.#at += 2
    const known = CLASSES[next]
    if (known) return known
    const control = CONTROLS[next]
    if (control !== undefined) return [[control, control]]
    if (next === '' || /[\w]/.test(next)) return fail(`has an escape that is not known: \\${next}`)
    return [[next.charCodeAt(0), next.charCodeAt(0)]]
  }

  #class(): PatternNode {
    this.#at++
    const negated = this.#take('^')
    const ranges: Range[] = []
    while (this.#peek() !== ']') {
      if (this.#at >= this.#text.length) fail('has a "[" without its "]"')
      ranges.push(...this.#classPart())
    }
    this.#at++
    if (ranges.length === 0) fail('has an empty class')
    const cased = this.#anyCase ? inBothCases(ranges) : ranges
    return { kind: 'unit', ranges: negated ? invert(cased) : cased }
  }

  #classPart(): readonly Range[] {
    const from = this.#classUnit()
    const [[first, last] = [0, 0]] = from
    if (this.#peek() !== '-' || this.#text[this.#at + 1] === ']') return from
    this.#at++
    const to = this.#classUnit()
    const end = to[0]?.[1] ?? 0
    if (from.length > 1 || first !== last || to.length > 1 || to[0]?.[0] !== end || end < first) {
      fail('has an impossible range in a class')
    }
    return [[first, end]]
  }

  #classUnit(): readonly Range[] {
    if (this.#peek() === '\\') return this.#escaped()
    const code = this.#peek().charCodeAt(0)
    if (code >= 0xd800 && code <= 0xdfff) fail('has a character beyond U+FFFF in a class')
    this.#at++
    return [[code, code]]
  }

  #unit(ranges: readonly Range[]): PatternNode {
    return { kind: 'unit', ranges: this.#anyCase ? inBothCases(ranges) : ranges }
  }
}

/** Of ASCII letters. */
const inBothCases = (ranges: readonly Range[]): Range[] =>
  ranges.flatMap(([from, to]): Range[] => [
    [from, to],
    ...shifted(from, to, 65, 32),
    ...shifted(from, to, 97, -32),
  ])

const shifted = (from: number, to: number, letterA: number, by: number): Range[] => {
  const first = Math.max(from, letterA)
  const last = Math.min(to, letterA + 25)
  return first <= last ? [[first + by, last + by]] : []
}
