import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe } from 'vitest'
import type { Place } from '../parts/part.ts'
import { LEFT_OUT } from './left-out.ts'

const root = resolve(import.meta.dirname, '../../..')

/** Data of others that the repository does not hold: `POSTERN_FIELD`, or the folder beside the checkout. */
const folder = () => process.env.POSTERN_FIELD ?? join(root, '..', 'shared', 'field')

/** A file of it. */
export const fieldData = (path: string): Place => {
  const file = join(folder(), path)
  return existsSync(file)
    ? { path: file }
    : { missing: `no ${path} in ../shared/field beside the checkout, nor in $POSTERN_FIELD` }
}

/** `describe` for tests that need a file of it. Nothing brings it, so that it is not there is no failure anywhere. */
export const describeWithData = (
  file: string,
  title: string,
  tests: (path: string) => void,
): void => {
  const place = fieldData(file)
  if ('path' in place) describe(title, () => tests(place.path))
  else describe.skip(`${title} (${LEFT_OUT}${place.missing})`, () => tests(''))
}
