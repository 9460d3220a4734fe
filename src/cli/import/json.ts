import type { Json, Path } from '../../config/problem.ts'
import { valueAt } from '../../config/read/remainder.ts'
import { readSource } from '../../config/read/source.ts'

export type JsonObject = { readonly [key: string]: Json }

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What a text has at a path. */
export const readAt = (text: string, path: Path): Json | undefined =>
  valueAt(readSource(text).value ?? null, path)

export const itemsOf = (text: string, path: Path): readonly Json[] => {
  const value = readAt(text, path)
  return Array.isArray(value) ? value : []
}

export const entriesOf = (text: string, path: Path): readonly (readonly [string, Json])[] => {
  const value = readAt(text, path)
  return isObject(value) ? Object.entries(value) : []
}
