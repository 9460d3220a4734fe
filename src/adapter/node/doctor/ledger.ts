import { execFile } from 'node:child_process'
import { constants, existsSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { LedgerFile } from '../../../platform/machine.ts'
import { type DatabaseOptions, filePath } from '../ledger/database.ts'

/** ms for the check of the whole file. */
const patience = 2500

/** Looks at the file of the ledger without opening it in this process. Undefined: a server has it. */
export const lookAtLedger = async (
  options: Pick<DatabaseOptions, 'url' | 'dataDir'>,
): Promise<LedgerFile | undefined> => {
  const path = filePath(options)
  if (path === undefined) return undefined
  if (!existsSync(path)) return { state: 'missing', path }
  try {
    await access(path, constants.R_OK)
  } catch {
    return { state: 'unreadable', path, reason: 'this user may not read it' }
  }
  return quickCheck(path)
}

/**
 * In a process of its own: SQLite does not come back before it has read the whole file, and a thread that is in it
 * cannot be ended.
 */
const quickCheck = (path: string): Promise<LedgerFile> =>
  new Promise((resolve) => {
    // `.ts` in a checkout, `.js` in the published build.
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
    const script = fileURLToPath(new URL(`./quick-check${extension}`, import.meta.url))
    const limits = { timeout: patience, killSignal: 'SIGKILL' } as const
    execFile(process.execPath, ['--no-warnings', script, path], limits, (error, said) => {
      if (error?.killed) return resolve({ state: 'late', path })
      resolve(toState(path, said.trim(), error))
    })
  })

const toState = (path: string, said: string, error: Error | null): LedgerFile => {
  if (said === 'ok') return { state: 'sound', path }
  if (said.startsWith('damaged: ')) {
    return { state: 'damaged', path, reason: said.slice('damaged: '.length) }
  }
  const reason = said || error?.message.split('\n')[0] || 'the check said nothing'
  return { state: 'unreadable', path, reason }
}
