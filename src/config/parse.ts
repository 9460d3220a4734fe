import { findNodeAtLocation } from 'jsonc-parser'
import { buildConfig } from './build/build.ts'
import { check } from './checks/check.ts'
import type { Config } from './config.ts'
import {
  error,
  type Finding,
  formatPath,
  type Json,
  type Path,
  type Problem,
  type Source,
  warning,
} from './problem.ts'
import { findingsOf } from './read/issues.ts'
import { Remainder } from './read/remainder.ts'
import { position, readSource } from './read/source.ts'
import { type ConfigFile, configSchema } from './schema.ts'
import { inlineSecrets, type Lookup, resolveReferences } from './values/references.ts'

export interface ParseOptions extends Lookup {
  /** Name of the file, for the problems. */
  readonly file: string
  /** Other users of this machine can read the file. */
  readonly exposed?: boolean
}

/** `config` is there unless a problem is an error. */
export type ParseResult =
  | { readonly config: Config; readonly problems: readonly Problem[] }
  | { readonly config?: undefined; readonly problems: readonly Problem[] }

/** A file as read, with what is wrong by key path: for programs that put it right. */
export interface Inspected {
  readonly source: Source
  /** What is left when everything that is wrong is taken out; undefined when too much is. */
  readonly file: ConfigFile | undefined
  readonly findings: readonly Finding[]
}

export function inspectConfig(text: string, options: Omit<ParseOptions, 'file'>): Inspected {
  const source = readSource(text)
  const findings = [...source.findings]
  if (options.exposed && source.value !== undefined) findings.push(...exposed(source.value))
  const file = source.value === undefined ? undefined : validate(source.value, options, findings)
  return { source, file, findings }
}

/**
 * Reads a configuration file: every problem at once, in the order of the file, each with its place and a remedy.
 * Values of secrets appear in none of them. Never throws.
 */
export function parseConfig(text: string, options: ParseOptions): ParseResult {
  const { source, file, findings } = inspectConfig(text, options)
  const problems = locate(limit(findings), source, options.file)
  if (!file || findings.some(({ severity }) => severity === 'error')) return { problems }
  return { config: buildConfig(file), problems }
}

function exposed(root: Json): Finding[] {
  const [first] = inlineSecrets(root)
  if (!first) return []
  const message = 'every user of this machine can read this file, and it holds a secret'
  return [
    warning(first, message, 'Run `chmod 600` on the file, or write "env:NAME" or "file:/path"'),
  ]
}

/** What is wrong is noted and taken out, and the rest is looked at again, until the parts can be held against each other. */
function validate(value: Json, lookup: Lookup, findings: Finding[]): ConfigFile | undefined {
  const root = resolveReferences(value, lookup, findings)
  const rest = new Remainder(root)
  for (;;) {
    const parsed = configSchema.safeParse(rest.value)
    const found = parsed.success
      ? check(parsed.data, root, (path) => rest.original(path))
      : parsed.error.issues.slice(0, MAX_PROBLEMS).flatMap((it) => findingsOf(it, rest.value))
    const placed = found.map((finding) => ({ ...finding, path: rest.original(finding.path) }))
    if (parsed.success) {
      findings.push(...placed)
      return parsed.data
    }
    // Only what is an error explains that a whole is incomplete: a warning leaves its part where it is.
    const known = findings.filter(({ severity }) => severity === 'error')
    findings.push(...placed.filter(({ path }) => !known.some((it) => isWithin(it.path, path))))
    if (findings.length > MAX_PROBLEMS || placed.some(({ path }) => path.length === 0)) {
      return undefined
    }
    for (const { path } of placed) rest.remove(path)
  }
}

/** Beyond this it is another kind of file, and finding the place of each would take minutes. */
export const MAX_PROBLEMS = 200

/** Errors before warnings, so that none is left out for one. */
function limit(findings: readonly Finding[]): readonly Finding[] {
  if (findings.length <= MAX_PROBLEMS) return findings
  const errors = findings.filter(({ severity }) => severity === 'error')
  const warnings = findings.filter(({ severity }) => severity === 'warning')
  const problem = errors.length > 0 ? error : warning
  const more = problem([], `more than ${MAX_PROBLEMS} problems`, 'Correct these first')
  return [more, ...[...errors, ...warnings].slice(0, MAX_PROBLEMS)]
}

/** A part that was taken out may leave its whole incomplete; that is not a second mistake. */
const isWithin = (inner: Path, outer: Path): boolean =>
  inner.length > 0 && outer.every((segment, index) => inner[index] === segment)

function locate(findings: readonly Finding[], source: Source, file: string): Problem[] {
  return findings
    .map((finding) => ({ ...finding, offset: offsetOf(source, finding) }))
    .sort((a, b) => a.offset - b.offset)
    .map(({ severity, path, message, remedy, offset }) => {
      const place = position(source.text, offset)
      return { severity, file, ...place, path: formatPath(path), message, remedy }
    })
}

/** Where the value or key stands; where it is missing, the object that should have it. */
function offsetOf(source: Source, { offset, path, about }: Finding): number {
  if (offset !== undefined || !source.root) return offset ?? 0
  for (let length = path.length; length > 0; length--) {
    const node = findNodeAtLocation(source.root, path.slice(0, length))
    if (node) return about === 'key' ? (node.parent?.offset ?? node.offset) : node.offset
  }
  return source.root.offset
}
