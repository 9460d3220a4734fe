import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { loadConfig } from '../adapter/node/config/config-file.ts'
import type { DatabaseOptions } from '../adapter/node/ledger/database.ts'
import { importDrizzleQuickly } from '../adapter/node/ledger/quick-imports.ts'
import type { Config } from '../config/config.ts'
import { formatProblem } from '../config/problem.ts'
import type { Database } from '../ledger/store/schema.ts'
import type { Act } from '../platform/records/act.ts'

export interface LedgerFlags {
  readonly config: string
  readonly data: string
}

/** A gateway holds the database for milliseconds at a time; whoever holds it longer is waited for this long, ms. */
const PATIENCE = 10_000
const PAUSE = 50

/** The questions of the ledger, loaded when a command needs them: `postern up` is to start without them. */
export type Queries = typeof import('../ledger/store/usage/usage.ts') &
  Pick<typeof import('../ledger/store/bans.ts'), 'selectBans'> &
  Pick<typeof import('../ledger/store/keys/keys.ts'), 'listKeys' | 'listSigners'> &
  Pick<typeof import('../ledger/store/quotas.ts'), 'selectQuotas'>

type Work<T> = (db: Database, queries: Queries) => Promise<T>

/** The options of every command that reads the ledger or writes to it. */
export const ledgerOptions = (command: Command): Command =>
  command
    .option('--config <file>', 'configuration', process.env.POSTERN_CONFIG ?? './postern.hujson')
    .option('--data <dir>', 'where the ledger lies', process.env.POSTERN_DATA ?? './data')

/** Is there one to write to? One on a server is taken to be there. */
export const hasLedger = async (flags: LedgerFlags): Promise<boolean> => {
  const { filePath } = await import('../adapter/node/ledger/database.ts')
  const path = filePath(await databaseOf(flags))
  return path === undefined || existsSync(path)
}

/** Acts with what they change, in one transaction. For `act` alone, which says who does them. */
export const recordActs = (flags: LedgerFlags, acts: readonly Act[]): Promise<void> =>
  withLedger(flags, async (db) => {
    const { actStatements } = await import('../ledger/store/changes.ts')
    const [first, ...rest] = acts.flatMap((each) => actStatements(db, each))
    if (first !== undefined) await db.batch([first, ...rest])
  })

/**
 * Runs `work` on the ledger, while a gateway runs or not. When the database is busy both are tried again on a new
 * connection, so `work` must be harmless to repeat until its last statement.
 *
 * @throws Error with a message for people: no ledger yet, damaged, of a newer version, locked.
 */
export const withLedger = async <T>(flags: LedgerFlags, work: Work<T>): Promise<T> => {
  const options = await databaseOf(flags)
  importDrizzleQuickly()
  const { filePath } = await import('../adapter/node/ledger/database.ts')
  const { errorCode } = await import('../adapter/node/ledger/errors.ts')
  const path = filePath(options)
  if (path !== undefined && !existsSync(path)) {
    throw new Error(`there is no ledger at ${path} yet: start the gateway, or name its --data`)
  }
  for (let waited = 0; ; waited += PAUSE) {
    try {
      return await once(options, work)
    } catch (error) {
      if (!errorCode(error).startsWith('SQLITE_BUSY')) throw error
      if (waited >= PATIENCE) throw new Error('the ledger is locked by another process')
    }
    await sleep(PAUSE)
  }
}

const once = async <T>(options: DatabaseOptions, work: Work<T>): Promise<T> => {
  const { openDatabase } = await import('../adapter/node/ledger/database.ts')
  const [usage, bans, keys, quotas] = await Promise.all([
    import('../ledger/store/usage/usage.ts'),
    import('../ledger/store/bans.ts'),
    import('../ledger/store/keys/keys.ts'),
    import('../ledger/store/quotas.ts'),
  ])
  const database = await openDatabase(options)
  try {
    return await work(database.db, { ...usage, ...bans, ...keys, ...quotas })
  } finally {
    database.close()
  }
}

/** Without a configuration the defaults hold, as they do for `postern up`. */
export const databaseOf = async (flags: LedgerFlags): Promise<DatabaseOptions> => {
  const { database = { url: 'file:postern.db', authToken: undefined } } =
    (await configOf(flags)) ?? {}
  return { ...database, dataDir: flags.data }
}

/**
 * Undefined when there is no such file.
 * @throws Error with every problem, when it is not sound
 */
export const configOf = async ({ config: file }: LedgerFlags): Promise<Config | undefined> => {
  if (!existsSync(file)) return undefined
  const { config, problems } = await loadConfig(file)
  if (config === undefined) throw new Error(problems.map(formatProblem).join('\n'))
  return config
}
