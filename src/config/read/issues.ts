import type { z } from 'zod'
import { error, type Finding, type Json, keyError, type Path, quote } from '../problem.ts'
import { knownKeys } from '../schema/json-schema.ts'
import { NO_BASEURL } from '../values/fields/fields.ts'
import { nearest } from '../values/nearest.ts'
import { isSecret } from '../values/references.ts'
import { valueAt } from './remainder.ts'

type Issue = z.core.$ZodIssue

/** Keys of Aperture's configuration and of our own contract that a later version will take. */
const LATER = new Set('retention headers health fallback keys captures'.split(' '))

/** Unknown keys of one object that are told; the reader stops at fewer problems than this. */
const MAX_KEYS = 1000

/** What the schema found, in words, with the key path and a remedy. Values of secrets are never repeated. */
export function findingsOf(issue: Issue, root: Json): Finding[] {
  const path = issue.path as Path
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.slice(0, MAX_KEYS).map((key) => unknownKey(path, key))
    case 'invalid_type':
      return [wrongType(path, issue.expected, valueAt(root, path))]
    case 'invalid_value':
      return [wrongValue(path, issue.values.map(String), valueAt(root, path))]
    case 'custom':
      return [error(path, prefixed(path, issue.message), String(issue.params?.remedy ?? ''))]
    case 'invalid_union':
      return union(issue, path, root)
    default:
      return [error(path, outOfRange(issue), REMEDIES[issue.code] ?? 'Correct this value')]
  }
}

const REMEDIES: { readonly [code: string]: string } = {
  too_small: 'Write more',
  too_big: 'Write less',
  invalid_format: 'Use small letters, digits and dashes',
}

function outOfRange(issue: Issue): string {
  if (issue.code === 'too_small') {
    return issue.origin === 'array' || issue.origin === 'string'
      ? 'must not be empty'
      : `must be at least ${issue.minimum}`
  }
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}`
  return 'is not a valid name'
}

function unknownKey(parent: Path, key: string): Finding {
  const message = `unknown config key ${quote(key)}`
  const path = [...parent, key]
  if (LATER.has(key))
    return keyError(path, message, `Remove it: ${quote(key)} is not in this version yet`)
  const known = knownKeys(parent)
  const meant = nearest(key, known)
  if (meant !== undefined) return keyError(path, message, `Did you mean ${quote(meant)}?`)
  return keyError(path, message, `Remove it; the keys here are ${known.join(', ')}`)
}

const NOUNS: { readonly [type: string]: string } = {
  string: 'a text in double quotes',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list in [ ]',
  object: 'an object in { }',
  record: 'an object in { }',
}

function wrongType(path: Path, expected: string, value: Json | undefined): Finding {
  const noun = NOUNS[expected] ?? expected
  if (value !== undefined) {
    return error(path, `must be ${noun}, but is ${kindOf(value)}`, `Write ${noun}`)
  }
  const key = String(path.at(-1))
  const message =
    path.length === 3 && path[0] === 'providers' && key === 'baseurl'
      ? `provider ${path[1]} ${NO_BASEURL}`
      : `key ${quote(key)} is missing`
  return error(path, message, `Add ${quote(key)}: ${noun}`)
}

function kindOf(value: Json): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : 'a fraction'
  if (typeof value === 'string') return 'a text'
  return typeof value === 'boolean' ? 'true or false' : 'an object'
}

function wrongValue(path: Path, allowed: readonly string[], value: Json | undefined): Finding {
  if (value === undefined) {
    return error(path, `key ${quote(String(path.at(-1)))} is missing`, `Add it: ${oneOf(allowed)}`)
  }
  // A key pasted into the wrong place must not be printed either: only what looks like a word is.
  const given =
    typeof value === 'string' && /^[\w-]{1,24}$/.test(value) && !isSecret(path) ? value : undefined
  if ((path[0] === 'providers' || path[0] === 'hooks') && path[2] === 'authorization') {
    const what = path[0] === 'hooks' ? 'hook' : 'provider'
    const message = `${what} ${path[1]} has invalid authorization type: ${given ?? '…'}`
    return error(path, message, `Write ${oneOf(allowed)}`)
  }
  const message =
    given === undefined
      ? 'is none of the values there are'
      : `${quote(given)} is none of the values there are`
  return error(path, message, `Write ${oneOf(allowed)}`)
}

const oneOf = (values: readonly string[]): string => values.map(quote).join(' or ')

/** The branch that fits the value's type knows best what is wrong with it. */
function union(issue: Issue & { code: 'invalid_union' }, path: Path, root: Json): Finding[] {
  const branch = issue.errors.find((issues) => !issues.some(isTypeOfWhole))
  const inner = branch?.map((it) => ({ ...it, path: [...issue.path, ...it.path] }) as Issue)
  return (
    inner?.flatMap((it) => findingsOf(it, root)) ?? [
      error(path, 'must be a text or a list of texts', 'Write one, or several in [ ]'),
    ]
  )
}

const isTypeOfWhole = ({ code, path }: Issue): boolean =>
  code === 'invalid_type' && path.length === 0

/** Aperture names the provider, and the hook, in these messages. */
const prefixed = (path: Path, message: string): string => {
  if (path[0] === 'providers' && path[2] === 'add_headers') return `provider ${path[1]}: ${message}`
  if (message === NO_BASEURL && path[0] === 'providers') return `provider ${path[1]} ${message}`
  return path[0] === 'hooks' && path[2] === 'url' ? `hook ${path[1]} ${message}` : message
}
