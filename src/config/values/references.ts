import { error, type Finding, type Json, type Path, quote } from '../problem.ts'
import { KEYFILE } from './provider-key.ts'

/** Where a referenced value comes from. Both answer undefined when there is none. */
export interface Lookup {
  readonly env: (name: string) => string | undefined
  /** Path as written; relative ones count from the configuration's folder. */
  readonly readFile: (path: string) => string | undefined
}

/** Keys whose text may be a reference. In a URL only `env:` is one: `file:` is a scheme there. */
const SECRETS = new Set([
  'apikey',
  'password',
  'auth_token',
  'hop_secret',
  'secret',
  'previous_secret',
  'access_key_id',
  'access_secret',
  'totp',
])
const URLS = new Set(['url', 'baseurl'])

/** True for a value that must not appear in any message. */
export const isSecret = (path: Path): boolean =>
  path.some((segment) => SECRETS.has(String(segment)) || segment === 'add_headers')

/** Puts the referenced values in place of `env:NAME`, `${NAME}` and `file:/path`; what cannot be had stays, with a finding. */
export function resolveReferences(root: Json, lookup: Lookup, findings: Finding[]): Json {
  const walk = (value: Json, path: Path): Json => {
    if (typeof value === 'string') return resolveText(value, path, lookup, findings)
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]))
    if (value === null || typeof value !== 'object') return value
    const entries = Object.entries(value).map(([key, item]) => [key, walk(item, [...path, key])])
    return Object.fromEntries(entries) as Json
  }
  return walk(root, [])
}

const REFERENCE = /^(env:|file:|keyfile::|\$\{)/

/** Does the text say where a value is, instead of being it? */
export const isReference = (text: string): boolean => REFERENCE.test(text)

/** A place in the file that leads to a value outside of it. */
export interface Reference {
  readonly path: Path
  /** As it is written, without the name of a header. */
  readonly text: string
  readonly kind: 'env' | 'file'
  /** Of the variable, or path of the file. */
  readonly name: string
}

/** Every reference that `resolveReferences` would follow. */
export function referencesIn(root: Json, path: Path = []): Reference[] {
  if (typeof root === 'string') {
    const text = referableText(root, path)
    const found = text && target(text, !URLS.has(String(path.at(-1))))
    return found ? [{ path, text, ...found }] : []
  }
  if (root === null || typeof root !== 'object') return []
  return Object.entries(root).flatMap(([key, value]) =>
    referencesIn(value as Json, [...path, Array.isArray(root) ? Number(key) : key]),
  )
}

/** What kind of value a place holds: the name of its key, in a list that of the list. */
export const fieldOf = (path: Path): string =>
  String(path.findLast((segment) => typeof segment === 'string') ?? '')

type Target = Pick<Reference, 'kind' | 'name'>

/** Undefined: the text is a value, not a reference. */
function target(text: string, mayBeFile: boolean): Target | undefined {
  if (mayBeFile && text.startsWith(KEYFILE)) {
    const place = text.slice(KEYFILE.length)
    return target(place, true) ?? { kind: 'file', name: place }
  }
  const variable = /^env:(.*)$/s.exec(text)?.[1] ?? /^\$\{(.*)\}$/s.exec(text)?.[1]
  if (variable !== undefined) return { kind: 'env', name: variable }
  if (!mayBeFile || !text.startsWith('file:')) return undefined
  return { kind: 'file', name: text.slice('file:'.length) }
}

/** The part of a value that may be a reference; undefined where none is read. In a list of headers it follows the name. */
function referableText(text: string, path: Path): string | undefined {
  const key = String(path.at(-1))
  const isHeader = path[0] === 'providers' && path[2] === 'add_headers'
  if (!SECRETS.has(key) && !URLS.has(key) && !isHeader) return undefined
  return isHeader ? text.slice(headerName(text).length) : text
}

const headerName = (line: string): string => /^[^:]*: */.exec(line)?.[0] ?? ''

/** Where a secret itself stands in the file, not a reference to it. */
export function inlineSecrets(root: Json, path: Path = []): Path[] {
  if (typeof root === 'string') {
    const value = path.includes('add_headers') ? root.replace(/^[^:]*: */, '') : root
    return isSecret(path) && !REFERENCE.test(value) ? [path] : []
  }
  if (root === null || typeof root !== 'object') return []
  return Object.entries(root).flatMap(([key, value]) =>
    inlineSecrets(value as Json, [...path, Array.isArray(root) ? Number(key) : key]),
  )
}

function resolveText(text: string, path: Path, lookup: Lookup, findings: Finding[]): string {
  const reference = referableText(text, path)
  if (reference === undefined) return text
  const name = text.slice(0, text.length - reference.length)
  const found = lookUp(reference, lookup, !URLS.has(String(path.at(-1))))
  if (found === undefined) return text
  if ('missing' in found) {
    findings.push(error(path, found.missing, found.remedy))
    return text
  }
  return name + found.value
}

type Found =
  | { readonly value: string }
  | { readonly missing: string; readonly remedy: string }
  | undefined

function lookUp(text: string, lookup: Lookup, mayBeFile: boolean): Found {
  const found = target(text, mayBeFile)
  if (found === undefined) return undefined
  const value =
    found.kind === 'env' ? fromEnvironment(text, found, lookup) : fromFile(found, lookup)
  // The mark stays, so that the content is read as what it is.
  const mark = text.startsWith(KEYFILE) ? KEYFILE : ''
  return 'value' in value ? { value: mark + value.value } : value
}

function fromEnvironment(text: string, { name }: Target, { env }: Lookup): NonNullable<Found> {
  const value = env(name)
  if (value) return { value }
  const state = value === undefined ? 'not set' : 'empty'
  const remedy = 'Set it in the environment that starts the gateway'
  // Aperture's sentence first, for its own way of writing one.
  const macro = text.startsWith('$') ? `unsubstituted macros: [${quote(name).slice(1, -1)}]; ` : ''
  return { missing: `${macro}environment variable ${quote(name)} is ${state}`, remedy }
}

function fromFile({ name }: Target, { readFile }: Lookup): NonNullable<Found> {
  const value = readFile(name)?.replace(/\r?\n$/, '')
  if (value) return { value }
  const state = value === undefined ? 'cannot be read' : 'is empty'
  const remedy = 'Create it, readable by the user that runs the gateway'
  return { missing: `file ${quote(name)} ${state}`, remedy }
}
