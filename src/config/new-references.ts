import { formatPath, type Json, type Path, quote } from './problem.ts'
import { valueAt } from './read/remainder.ts'
import { readSource } from './read/source.ts'
import { fieldOf, type Reference, referencesIn } from './values/references.ts'

/** A part of an edit that may not be made from outside, for people. */
export interface Refusal {
  /** Key path. */
  readonly path: string
  readonly message: string
}

/**
 * What of an edit would lead secrets of this machine to where the editor wants them: references that the file on disk neither
 * has nor lists. To be asked before the edit is read any further, as reading it looks them up. A reference that is there may
 * move among fields of one kind: the token of the database is not a key for a provider.
 * @param current text of the file on disk @param edited text that is to take its place
 */
export const newReferences = (current: string, edited: string): Refusal[] => {
  const before = readSource(current).value ?? {}
  const after = readSource(edited).value
  if (after === undefined) return []
  const known = new Set(referencesIn(before).map(keyOf))
  const list = listOf(before)
  return [
    ...referencesIn(after)
      .filter((reference) => !known.has(keyOf(reference)) && !allows(list, reference))
      .map(refusalOf),
    ...widened(list, listOf(after)),
  ]
}

const keyOf = ({ path, kind, name }: Reference): string => `${fieldOf(path)} ${kind} ${name}`

const refusalOf = ({ path, text, kind }: Reference): Refusal => ({
  path: formatPath(path),
  message:
    `${quote(text)} is a new reference to ${kind === 'env' ? 'an environment variable' : 'a file'} of the gateway, and not on ` +
    'the list "references" in its configuration file: add it to that list, or put it in, on the machine itself',
})

interface List {
  readonly env: readonly string[]
  readonly files: readonly string[]
}

/** Read without the schema: a file with a mistake elsewhere still says what it allows. */
const listOf = (root: Json): List => ({
  env: textsAt(root, ['references', 'env']),
  files: textsAt(root, ['references', 'files']),
})

const textsAt = (root: Json, path: Path): string[] => {
  const value = valueAt(root, path)
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
}

const allows = ({ env, files }: List, { kind, name }: Reference): boolean =>
  kind === 'env'
    ? env.some((pattern) => patternOf(pattern).test(name))
    : files.some((entry) => isWithin(name, entry))

const patternOf = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replace(/[\\^$.|+?()[\]{}]/g, '\\$&').replaceAll('*', '.*')}$`, 's')

const isWithin = (path: string, entry: string): boolean => {
  const [inner, outer] = [plain(path), plain(entry)]
  return inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`)
}

/** Without `.` and `..`, which would lead out of a folder. */
const plain = (path: string): string => {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else parts.push(part)
  }
  return (path.startsWith('/') ? '/' : '') + parts.join('/')
}

/** Else the list would allow what the same edit puts on it. */
const widened = (before: List, after: List): Refusal[] =>
  (['env', 'files'] as const).flatMap((kind) =>
    after[kind]
      .filter((entry) => !before[kind].includes(entry))
      .map((entry) => ({
        path: `references.${kind}`,
        message: `${quote(entry)} can be added to this list on the machine itself only, in its configuration file`,
      })),
  )
