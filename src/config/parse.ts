import { findNodeAtLocation } from 'jsonc-parser'
import { buildConfig } from './build.ts'
import { check } from './checks.ts'
import type { Config } from './config.ts'
import { findingsOf, valueAt } from './issues.ts'
import {
  type Finding,
  formatPath,
  type Json,
  type Path,
  type Problem,
  type Source,
} from './problem.ts'
import { type ConfigFile, configSchema } from './schema.ts'
import { position, readSource } from './source.ts'
import { type Lookup, resolveReferences } from './values/references.ts'

export interface ParseOptions extends Lookup {
  /** Name of the file, for the problems. */
  readonly file: string
}

/** `config` is there unless a problem is an error. */
export type ParseResult =
  | { readonly config: Config; readonly problems: readonly Problem[] }
  | { readonly config?: undefined; readonly problems: readonly Problem[] }

/**
 * Reads a configuration file: every problem at once, in the order of the file, each with its place and a remedy.
 * Values of secrets appear in none of them. Never throws.
 */
export function parseConfig(text: string, options: ParseOptions): ParseResult {
  const source = readSource(text)
  const findings = [...source.findings]
  const file = source.value === undefined ? undefined : validate(source.value, options, findings)
  const problems = locate(findings, source, options.file)
  if (!file || findings.some(({ severity }) => severity === 'error')) return { problems }
  return { config: buildConfig(file), problems }
}

/** What is wrong is noted and taken out, and the rest is looked at again, so that one mistake does not hide the next. */
function validate(value: Json, lookup: Lookup, findings: Finding[]): ConfigFile | undefined {
  const root = resolveReferences(value, lookup, findings)
  let rest = root
  for (;;) {
    const parsed = configSchema.safeParse(rest)
    if (parsed.success) {
      findings.push(...check(parsed.data, root))
      return parsed.data
    }
    const found = parsed.error.issues.flatMap((issue) => findingsOf(issue, rest))
    findings.push(...found.filter(({ path }) => !findings.some((it) => samePath(it.path, path))))
    if (found.some(({ path }) => path.length === 0)) return undefined
    for (const { path } of found) rest = without(rest, path)
  }
}

const samePath = (a: Path, b: Path): boolean => formatPath(a) === formatPath(b)

/** The value without what is at the path; a missing key takes its object with it. Indexes of lists stay. */
function without(root: Json, path: Path): Json {
  if (path.length === 0) return {}
  const parent = path.slice(0, -1)
  const holder = valueAt(root, parent)
  if (holder === undefined || holder === null || typeof holder !== 'object') return root
  const key = String(path.at(-1))
  if (Array.isArray(holder) || !Object.hasOwn(holder, key)) return without(root, parent)
  const { [key]: _, ...kept } = holder as { readonly [key: string]: Json }
  return replaceAt(root, parent, kept)
}

function replaceAt(root: Json, path: Path, value: Json): Json {
  const [segment, ...rest] = path
  if (segment === undefined || root === null || typeof root !== 'object') return value
  if (Array.isArray(root)) {
    return root.map((item, index) => (index === segment ? replaceAt(item, rest, value) : item))
  }
  const entries = Object.entries(root as { readonly [key: string]: Json })
  return Object.fromEntries(
    entries.map(([key, item]) => [key, key === segment ? replaceAt(item, rest, value) : item]),
  )
}

function locate(findings: readonly Finding[], source: Source, file: string): Problem[] {
  return findings
    .map((finding) => ({ ...finding, offset: finding.offset ?? offsetOf(source, finding.path) }))
    .sort((a, b) => a.offset - b.offset)
    .map(({ severity, path, message, remedy, offset }) => {
      const place = position(source.text, offset)
      return { severity, file, ...place, path: formatPath(path), message, remedy }
    })
}

/** Where the value stands; where it is missing, the object that should have it. An unknown key is its own place. */
function offsetOf(source: Source, path: Path): number {
  if (!source.root) return 0
  const node = findNodeAtLocation(source.root, [...path])
  if (node) return node.offset
  return path.length === 0 ? source.root.offset : offsetOf(source, path.slice(0, -1))
}
