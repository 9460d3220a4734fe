import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { generated } from '../../src/cli/docs.ts'
import { type JsonSchema, jsonSchema, knownKeys } from '../../src/config/schema/json-schema.ts'
import { HASH, read } from './read.ts'

/** The value with every documented default written out, at every depth. */
function withDefaults(schema: JsonSchema, value: unknown): unknown {
  const { items, additionalProperties: values } = schema
  if (items && Array.isArray(value)) return value.map((item) => withDefaults(items, item))
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value)
  if (values) return Object.fromEntries(entries.map(([key, it]) => [key, withDefaults(values, it)]))
  const filled = { ...value } as { [key: string]: unknown }
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const given = filled[key] ?? structuredClone(property.default)
    if (given !== undefined) filled[key] = withDefaults(property, given)
  }
  return filled
}

function everyProperty(schema: JsonSchema, path = ''): [path: string, schema: JsonSchema][] {
  const inner = [schema.items, schema.additionalProperties || undefined, ...(schema.anyOf ?? [])]
  return [
    ...Object.entries(schema.properties ?? {}).flatMap(([key, property]) => [
      [`${path}.${key}`, property] as [string, JsonSchema],
      ...everyProperty(property, `${path}.${key}`),
    ]),
    ...inner.flatMap((it) => (it ? everyProperty(it, `${path}[]`) : [])),
  ]
}

describe('the configuration reference', () => {
  it.each([
    ['an empty file', {}],
    [
      'one of everything',
      {
        webui: { url: 'http://127.0.0.1:3000' },
        listeners: [{ name: 'a', bind: '127.0.0.1:1' }],
        providers: { p: { baseurl: 'http://h' } },
        users: { owner: { password: HASH } },
      },
    ],
  ])('documents the defaults that really hold for %s', (_, file) => {
    const written = withDefaults(jsonSchema(), file)
    expect(Object.keys(written as object).length).toBeGreaterThan(Object.keys(file).length)
    expect(read(written).config).toEqual(read(file).config)
    expect(read(file).config).toBeDefined()
  })

  it('describes every key', () => {
    const silent = everyProperty(jsonSchema()).filter(
      ([, { description = '' }]) => description.length < 10,
    )
    expect(silent.map(([path]) => path)).toEqual([])
  })

  it('is current in docs/', () => {
    const remedy = 'run: node src/cli/docs.ts'
    for (const [path, text] of generated()) {
      const present = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
      // The formatter breaks lines of JSON in its own way.
      if (path.endsWith('.json')) expect(JSON.parse(present), remedy).toEqual(JSON.parse(text))
      else expect(present, remedy).toBe(text)
    }
  })

  it('knows the keys at a path, for suggestions', () => {
    expect(knownKeys(['providers', 'x', 'compatibility'])).toContain('openai_responses')
    expect(knownKeys(['grants', 3, 'app', 'tailscale.com/cap/aperture', 0])).toContain('models')
    expect(knownKeys(['nowhere'])).toEqual([])
  })
})
