import { findNodeAtLocation } from 'jsonc-parser'
import { lookupFor, parseText } from '../../adapter/node/config/config-file.ts'
import { setAt, treeOf } from '../../config/edit.ts'
import { inspectConfig } from '../../config/parse.ts'
import {
  type Finding,
  formatPath,
  type Json,
  type Path,
  type Problem,
} from '../../config/problem.ts'
import { readSource } from '../../config/read/source.ts'
import { costBases, doorOf, type Mode, silences, written } from './additions.ts'
import { entriesOf, isObject, readAt } from './json.ts'
import { withoutOlderShapes } from './older.ts'
import { CLOSED, changeFor } from './rules.ts'
import { type Change, change, withoutEarlier } from './take-out.ts'

export interface ImportOptions {
  readonly mode: Mode
  /** Where the result will lie: relative `file:` references count from there. */
  readonly path: string
  /** Wall-clock ms: lists of prices have dates. */
  readonly at: number
}

export interface Section {
  readonly section: string
  /** `in part`: something of it is a comment now, or was replaced. */
  readonly outcome: 'understood' | 'in part' | 'not taken over'
  readonly detail: string
}

/** One place of the file that is not as it was. */
export interface Step {
  readonly path: string
  readonly outcome: 'renamed' | 'commented out' | 'replaced' | 'added'
  readonly what: string
}

export interface Imported {
  /** The configuration for Postern, comments kept. */
  readonly text: string
  readonly sections: readonly Section[]
  readonly steps: readonly Step[]
  /** What deserves a look; never an error. */
  readonly problems: readonly Problem[]
}

/**
 * Makes a configuration of Aperture's into one of Postern's that starts. What Aperture only warns of, and we refuse,
 * becomes a comment at its place; what Aperture takes for said though it is not written is written.
 * @throws Error when the text is not a HuJSON object, which Aperture does not load either
 */
export const importAperture = async (text: string, options: ImportOptions): Promise<Imported> => {
  const { value, findings } = readSource(text)
  if (!isObject(value)) throw new Error(findings[0]?.message ?? 'the file is not a HuJSON object')
  const before = Object.entries(value)
  const work = new Work(text)
  work.takeOutDoubles()
  work.rename()
  work.add(doorOf(work.text, options.mode))
  work.settle(options.path)
  work.add(await costBases(work.inspect(options.path).file ?? failed(), options.at))
  return {
    text: work.text,
    sections: sectionsOf(before, work),
    steps: work.steps,
    problems: parseText(options.path, work.text).problems,
  }
}

const failed = (): never => {
  throw new Error('the file cannot be put right: nothing is left of it')
}

/** Every round takes something out, and none puts in what another takes out. */
const rounds = 100

class Work {
  text: string
  readonly steps: Step[] = []
  /** First keys of paths that were touched. */
  readonly touched = new Set<string>()

  constructor(text: string) {
    this.text = text
  }

  inspect(path: string) {
    return inspectConfig(this.text, lookupFor(path))
  }

  /** Also a key that would reach into the prototype of an object. */
  takeOutDoubles(): void {
    for (;;) {
      const [found] = readSource(this.text).findings
      if (found?.offset === undefined) return
      const { text, path } = withoutEarlier(this.text, found.offset)
      this.text = text
      this.#note(path, 'commented out', found.message)
    }
  }

  rename(): void {
    const { text, renamed } = withoutOlderShapes(this.text)
    this.text = text
    for (const { from, to } of renamed)
      this.steps.push({ path: from, outcome: 'renamed', what: to })
  }

  /** What is not there, and means something else here when it is not. */
  add(changes: readonly Change[]): void {
    this.text = written(this.text, changes)
    for (const { path, put, reason } of changes) {
      const what = `${JSON.stringify(put)}: ${reason}`
      this.steps.push({ path: formatPath(path), outcome: 'added', what })
    }
  }

  /** Until nothing is wrong any more, or only what may stay. */
  settle(path: string): void {
    for (let round = 0; round < rounds; round++) {
      this.add(silences(this.text))
      const { findings, source } = this.inspect(path)
      const root = source.value ?? null
      // What is wrong hides from the checks what is not: they are asked again when it is gone.
      const errors = findings.filter(({ severity }) => severity === 'error')
      const next = errors.length > 0 ? errors : findings
      const changes = outermost(next.flatMap((found) => changeOf(found, root)))
      if (changes.length === 0) return
      for (const each of fromTheEnd(this.text, changes)) this.#apply(each)
      if (this.#needsClosed()) this.text = setAt(this.text, ['quotas', CLOSED], closed)
    }
  }

  #apply(each: Change): void {
    const { path, put, reason } = each
    const was = readAt(this.text, path)
    this.text = change(this.text, each)
    const outcome = put === undefined ? 'commented out' : was === undefined ? 'added' : 'replaced'
    this.#note(path, outcome, put === undefined ? reason : `${JSON.stringify(put)}: ${reason}`)
  }

  #note(path: Path, outcome: Step['outcome'], what: string): void {
    this.steps.push({ path: formatPath(path), outcome, what })
    this.touched.add(String(path[0]))
  }

  #needsClosed(): boolean {
    return (
      JSON.stringify(readAt(this.text, ['grants']) ?? null).includes(`"bucket":"${CLOSED}"`) &&
      readAt(this.text, ['quotas', CLOSED]) === undefined
    )
  }
}

const closed: Json = { capacity: '0 requests' }

/** An error that no rule knows what to do with takes its section along. */
const changeOf = (finding: Finding, root: Json): Change[] => {
  const found = changeFor(finding, root)
  if (found && found.path.length > 0) return [found]
  if (finding.severity === 'warning' || finding.path.length === 0) return []
  return [{ path: finding.path.slice(0, 1), reason: finding.message }]
}

/** One for each place, and none within another. */
const outermost = (changes: readonly Change[]): readonly Change[] => {
  const byPath = new Map(changes.map((each) => [formatPath(each.path), each]))
  return [...byPath.values()].filter(
    ({ path }) =>
      !path.some((_, length) => length > 0 && byPath.has(formatPath(path.slice(0, length)))),
  )
}

/** So that the numbers of what is still to be done stay true. */
const fromTheEnd = (text: string, changes: readonly Change[]): readonly Change[] => {
  const root = treeOf(text)
  const placeOf = ({ path }: Change): number =>
    findNodeAtLocation(root, [...path])?.offset ?? Number.POSITIVE_INFINITY
  return [...changes].sort((a, b) => placeOf(b) - placeOf(a))
}

const sectionsOf = (before: readonly (readonly [string, Json])[], work: Work): Section[] => {
  const after = new Set(entriesOf(work.text, []).map(([section]) => section))
  return before.map(([section, value]) => {
    const renamed = work.steps.some(
      ({ path, outcome }) => outcome === 'renamed' && path.startsWith(`${section}[`),
    )
    const outcome = !after.has(section) && !renamed ? 'not taken over' : outcomeOf(section, work)
    return { section, outcome, detail: sizeOf(value) }
  })
}

const outcomeOf = (section: string, { touched }: Work): Section['outcome'] =>
  touched.has(section === 'temp_grants' ? 'grants' : section) ? 'in part' : 'understood'

const sizeOf = (value: Json): string => {
  if (Array.isArray(value)) return `${value.length} ${value.length === 1 ? 'entry' : 'entries'}`
  if (!isObject(value)) return typeof value === 'string' ? 'a text' : JSON.stringify(value)
  const keys = Object.keys(value)
  return keys.length > 6 ? `${keys.length} entries` : keys.join(', ')
}
