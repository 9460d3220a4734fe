import type { Assertion, PatternNode, Range } from '../../../config/values/text-pattern.ts'

/** Part of a text, in UTF-16 code units: the first one and the one after the last. */
export interface Span {
  readonly start: number
  readonly end: number
}

const op = { match: 0, unit: 1, fork: 2, assert: 3 } as const
const assertions: readonly Assertion[] = ['start', 'end', 'boundary', 'inside']

/** States in columns: they are visited for every character, and objects cost ten times as much. */
export interface Automaton {
  readonly start: number
  readonly ops: Uint8Array
  /** Where it goes on; for a fork, first. */
  readonly next: Uint16Array
  /** For a fork where else, for an assertion which. */
  readonly other: Uint16Array
  /** For a unit: which of the first 128 it takes. */
  readonly ascii: readonly Uint8Array[]
  readonly ranges: readonly (readonly Range[])[]
}

const none = new Uint8Array(128)

/** Thompson's construction, from the end of the pattern to its beginning. */
export function compile(pattern: PatternNode): Automaton {
  const ops: number[] = [op.match]
  const nexts: number[] = [0]
  const others: number[] = [0]
  const ascii: Uint8Array[] = [none]
  const ranges: (readonly Range[])[] = [[]]

  const add = (kind: number, next: number, other = 0, taken: readonly Range[] = []): number => {
    nexts.push(next)
    others.push(other)
    ascii.push(taken.length > 0 ? tableOf(taken) : none)
    ranges.push(taken)
    return ops.push(kind) - 1
  }

  const build = (node: PatternNode, next: number): number => {
    switch (node.kind) {
      case 'unit':
        return add(op.unit, next, 0, node.ranges)
      case 'assert':
        return add(op.assert, next, assertions.indexOf(node.what))
      case 'all':
        return node.nodes.reduceRight((after, inner) => build(inner, after), next)
      case 'any':
        return node.nodes
          .map((inner) => build(inner, next))
          .reduceRight((rest, way) => add(op.fork, way, rest))
      case 'repeat':
        return repeat(node, next)
    }
  }

  const repeat = ({ node, min, max }: PatternNode & { kind: 'repeat' }, next: number): number => {
    let entry = max === Infinity ? loop(node, next) : next
    const optional = max === Infinity ? 0 : max - min
    for (let i = 0; i < optional; i++) entry = add(op.fork, build(node, entry), next)
    for (let i = 0; i < min; i++) entry = build(node, entry)
    return entry
  }

  const loop = (node: PatternNode, next: number): number => {
    const fork = add(op.fork, 0, next)
    nexts[fork] = build(node, fork)
    return fork
  }

  const start = build(pattern, 0)
  return {
    start,
    ops: Uint8Array.from(ops),
    next: Uint16Array.from(nexts),
    other: Uint16Array.from(others),
    ascii,
    ranges,
  }
}

const tableOf = (ranges: readonly Range[]): Uint8Array => {
  const table = new Uint8Array(128)
  for (const [from, to] of ranges) table.fill(1, Math.min(from, 128), Math.min(to + 1, 128))
  return table
}

/** States that wait for a unit and where the match of each began, earliest first. */
interface Waiting {
  readonly states: Uint16Array
  readonly origins: Uint32Array
  count: number
}

const emptyList = (size: number): Waiting => ({
  states: new Uint16Array(size),
  origins: new Uint32Array(size),
  count: 0,
})

/**
 * Looks for a pattern in one text, in one pass: each unit of it costs at most one visit of each state, whatever the
 * text. Finds what is covered by any match, with neighbours joined, which is what is to be hidden; single matches would
 * have to be looked for again and again from where the last one ended.
 */
export class Search {
  readonly found: Span[] = []
  readonly #automaton: Automaton
  readonly #text: string
  /** Position at which a state was entered last, plus one. */
  readonly #seen: Uint32Array
  #at = 0
  #now: Waiting
  #then: Waiting

  constructor(automaton: Automaton, text: string) {
    const size = automaton.ops.length
    this.#automaton = automaton
    this.#text = text
    this.#seen = new Uint32Array(size)
    this.#now = emptyList(size)
    this.#then = emptyList(size)
  }

  /** Goes on for so many units at most. False at the end of the text. */
  advance(units: number): boolean {
    const end = Math.min(this.#text.length, this.#at + units)
    for (; this.#at < end; this.#at++) {
      // After those that are under way: of two ways into a state the one that began first counts.
      this.#enter(this.#now, this.#automaton.start, this.#at, this.#at)
      if (this.#now.count > 0) this.#step(this.#text.charCodeAt(this.#at))
    }
    return this.#at < this.#text.length
  }

  #step(unit: number): void {
    const { states, origins, count } = this.#now
    const { ascii, ranges, next } = this.#automaton
    const then = this.#then
    then.count = 0
    for (let i = 0; i < count; i++) {
      const state = states[i]!
      const taken = unit < 128 ? ascii[state]![unit] === 1 : isWithin(ranges[state]!, unit)
      if (taken) this.#enter(then, next[state]!, origins[i]!, this.#at + 1)
    }
    this.#then = this.#now
    this.#now = then
  }

  /** Follows every way that needs no unit. */
  #enter(list: Waiting, state: number, origin: number, at: number): void {
    if (this.#seen[state] === at + 1) return
    this.#seen[state] = at + 1
    const { ops, next, other } = this.#automaton
    switch (ops[state]) {
      case op.unit:
        list.states[list.count] = state
        list.origins[list.count++] = origin
        return
      case op.fork:
        this.#enter(list, next[state]!, origin, at)
        this.#enter(list, other[state]!, origin, at)
        return
      case op.assert:
        if (this.#holds(assertions[other[state]!]!, at)) {
          this.#enter(list, next[state]!, origin, at)
        }
        return
      default:
        this.#note(origin, at)
    }
  }

  #holds(what: Assertion, at: number): boolean {
    if (what === 'start') return at === 0
    if (what === 'end') return at === this.#text.length
    const boundary = isWord(this.#text.charCodeAt(at - 1)) !== isWord(this.#text.charCodeAt(at))
    return boundary === (what === 'boundary')
  }

  #note(start: number, end: number): void {
    let from = start
    for (let last = this.found.at(-1); last && last.end >= from; last = this.found.at(-1)) {
      from = Math.min(from, last.start)
      this.found.pop()
    }
    this.found.push({ start: from, end })
  }
}

const isWithin = (ranges: readonly Range[], unit: number): boolean =>
  ranges.some(([from, to]) => unit >= from && unit <= to)

const isWord = (unit: number): boolean =>
  (unit >= 48 && unit <= 57) ||
  (unit >= 65 && unit <= 90) ||
  unit === 95 ||
  (unit >= 97 && unit <= 122)
