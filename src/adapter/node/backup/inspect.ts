import { statSync } from 'node:fs'
import { sql } from 'drizzle-orm'
import { SchemaTooNew, schemaVersion } from '../../../ledger/store/migrate.ts'
import { type OpenDatabase, openAsItIs } from '../ledger/database.ts'
import { errorMessage, UnusableDatabase } from '../ledger/errors.ts'
import { newestVersion } from '../ledger/migrations.ts'

export interface LedgerFacts {
  readonly bytes: number
  /** Rows of `usage`. */
  readonly rows: number
  /** Of the schema. */
  readonly version: number
}

/** Runs `work` on a file as it is, and folds what a write-ahead log holds into it. */
export const withFile = async <T>(
  path: string,
  work: (open: OpenDatabase) => Promise<T>,
): Promise<T> => {
  const open = await openAsItIs({
    url: `file:${encodeURI(path)}`,
    authToken: undefined,
    dataDir: '',
  })
  try {
    await open.client.execute('PRAGMA journal_mode = DELETE')
    return await work(open)
  } finally {
    open.close()
  }
}

/**
 * Reads every page of a ledger that nobody uses.
 * @throws UnusableDatabase when it is damaged, or no ledger; SchemaTooNew
 */
export const inspect = async (path: string): Promise<LedgerFacts> => {
  const { rows, version } = await withFile(path, factsOf).catch((error: unknown) => {
    if (error instanceof UnusableDatabase || error instanceof SchemaTooNew) throw error
    throw new UnusableDatabase(`it is damaged or no ledger (${errorMessage(error)})`, error)
  })
  return { bytes: statSync(path).size, rows, version }
}

const factsOf = async ({ db, client }: OpenDatabase): Promise<Omit<LedgerFacts, 'bytes'>> => {
  const { rows: found } = await client.execute('PRAGMA integrity_check(1)')
  const finding = String(found[0]?.[0])
  if (finding !== 'ok') throw new UnusableDatabase(`it is damaged (${finding})`, undefined)
  const version = await schemaVersion(db)
  if (version === 0) throw new UnusableDatabase('it is not a Postern ledger', undefined)
  if (version > newestVersion()) throw new SchemaTooNew(version, newestVersion())
  const { rows } = await db.get<{ rows: number }>(sql`SELECT count(*) AS rows FROM usage`)
  return { rows, version }
}
