import { setAt } from './edit.ts'
import type { Json, Path } from './problem.ts'
import { valueAt } from './read/remainder.ts'
import { readSource } from './read/source.ts'
import { fieldOf, inlineSecrets } from './values/references.ts'

/**
 * A configuration can be read, edited and put back without its secrets leaving the gateway: each that stands in the
 * text is shown as a mark that names its place, and a mark that comes back, in a field of the same kind, stands for what was
 * there: the hash of a password must not become a provider's key. References
 * (`env:`, `file:`) say nothing and stay as they are.
 */
const mark = 'keep:'

/** The text with marks in place of secrets, comments kept. Undefined when it is not HuJSON. */
export const hideSecrets = (text: string): string | undefined => {
  const { value } = readSource(text)
  if (value === undefined) return undefined
  return inlineSecrets(value).reduce((hidden, path) => {
    const shown = headerName(path, valueAt(value, path)) + mark + pointerOf(path)
    return setAt(hidden, path, shown)
  }, text)
}

/** What came back, with the secrets of `current` where their marks stand. */
export type Restored =
  | { readonly text: string; readonly unknown?: undefined }
  /** Marks of places where no secret is. */
  | { readonly text?: undefined; readonly unknown: readonly string[] }

/** @param edited text with marks @param current the text that the marks were made of */
export const restoreSecrets = (edited: string, current: string): Restored => {
  const { value } = readSource(edited)
  const old = readSource(current).value
  if (value === undefined) return { text: edited }
  const secrets = new Map(
    old === undefined
      ? []
      : inlineSecrets(old).map((path) => [pointerOf(path), valueAt(old, path)]),
  )
  const unknown: string[] = []
  let text = edited
  for (const path of marks(value)) {
    const written = valueAt(value, path) as string
    const name = headerName(path, written)
    const place = written.slice(name.length + mark.length)
    const secret =
      place.endsWith(`/${fieldOf(path)}`) || inHeaders(path, place) ? secrets.get(place) : undefined
    if (typeof secret !== 'string') unknown.push(mark + place)
    else text = setAt(text, path, name + withoutHeaderName(place, secret))
  }
  return unknown.length > 0 ? { unknown } : { text }
}

/** In a list of headers only the value is secret. */
const headerName = (path: Path, value: Json | undefined): string =>
  path.includes('add_headers') && typeof value === 'string'
    ? (/^[^:]*: */.exec(value)?.[0] ?? '')
    : ''

const inHeaders = (path: Path, pointer: string): boolean =>
  fieldOf(path) === 'add_headers' && pointer.includes('/add_headers/')

const withoutHeaderName = (pointer: string, secret: string): string =>
  pointer.includes('/add_headers/') ? secret.replace(/^[^:]*: */, '') : secret

const marks = (root: Json): Path[] =>
  inlineSecrets(root).filter((path) => {
    const value = valueAt(root, path)
    return typeof value === 'string' && value.slice(headerName(path, value).length).startsWith(mark)
  })

/** RFC 6901. */
const pointerOf = (path: Path): string =>
  path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
