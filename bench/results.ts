import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './peers/postern.ts'
import type { Result } from './result.ts'

export const resultsFolder = join(root, 'bench', 'results')

/** The newest full result that was committed; undefined before the first. */
export const lastCommitted = (): Result | undefined => {
  const args = ['ls-files', '--', 'bench/results/*.json']
  const files = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\n')
  return files
    .filter((file) => file !== '')
    .map((file): Result => JSON.parse(readFileSync(join(root, file), 'utf8')))
    .toSorted((a, b) => a.date.localeCompare(b.date))
    .at(-1)
}
