import { readdirSync, readFileSync } from 'node:fs'
import { type Migration, versionOf } from '../../../ledger/store/migrate.ts'

/** In the order of their names. */
export const migrations = (): Migration[] => {
  const folder = new URL('../../../ledger/store/migrations/', import.meta.url)
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .map((name) => ({ name, sql: readFileSync(new URL(name, folder), 'utf8') }))
}

/** The newest version of the schema that this Postern knows. */
export const newestVersion = (): number =>
  Math.max(...migrations().map(({ name }) => versionOf(name)))
