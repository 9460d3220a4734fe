import {
  copyFileSync,
  createReadStream,
  createWriteStream,
  existsSync,
  linkSync,
  mkdirSync,
  realpathSync,
  renameSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { insertAudit } from '../../../ledger/store/audit.ts'
import { SchemaTooNew } from '../../../ledger/store/migrate.ts'
import type { AuditRow } from '../../../platform/records/act.ts'
import {
  type DatabaseOptions,
  filePath,
  type OpenDatabase,
  openAsItIs,
  openDatabase,
} from '../ledger/database.ts'
import { errorCode, UnusableDatabase } from '../ledger/errors.ts'
import { beside, makeEmpty, removeAll, syncFile, syncNames } from '../ledger/files.ts'
import { Journal } from '../ledger/journal.ts'
import { holdDataDir } from '../ledger/lock.ts'
import { applyEach } from '../ledger/writes.ts'
import { inspect, type LedgerFacts, withFile } from './inspect.ts'

export type RestoreStep = 'copying' | 'checking' | 'setting aside' | 'swapping' | 'done'

export interface RestoreOptions {
  readonly database: DatabaseOptions
  readonly file: string
  /** Replace the ledger that is there. */
  readonly force: boolean
  readonly now: number
  /** Who restores it, for the ledger that takes the place: a restore brings revoked keys and lifted bans back. */
  readonly audit: AuditRow
  /** Told what begins. */
  readonly tell: (step: RestoreStep) => void
}

export interface Restored extends LedgerFacts {
  readonly ledger: string
  /** Where the ledger that was there is now. */
  readonly kept: string | undefined
  /** Bytes of rows in the journal that could not be added to it; the gateway adds them to the restored one. */
  readonly journaled: number
  /** False: the backup is of a version that had no audit. */
  readonly recorded: boolean
}

/** Lines of the journal in one transaction. */
const BATCH = 200

/**
 * Puts a backup in the place of the ledger. Whenever it is interrupted, the one or the other is there whole: the copy
 * is checked first, then takes the ledger's name in one step, when no write-ahead log is left that it could be read with.
 *
 * @throws Error for people; nothing was changed then. UnusableDatabase, SchemaTooNew: the backup is none, or too new.
 */
export const restore = async (options: RestoreOptions): Promise<Restored> => {
  const { database, file, tell } = options
  const ledger = filePath(database)
  if (ledger === undefined) {
    throw new Error('the ledger is on a server: restore it there, or name a file in database.url')
  }
  refuse(options, ledger)
  const letGo = await holdDataDir(database.dataDir)
  const coming = `${ledger}.restoring`
  try {
    mkdirSync(dirname(ledger), { recursive: true, mode: 0o700 })
    tell('copying')
    makeEmpty(coming)
    await pipeline(createReadStream(file), createWriteStream(coming, { flags: 'r+' }))
    tell('checking')
    const facts = await inspect(coming).catch((error: unknown) => {
      throw error instanceof UnusableDatabase ? new Error(`${file}: ${error.message}`) : error
    })
    const recorded = await record(coming, facts, options.audit)
    syncFile(coming)
    tell('setting aside')
    const { kept, journaled } = await setAside(ledger, options)
    tell('swapping')
    renameSync(coming, ledger)
    syncNames(ledger)
    tell('done')
    return { ...facts, ledger, kept, journaled, recorded }
  } finally {
    removeAll(coming)
    letGo()
  }
}

/** The first schema with the audit, whose columns are the same since. */
const FIRST_WITH_AUDIT = 3

/** Before the copy takes the ledger's name, so that the one is not there without the other. Leaves its schema as it is. */
const record = async (
  path: string,
  { version }: LedgerFacts,
  audit: AuditRow,
): Promise<boolean> => {
  if (version < FIRST_WITH_AUDIT) return false
  await withFile(path, ({ db }) => insertAudit(db, audit))
  return true
}

const refuse = ({ file, force }: RestoreOptions, ledger: string): void => {
  if (!existsSync(file)) throw new Error(`there is no ${file}`)
  const wal = `${file}-wal`
  if (existsSync(wal) && statSync(wal).size > 0) {
    throw new Error(`${file} is in use, or was copied so: take a backup with \`postern backup\``)
  }
  if (!existsSync(ledger)) return
  if (realpathSync(file) === realpathSync(ledger)) throw new Error(`${file} is the ledger itself`)
  if (!force) throw new Error(`there is a ledger at ${ledger}: replace it with --force`)
}

/** Gives the ledger a second name, and leaves nothing beside it that the next one could be read with. */
const setAside = async (
  ledger: string,
  { database, now }: RestoreOptions,
): Promise<Pick<Restored, 'kept' | 'journaled'>> => {
  const kept = `${ledger}.${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}`
  const found = existsSync(ledger)
  const journaled = found ? await makeWhole(ledger, database) : journalBytes(database.dataDir)
  // There are some only where there is no ledger, or a damaged one.
  for (const suffix of beside) {
    if (existsSync(`${ledger}${suffix}`)) renameSync(`${ledger}${suffix}`, `${kept}${suffix}`)
  }
  if (!found) return { kept: undefined, journaled }
  giveName(ledger, kept)
  return { kept, journaled }
}

/** Brings the rows of the journal and of the write-ahead log into the file. A damaged one is kept as it is. */
const makeWhole = async (ledger: string, database: DatabaseOptions): Promise<number> => {
  try {
    await fold(database)
  } catch (error) {
    if (errorCode(error).startsWith('SQLITE_BUSY')) {
      throw new Error(`${ledger} is in use by another process`, { cause: error })
    }
    if (!isUseless(error)) throw error
  }
  return journalBytes(database.dataDir)
}

/** All on one connection: the client leaves those that it closed open for a while, which SQLite counts as use. */
const fold = async (database: DatabaseOptions): Promise<void> => {
  const waiting = journalBytes(database.dataDir) > 0
  const open = await (waiting ? openDatabase(database) : openAsItIs(database))
  try {
    if (waiting) await emptyJournal(open, database.dataDir)
    // Only whoever is alone with the file may do so.
    await open.client.execute('PRAGMA journal_mode = DELETE')
  } finally {
    open.close()
  }
}

const isUseless = (error: unknown): boolean =>
  error instanceof UnusableDatabase ||
  error instanceof SchemaTooNew ||
  /^SQLITE_(NOTADB|CORRUPT)/.test(errorCode(error))

const journalPath = (dataDir: string): string => join(dataDir, 'ledger.journal')

const journalBytes = (dataDir: string): number =>
  statSync(journalPath(dataDir), { throwIfNoEntry: false })?.size ?? 0

const emptyJournal = async ({ db }: OpenDatabase, dataDir: string): Promise<void> => {
  const journal = new Journal(journalPath(dataDir), 0)
  try {
    for (let chunk = journal.peek(BATCH); chunk; chunk = journal.peek(BATCH)) {
      // A line that the database never takes stays out, as it does at the gateway.
      await applyEach(db, chunk.lines, () => {})
      journal.drop(chunk)
    }
  } finally {
    journal.close()
  }
}

/** Not every file system knows a second name for a file. */
const giveName = (path: string, name: string): void => {
  try {
    linkSync(path, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error
    copyFileSync(path, name)
    syncFile(name)
  }
}
