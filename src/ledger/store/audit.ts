import { desc, lt } from 'drizzle-orm'
import type { AuditRow } from '../../platform/records/act.ts'
import { audit, type Database } from './schema.ts'

/** Writes an act; one that is already there stays as it is. */
export const insertAudit = (db: Database, row: AuditRow) =>
  db
    .insert(audit)
    .values({ ...row })
    .onConflictDoNothing({ target: audit.id })

/** Newest first, older than the row of this id. */
export const selectAudit = (
  db: Database,
  { before, limit }: { readonly before?: string; readonly limit: number },
): Promise<AuditRow[]> =>
  db
    .select()
    .from(audit)
    .where(before === undefined ? undefined : lt(audit.id, before))
    .orderBy(desc(audit.id))
    .limit(limit)
