import { migrate, schemaVersion } from '../../../ledger/store/migrate.ts'
import { type DatabaseOptions, filePath, openAsItIs } from '../ledger/database.ts'
import { holdDataDir } from '../ledger/lock.ts'
import { migrations, newestVersion } from '../ledger/migrations.ts'
import { keepCopy } from '../ledger/snapshot-before-migration.ts'

export interface UpToDate {
  /** Names of migrations. */
  readonly applied: readonly string[]
  readonly version: number
}

/**
 * Applies what is missing, all of it or nothing. Where something is, no gateway may run: an older one would write what
 * it knows into tables that it does not.
 *
 * @param options.copy keep the file as it was beside it
 * @throws UnusableDatabase, SchemaTooNew
 */
export const bringUpToDate = async (
  database: DatabaseOptions,
  { copy }: { readonly copy: boolean },
): Promise<UpToDate> => {
  const version = newestVersion()
  if ((await versionIn(database)) === version) return { applied: [], version }
  const letGo = await holdDataDir(database.dataDir)
  const open = await openAsItIs(database)
  const path = filePath(database)
  try {
    if (copy && path !== undefined) await keepCopy(open, path)
    return { applied: await migrate(open.db, migrations()), version }
  } finally {
    open.close()
    letGo()
  }
}

const versionIn = async (database: DatabaseOptions): Promise<number> => {
  const open = await openAsItIs(database)
  try {
    return await schemaVersion(open.db)
  } finally {
    open.close()
  }
}
