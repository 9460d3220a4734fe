import { readFileSync } from 'node:fs'

/** One statement of a page: a paragraph, an item of a list, a row of a table or a block of code. */
export interface Statement {
  readonly text: string
  /** `<!-- id -->` at its end, or before a block of code. */
  readonly id: string | undefined
}

const mark = /<!-- ([a-z-]+) -->/

/** What a page says, but for its headings and the heads of its tables. */
export const statementsOf = (page: string): Statement[] => {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8')
  const blocks = text
    .replace(/^#+ .*$/gm, '')
    .replace(/^(\|.*\n)\| -.*$/gm, '')
    // Items and rows stand on lines of their own.
    .replace(/\n(?=\* |\|)/g, '\n\n')
    .split(/\n\s*\n/)
    .map((block) => block.trim())
    .filter(Boolean)
  return blocks.map((block) => ({ text: block, id: mark.exec(block)?.[1] }))
}
