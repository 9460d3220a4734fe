import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')

/** Design papers that lie outside of the repository: nobody could look up what is cited from them. */
const PAPERS =
  /\b(?:hazards?(?:\.md)? [A-Z]?\d|R-ID\b|(?:identity|product|scenarios|layout|house|hazards|field-cases|translation|one-gpu|tailscale-caddy)\.md)/

const files = execFileSync(
  'git',
  ['ls-files', 'src', 'test', 'bench', 'caddy', 'deploy', 'docs', '*.md'],
  {
    cwd: root,
    encoding: 'utf8',
  },
)
  .split('\n')
  .filter((name) => /\.(?:ts|js|mjs|css|sql|md|sh|hujson)$/.test(name))
  .filter((name) => name !== 'test/citations.test.ts')

it('nothing cites a paper that is not in the repository', () => {
  expect(files.length).toBeGreaterThan(900)
  const citing = files.filter((name) => PAPERS.test(readFileSync(join(root, name), 'utf8')))
  expect(citing).toEqual([])
})
