import { desc, eq, getTableColumns, notInArray, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import type { ConfigVersion } from '../../platform/records/act.ts'
import type { ConfigVersionSummary } from '../../platform/records/questions.ts'
import { configVersions, type Database } from './schema.ts'

/** Older ones are forgotten. */
const KEPT = 200

const { number: _, config, ...summary } = getTableColumns(configVersions)

/** Keeps each that is not what the newest is already, in this order; one that is already there stays as it is. */
export const insertVersions = (
  db: Database,
  versions: readonly ConfigVersion[],
): BatchItem<'sqlite'>[] => [...versions.map((version) => insertVersion(db, version)), prune(db)]

const insertVersion = (db: Database, version: ConfigVersion) => {
  const { id, at, login, requestId, changes, config: text } = version
  return db.run(sql`INSERT INTO config_versions (id, at, login, request_id, changes, config)
    SELECT ${id}, ${at}, ${login}, ${requestId}, ${changes}, ${text}
    WHERE ${text} IS NOT (SELECT config FROM config_versions ORDER BY number DESC LIMIT 1)
    ON CONFLICT (id) DO NOTHING`)
}

const prune = (db: Database) =>
  db
    .delete(configVersions)
    .where(
      notInArray(
        configVersions.number,
        db
          .select({ number: configVersions.number })
          .from(configVersions)
          .orderBy(desc(configVersions.number))
          .limit(KEPT),
      ),
    )

/** Forgets one that did not come in force after all. */
export const deleteVersion = (db: Database, id: string) =>
  db.delete(configVersions).where(eq(configVersions.id, id))

/** Newest first. */
export const selectVersions = (
  db: Database,
  { limit }: { readonly limit: number },
): Promise<ConfigVersionSummary[]> =>
  db.select(summary).from(configVersions).orderBy(desc(configVersions.number)).limit(limit)

/** The newest, where no id is named. */
export const selectVersion = async (
  db: Database,
  { id }: { readonly id?: string },
): Promise<ConfigVersion | null> => {
  const [row] = await db
    .select({ ...summary, config })
    .from(configVersions)
    .where(id === undefined ? undefined : eq(configVersions.id, id))
    .orderBy(desc(configVersions.number))
    .limit(1)
  return row ?? null
}
