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
  const key = String(path.at(-1))
  const isHeader = path[0] === 'providers' && path[2] === 'add_headers'
  if (!SECRETS.has(key) && !URLS.has(key) && !isHeader) return text
  const name = isHeader ? (/^[^:]*: */.exec(text)?.[0] ?? '') : ''
  const reference = text.slice(name.length)
  const found = lookUp(reference, lookup, !URLS.has(key))
  if (found === undefined) return text
  if ('missing' in found) {
    findings.push(error(path, found.missing, found.remedy))
    return text
  }
  return name + found.value
}

/** The mark stays, so that the content is read as what it is. The file may be in a variable where there are none. */
function keyFile(place: string, lookup: Lookup): Found {
  const found = lookUp(/^(env:|file:|\$\{)/.test(place) ? place : `file:${place}`, lookup, true)
  return found && 'value' in found ? { value: KEYFILE + found.value } : found
}

type Found =
  | { readonly value: string }
  | { readonly missing: string; readonly remedy: string }
  | undefined

function lookUp(text: string, lookup: Lookup, mayBeFile: boolean): Found {
  if (mayBeFile && text.startsWith(KEYFILE)) return keyFile(text.slice(KEYFILE.length), lookup)
  const variable = /^env:(.*)$/s.exec(text)?.[1] ?? /^\$\{(.*)\}$/s.exec(text)?.[1]
  if (variable !== undefined) {
    const value = lookup.env(variable)
    if (value) return { value }
    const state = value === undefined ? 'not set' : 'empty'
    const remedy = 'Set it in the environment that starts the gateway'
    // Aperture's sentence first, for its own way of writing one.
    const macro = text.startsWith('$')
      ? `unsubstituted macros: [${quote(variable).slice(1, -1)}]; `
      : ''
    return { missing: `${macro}environment variable ${quote(variable)} is ${state}`, remedy }
  }
  if (!mayBeFile || !text.startsWith('file:')) return undefined
  const path = text.slice('file:'.length)
  const value = lookup.readFile(path)?.replace(/\r?\n$/, '')
  if (value) return { value }
  const state = value === undefined ? 'cannot be read' : 'is empty'
  const remedy = 'Create it, readable by the user that runs the gateway'
  return { missing: `file ${quote(path)} ${state}`, remedy }
}
