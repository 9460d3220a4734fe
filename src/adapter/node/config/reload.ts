import type { Config } from '../../../config/config.ts'
import { formatProblem } from '../../../config/problem.ts'
import type { Log } from '../../../platform/platform.ts'
import { loadConfig } from './config-file.ts'

export interface ReloadOptions {
  readonly path: string
  readonly log: Log
  /** Puts a configuration in force, made of this text. Rejects when it cannot be; the old one is in force then. */
  readonly apply: (next: Config, text: string) => Promise<void>
}

export interface Reload {
  /** Puts in force what is in the file now, after any reload that is under way. Rejects with the reason why not. */
  now(): Promise<void>
  /** The same for those who do not wait: what is refused is in the log. Many at once are one. */
  soon(): void
}

/** Two reloads never mix. */
export const createReload = ({ path, log, apply }: ReloadOptions): Reload => {
  const run = async (): Promise<void> => {
    const { config, problems, text } = await loadConfig(path)
    if (!config) throw new Error(problems.map(formatProblem).join(' | '))
    await apply(config, text)
    log('info', 'config.reload', { warnings: problems.length })
  }
  let last: Promise<unknown> = Promise.resolve()
  let waiting = false
  const now = (): Promise<void> => {
    const next = last.then(run)
    last = next.catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      log('error', 'config.error', { reason: `the old configuration stays in force: ${reason}` })
    })
    return next
  }
  return {
    now,
    soon: () => {
      if (waiting) return
      waiting = true
      // The one that is about to run sees everything that is in the file by then.
      void last.then(() => {
        waiting = false
        now().catch(() => {})
      })
    },
  }
}
