import { type SQL, sql } from 'drizzle-orm'
import type { Capture, Retention } from '../../platform/records/captured.ts'
import { captures, type Database } from './schema.ts'

export const insertCapture = (db: Database, capture: Capture) =>
  db.insert(captures).values(capture).onConflictDoNothing()

export const selectCapture = async (
  db: Database,
  { id }: { readonly id: string },
): Promise<Capture | null> => {
  const [row] = await db.select().from(captures).where(sql`id = ${id}`)
  return row ?? null
}

/**
 * Empties what is older than the retention, so many at most of each kind, and removes what is empty then. The rows of
 * the ledger stay. Resolves with how many were emptied.
 */
export const purgeCaptures = async (
  db: Database,
  { duration, purge, requireExport }: Retention,
  now: number,
  most: number,
): Promise<number> => {
  const due = sql`at <= ${now - duration} AND ${requireExport ? exported : sql`true`} LIMIT ${most}`
  let emptied = 0
  for (const what of ['captures', 'tools'] as const) {
    if (!purge.includes(what)) continue
    const { rowsAffected } = await db.run(empty[what](due))
    emptied += rowsAffected
  }
  if (emptied > 0) await db.run(removeEmpty)
  return emptied
}

const removeEmpty = sql`DELETE FROM captures WHERE request IS NULL AND response IS NULL AND tools IS NULL`

const empty = {
  captures: (due: SQL) => sql`UPDATE captures SET request = NULL, response = NULL WHERE id IN
    (SELECT id FROM captures WHERE (request IS NOT NULL OR response IS NOT NULL) AND ${due})`,
  tools: (due: SQL) => sql`UPDATE captures SET tools = NULL WHERE id IN
    (SELECT id FROM captures WHERE tools IS NOT NULL AND ${due})`,
}

/** Rows go out in the order of writing; the last that the other side has tells for all before it. */
const exported = sql`(SELECT rowid FROM usage WHERE usage.id = captures.id) <=
  (SELECT rowid FROM usage WHERE usage.id = (SELECT done FROM exports WHERE name = 's3'))`
