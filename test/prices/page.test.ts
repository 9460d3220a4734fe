import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { told } from '../config/read.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/cost.md'), 'utf8')
const examples = [...page.matchAll(/```jsonc\n(.*?)```/gs)].map(([, text = '']) => text)

it('has examples that load', () => {
  expect(examples).toHaveLength(2)
  for (const example of examples) {
    expect(told(example).filter((line) => line.includes(' error '))).toEqual([])
  }
})
