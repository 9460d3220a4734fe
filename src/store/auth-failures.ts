import type { AuthFailureRow } from '../usage/row.ts'
import { authFailures, type Database } from './schema.ts'

/** Writes refused attempts, at most 1,000 at a time; a row that is already there stays as it is. */
export const insertAuthFailures = (db: Database, rows: readonly AuthFailureRow[]) =>
  db
    .insert(authFailures)
    .values([...rows])
    .onConflictDoNothing({ target: authFailures.id })
