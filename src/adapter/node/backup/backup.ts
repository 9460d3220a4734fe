import { existsSync, readFileSync, realpathSync, renameSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type DatabaseOptions, filePath, openAsItIs } from '../ledger/database.ts'
import { makeEmpty, removeAll, syncFile, syncNames } from '../ledger/files.ts'
import { newestVersion } from '../ledger/migrations.ts'
import { applyEach } from '../ledger/writes.ts'
import { inspect, type LedgerFacts, withFile } from './inspect.ts'
import { copyServer } from './server.ts'

export interface BackupOptions {
  readonly database: DatabaseOptions
  readonly file: string
  /** Overwrite what is there. */
  readonly force: boolean
}

export interface Backup extends LedgerFacts {
  /** Lines of the journal that are not in it, because the schema is that of an older version. */
  readonly left: number
}

/** A connection that meets a lock may wait in this process: it has nothing else to do, ms. */
const PATIENCE = 10_000

/** Lines of the journal in one transaction. */
const BATCH = 200

/**
 * Copies the ledger to a file while a gateway writes it: every row that was acknowledged before is in the copy, those
 * that wait in the journal too. The file gets its name when it is whole and checked.
 *
 * @throws Error for people: no ledger, a file that is there already, no space.
 */
export const backUp = async ({ database, file, force }: BackupOptions): Promise<Backup> => {
  const source = filePath(database)
  if (source !== undefined && !existsSync(source))
    throw new Error(`there is no ledger at ${source}`)
  refuseToOverwrite(file, source, force)
  const partial = `${file}.partial`
  makeEmpty(partial)
  try {
    // Before the copy: what moves from the journal to the database meanwhile is in one of them.
    const waiting = journalLines(database.dataDir)
    await (source === undefined ? copyServer(database, partial) : copyFile(database, partial))
    const left = await addLines(partial, waiting)
    const facts = await inspect(partial)
    syncFile(partial)
    refuseToOverwrite(file, source, force)
    renameSync(partial, file)
    syncNames(file)
    return { ...facts, left }
  } finally {
    removeAll(partial)
  }
}

const refuseToOverwrite = (file: string, source: string | undefined, force: boolean): void => {
  if (!existsSync(dirname(resolve(file)))) throw new Error(`there is no folder ${dirname(file)}`)
  if (!existsSync(file)) return
  if (source !== undefined && realpathSync(file) === realpathSync(source)) {
    throw new Error(`${file} is the ledger itself`)
  }
  if (!force)
    throw new Error(`${file} is there already: name another, or overwrite it with --force`)
}

/** SQLite copies what is committed now, and lets others write on meanwhile. */
const copyFile = async (database: DatabaseOptions, target: string): Promise<void> => {
  const { client, close } = await openAsItIs(database)
  try {
    await client.execute(`PRAGMA busy_timeout = ${PATIENCE}`)
    await client.execute({ sql: 'VACUUM INTO ?', args: [target] })
  } finally {
    close()
  }
}

/** Whole lines only: the gateway may be writing the last one. */
const journalLines = (dataDir: string): string[] => {
  const path = join(dataDir, 'ledger.journal')
  if (!existsSync(path)) return []
  const text = readFileSync(path, 'utf8')
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
}

/** What is there already stays as it is. Returns how many lines an older schema keeps out. */
const addLines = (path: string, lines: readonly string[]): Promise<number> =>
  withFile(path, async ({ db, client }) => {
    const { rows } = await client.execute('SELECT max(version) FROM schema_migrations')
    if (Number(rows[0]?.[0]) !== newestVersion()) return lines.length
    for (let at = 0; at < lines.length; at += BATCH) {
      // A line that the database never takes is refused by the gateway as well.
      await applyEach(db, lines.slice(at, at + BATCH), () => {})
    }
    return 0
  })
