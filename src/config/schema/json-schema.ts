import { z } from 'zod'
import type { Path } from '../problem.ts'
import { fileSchema } from '../schema.ts'

/** The part of JSON Schema (draft 2020-12) that describes a configuration file. */
export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly properties?: { readonly [key: string]: JsonSchema }
  readonly required?: readonly string[]
  readonly additionalProperties?: JsonSchema | false
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
}

let generated: JsonSchema | undefined

/** JSON Schema of `postern.hujson` as people write it: defaults not filled in, durations and sizes still text. */
export function jsonSchema(): JsonSchema {
  generated ??= z.toJSONSchema(fileSchema, { io: 'input' }) as JsonSchema
  return generated
}

/** The keys an object at this path may have. */
export function knownKeys(path: Path): readonly string[] {
  let schema: JsonSchema | undefined = jsonSchema()
  for (const segment of path) schema = schema && step(schema, segment)
  return Object.keys(schema?.properties ?? {})
}

/** Does the schema have a text at this path? */
export function holdsText(path: Path): boolean {
  let schema: JsonSchema | undefined = jsonSchema()
  for (const segment of path) schema = schema && step(schema, segment)
  return [schema, ...(schema?.anyOf ?? [])].some((it) => it?.enum || it?.type === 'string')
}

function step(schema: JsonSchema, segment: string | number): JsonSchema | undefined {
  const inside =
    typeof segment === 'number'
      ? schema.items
      : (schema.properties?.[segment] ?? (schema.additionalProperties || undefined))
  if (inside) return inside
  for (const branch of schema.anyOf ?? []) {
    const found = step(branch, segment)
    if (found) return found
  }
  return undefined
}
