import type { Assertion, PatternNode, Range } from '../../config/values/text-pattern.ts'

/** Part of a text, in UTF-16 code units: the first one and the one after the last. */
export interface Span {
  readonly start: number
  readonly end: number
}

interface UnitState {
  readonly kind: 'unit'
  readonly ascii: Uint8Array
  readonly ranges: readonly Range[]
  readonly next: number
}

type State =
  | UnitState
  | { readonly kind: 'fork'; readonly next: readonly number[] }
  | { readonly kind: 'assert'; readonly what: Assertion; readonly next: number }
  | { readonly kind: 'match' }

export interface Automaton {
  readonly states: readonly State[]
  readonly start: number
}

/** Thompson's construction, from the end of the pattern to its beginning. */
export function compile(pattern: PatternNode): Automaton {
  const states: State[] = [{ kind: 'match' }]
  const add = (state: State): number => states.push(state) - 1

  const build = (node: PatternNode, next: number): number => {
    switch (node.kind) {
      case 'unit':
        return add({ kind: 'unit', ascii: tableOf(node.ranges), ranges: node.ranges, next })
      case 'assert':
        return add({ kind: 'assert', what: node.what, next })
      case 'all':
        return node.nodes.reduceRight((after, inner) => build(inner, after), next)
      case 'any':
        return add({ kind: 'fork', next: node.nodes.map((inner) => build(inner, next)) })
      case 'repeat':
        return repeat(node, next)
    }
  }

  const repeat = ({ node, min, max }: PatternNode & { kind: 'repeat' }, next: number): number => {
    let entry = max === Infinity ? loop(node, next) : next
    const optional = max === Infinity ? 0 : max - min
    for (let i = 0; i < optional; i++) {
      entry = add({ kind: 'fork', next: [build(node, entry), next] })
    }
    for (let i = 0; i < min; i++) entry = build(node, entry)
    return entry
  }

  const loop = (node: PatternNode, next: number): number => {
    const targets = [next]
    const fork = add({ kind: 'fork', next: targets })
    targets.push(build(node, fork))
    return fork
  }

  const start = build(pattern, 0)
  return { states, start }
}

const tableOf = (ranges: readonly Range[]): Uint8Array => {
  const table = new Uint8Array(128)
  for (const [from, to] of ranges) table.fill(1, Math.min(from, 128), Math.min(to + 1, 128))
  return table
}

const accepts = ({ ascii, ranges }: UnitState, unit: number): boolean =>
  unit < 128 ? ascii[unit] === 1 : ranges.some(([from, to]) => unit >= from && unit <= to)

/**
 * Looks for a pattern in one text, in one pass: each unit of it costs at most one visit of each state, whatever the
 * text. Finds what is covered by any match, with neighbours joined, which is what is to be hidden; single matches would
 * have to be looked for again and again from where the last one ended.
 */
export class Search {
  readonly found: Span[] = []
  readonly #automaton: Automaton
  readonly #text: string
  /** `#seen[state]` is the position at which the state was entered last, plus one. */
  readonly #seen: Uint32Array
  #at = 0
  /** States that wait for a unit and where the match of each began, earliest first. */
  #waiting: number[] = []
  #origins: number[] = []

  constructor(automaton: Automaton, text: string) {
    this.#automaton = automaton
    this.#text = text
    this.#seen = new Uint32Array(automaton.states.length)
  }

  /** Goes on for so many units at most. False at the end of the text. */
  advance(units: number): boolean {
    const end = Math.min(this.#text.length, this.#at + units)
    for (; this.#at < end; this.#at++) {
      // After those that are under way: of two ways into a state the one that began first counts.
      this.#enter(this.#automaton.start, this.#at)
      if (this.#waiting.length > 0) this.#step(this.#text.charCodeAt(this.#at))
    }
    return this.#at < this.#text.length
  }

  #step(unit: number): void {
    const waiting = this.#waiting
    const origins = this.#origins
    this.#waiting = []
    this.#origins = []
    for (let i = 0; i < waiting.length; i++) {
      const state = this.#automaton.states[waiting[i]!]!
      if (state.kind === 'unit' && accepts(state, unit)) {
        this.#enter(state.next, origins[i]!, this.#at + 1)
      }
    }
  }

  /** Follows every way that needs no unit. */
  #enter(index: number, origin: number, at = origin): void {
    if (this.#seen[index] === at + 1) return
    this.#seen[index] = at + 1
    const state = this.#automaton.states[index]!
    if (state.kind === 'unit') {
      this.#waiting.push(index)
      this.#origins.push(origin)
    } else if (state.kind === 'match') {
      this.#note(origin, at)
    } else if (state.kind === 'fork') {
      for (const next of state.next) this.#enter(next, origin, at)
    } else if (this.#holds(state.what, at)) {
      this.#enter(state.next, origin, at)
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

const isWord = (unit: number): boolean =>
  (unit >= 48 && unit <= 57) ||
  (unit >= 65 && unit <= 90) ||
  unit === 95 ||
  (unit >= 97 && unit <= 122)
