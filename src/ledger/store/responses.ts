import { sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import type { StoredResponse } from '../../platform/records/stored-response.ts'
import { type Database, responses } from './schema.ts'

/** Providers store them for 30 days. */
const KEPT_MS = 35 * 86_400_000
/** Removed with each that is written, so that the table stays small and no write waits long. */
const AT_ONCE = 4

/** An id stays with its first login and provider; afterwards only `settled` changes. */
export const saveResponseStatements = (
  db: Database,
  response: StoredResponse,
): readonly BatchItem<'sqlite'>[] => [
  db
    .insert(responses)
    .values(response)
    .onConflictDoUpdate({
      target: responses.id,
      set: { settled: sql`excluded.settled` },
      setWhere: sql`login = excluded.login AND provider = excluded.provider`,
    }),
  db.run(sql`DELETE FROM responses WHERE id IN
    (SELECT id FROM responses WHERE at < ${response.at - KEPT_MS} ORDER BY at LIMIT ${AT_ONCE})`),
]

export const selectResponse = async (
  db: Database,
  { id }: { readonly id: string },
): Promise<StoredResponse | null> => {
  const [row] = await db.select().from(responses).where(sql`id = ${id}`)
  return row ?? null
}
