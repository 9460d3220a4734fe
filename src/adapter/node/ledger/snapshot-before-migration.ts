import { renameSync } from 'node:fs'
import { schemaVersion } from '../../../ledger/store/migrate.ts'
import type { OpenDatabase } from './database.ts'
import { errorCode, errorMessage, UnusableDatabase } from './errors.ts'
import { makeEmpty, removeAll, syncFile, syncNames } from './files.ts'
import { newestVersion } from './migrations.ts'

/**
 * Keeps a ledger as it was beside it before a newer schema changes it: `postern.db.schema-12`. A migration is
 * done whole or not at all; this is for the one that does the wrong thing, and for who wants to go back.
 * @throws UnusableDatabase when there is no room for it; then nothing was changed
 */
export const keepCopy = async (
  { client, db }: Pick<OpenDatabase, 'client' | 'db'>,
  path: string,
): Promise<void> => {
  const version = await schemaVersion(db)
  if (version === 0 || version >= newestVersion()) return
  const copy = `${path}.schema-${version}`
  const partial = `${copy}.partial`
  try {
    makeEmpty(partial)
    await client.execute({ sql: 'VACUUM INTO ?', args: [partial] })
    syncFile(partial)
    renameSync(partial, copy)
    syncNames(copy)
  } catch (error) {
    throw errorCode(error).startsWith('SQLITE_BUSY') ? error : noRoom(path, copy, error)
  } finally {
    removeAll(partial)
  }
}

const noRoom = (path: string, copy: string, error: unknown): UnusableDatabase =>
  new UnusableDatabase(
    `${path} has an older schema, and no copy of it could be kept at ${copy} (${errorMessage(error)}). Nothing was ` +
      'changed: make room for as much again, or keep a backup elsewhere and run `postern migrate --no-copy`',
    error,
  )
