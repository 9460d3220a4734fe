import { sql } from 'drizzle-orm'
import type {
  ExportChange,
  ExportRow,
  ExportRowsAsked,
  ExportState,
} from '../../platform/records/export-state.ts'
import { type Database, exports as exported } from './schema.ts'
import { selectRows } from './usage/requests.ts'

/** How far an exporter is; nowhere, when it never began. */
export const selectExport = async (
  db: Database,
  { name }: { readonly name: string },
): Promise<ExportState> => {
  const [row] = await db.select().from(exported).where(sql`name = ${name}`)
  if (!row) return { done: null, batch: null, doneAt: null, rows: 0 }
  const { last, object, batchRows, done, doneAt, rows } = row
  const batch = last === null || object === null ? null : { last, object, rows: batchRows }
  return { done, batch, doneAt, rows }
}

/** Rows in the order in which they were written: SQLite numbers them so, and keeps the order when it numbers anew. */
export const selectExportRows = (
  db: Database,
  { after, last, limit }: ExportRowsAsked,
): Promise<ExportRow[]> => {
  const from =
    after === null ? sql`true` : sql`rowid > (SELECT rowid FROM usage WHERE id = ${after})`
  const to =
    last === undefined ? sql`true` : sql`rowid <= (SELECT rowid FROM usage WHERE id = ${last})`
  return selectRows(db).where(sql`${from} AND ${to}`).orderBy(sql`rowid`).limit(limit)
}

/** Changes nothing when another gateway was faster, or when it comes again. */
export const saveExport = (db: Database, change: ExportChange) => {
  if ('sent' in change) {
    return db.run(sql`UPDATE exports SET done = last, done_at = ${change.at}, rows = rows + batch_rows,
      last = NULL, object = NULL, batch_rows = 0 WHERE name = ${change.name} AND object = ${change.sent}`)
  }
  const { name, after, settle } = change
  return db.run(sql`INSERT INTO exports (name, last, object, batch_rows)
    SELECT ${name}, ${settle.last}, ${settle.object}, ${settle.rows}
    WHERE ${after} IS NULL OR EXISTS (SELECT 1 FROM exports WHERE name = ${name})
    ON CONFLICT (name) DO UPDATE SET
      last = excluded.last, object = excluded.object, batch_rows = excluded.batch_rows
    WHERE exports.last IS NULL AND exports.done IS ${after}`)
}
