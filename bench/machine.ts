import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import { root } from './peers/postern.ts'
import type { Machine } from './result.ts'

export const describeMachine = (): Machine => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memory: totalmem(),
  kernel: release().match(/^[\d.]+/)?.[0] ?? '',
  node: process.version,
})

const git = (...args: readonly string[]): string =>
  execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim()

/** The commit that is measured; a `+` says that what is compiled differs from it. */
export const describeCommit = (): string => {
  try {
    const changed = git('status', '--porcelain', '--', 'src', 'caddy', 'package-lock.json') !== ''
    return git('rev-parse', '--short=10', 'HEAD') + (changed ? '+' : '')
  } catch {
    return 'unknown'
  }
}
