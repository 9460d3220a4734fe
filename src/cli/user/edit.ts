import { readFile } from 'node:fs/promises'
import { parseText, writeConfig } from '../../adapter/node/config/config-file.ts'
import { removeAt, setAt } from '../../config/edit.ts'
import { formatProblem, type Json, type Problem } from '../../config/problem.ts'
import { valueAt } from '../../config/read/remainder.ts'
import { readSource } from '../../config/read/source.ts'

/** What is in the file for a user, unchecked. */
export type UserEntry = { readonly [key: string]: Json }

export interface UsersFile {
  readonly path: string
  readonly text: string
  readonly users: ReadonlyMap<string, UserEntry>
}

/**
 * Reads the users of a configuration, also of one with problems elsewhere: a user may be what it lacks.
 * @throws Error when there is no such file or it is not HuJSON
 */
export async function readUsers(path: string): Promise<UsersFile> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new Error(`${path}: no such file; run \`postern init\``)
    throw error
  })
  const { value } = readSource(text)
  if (value === undefined) {
    throw new Error(parseText(path, text).problems.map(formatProblem).join('\n'))
  }
  const section = valueAt(value, ['users']) ?? {}
  return { path, text, users: new Map(Object.entries(section as { [name: string]: UserEntry })) }
}

/** A whole entry, one field of it (undefined: without it), or none any more. */
export type UserChange =
  | { readonly entry: UserEntry }
  | { readonly field: 'password' | 'totp'; readonly value: string | undefined }
  | undefined

/**
 * Writes one user, or takes it out, and keeps everything else of the file.
 * @returns what the new file is warned about, of which the old one was not
 * @throws Error, with nothing written, when the change would break the file
 */
export async function writeUser(
  { path, text }: UsersFile,
  name: string,
  change: UserChange,
): Promise<readonly Problem[]> {
  const edited = edit(text, name, change)
  const before = new Set(parseText(path, text).problems.map(keyOf))
  const added = parseText(path, edited).problems.filter((problem) => !before.has(keyOf(problem)))
  const errors = added.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) {
    throw new Error(`nothing was changed:\n${errors.map(formatProblem).join('\n')}`)
  }
  await writeConfig(path, edited)
  return added
}

function edit(text: string, name: string, change: UserChange): string {
  const path = ['users', name]
  if (change === undefined) return removeAt(text, path)
  if ('entry' in change) return setAt(text, path, change.entry)
  const { field, value } = change
  return value === undefined
    ? removeAt(text, [...path, field])
    : setAt(text, [...path, field], value)
}

/** Places move when lines are added; what and where in the document stays. */
const keyOf = ({ path, message }: Problem): string => `${path}: ${message}`
