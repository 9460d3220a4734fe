import { inArray, lt } from 'drizzle-orm'
import type { AuthFailureRow } from '../../platform/records/usage.ts'
import { authFailures, type Database } from './schema.ts'

/** Writes refused attempts, at most 1,000 at a time; a row that is already there stays as it is. */
export const insertAuthFailures = (db: Database, rows: readonly AuthFailureRow[]) =>
  db
    .insert(authFailures)
    .values([...rows])
    .onConflictDoNothing({ target: authFailures.id })

/** Forgets at most `limit` attempts older than `before` (ms since the epoch); `rowsAffected` tells how many. */
export const deleteAuthFailures = (db: Database, before: number, limit: number) =>
  db
    .delete(authFailures)
    .where(
      inArray(
        authFailures.id,
        db
          .select({ id: authFailures.id })
          .from(authFailures)
          .where(lt(authFailures.at, before))
          .limit(limit),
      ),
    )
