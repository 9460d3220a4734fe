import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { knownKeys } from '../../src/config/schema/json-schema.ts'
import { operations } from '../../src/gateway/dialect/operations.ts'

const page = readFileSync(new URL('../../docs/exports.md', import.meta.url), 'utf8')

it('names every value that api_type can have, as compatibility names it', () => {
  const row = page.split('\n').find((line) => line.includes('`api_type`')) ?? ''
  const named = [...row.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name)
  const dialects = new Set(operations.map(({ dialect }) => dialect))
  for (const dialect of dialects) {
    expect(named).toContain(dialect)
    expect(knownKeys(['providers', 'p', 'compatibility'])).toContain(dialect)
  }
  expect(
    named.filter((name) => !['model', 'api_type', 'compatibility', 'none'].includes(name ?? '')),
  ).toHaveLength(dialects.size)
})
