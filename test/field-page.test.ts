import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { filled, page } from './field/page.ts'

it('docs/compatibility.md says what the tests of clients know', async () => {
  const text = await readFile(page, 'utf8')
  expect(text, 'run: node test/field/page.ts').toBe(filled(text))
})
