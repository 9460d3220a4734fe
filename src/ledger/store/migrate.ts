import { sql } from 'drizzle-orm'
import type { Database } from './schema.ts'

export interface Migration {
  /** File name, `0001-ledger.sql`: the leading number is the version it leads to. */
  readonly name: string
  readonly sql: string
}

/** The database was written by a newer Postern: going on could damage what that one stored. */
export class SchemaTooNew extends Error {
  constructor(found: number, known: number) {
    super(
      `the database has schema version ${found}, but this Postern knows only up to ${known}: ` +
        'start the newer Postern that wrote it, or restore a backup taken before the upgrade',
    )
    this.name = 'SchemaTooNew'
  }
}

/**
 * Brings a database to the newest known version, forward only. All steps run in one immediate transaction: an
 * interrupted migration leaves the old version whole, and of two processes that start together one waits or fails
 * with `SQLITE_BUSY` instead of both creating the tables.
 *
 * A table records the versions because servers of libSQL do not all let a client set `PRAGMA user_version`.
 *
 * @returns the names of those that were applied.
 * @throws SchemaTooNew when the database is ahead of `migrations`.
 */
export const migrate = async (
  db: Database,
  migrations: readonly Migration[],
): Promise<readonly string[]> => {
  const steps = inOrder(migrations)
  const newest = steps.at(-1)?.version ?? 0
  if (check(await schemaVersion(db), newest)) return []
  return db.transaction(
    async (tx) => {
      await tx.run(sql`CREATE TABLE IF NOT EXISTS schema_migrations (
        version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL)`)
      const current = await recordedVersion(tx)
      check(current, newest)
      const missing = steps.filter(({ version }) => version > current)
      for (const { version, name, statements } of missing) {
        for (const statement of statements) await tx.run(sql.raw(statement))
        await tx.run(
          sql`INSERT INTO schema_migrations VALUES (${version}, ${name}, unixepoch() * 1000)`,
        )
      }
      return missing.map(({ name }) => name)
    },
    { behavior: 'immediate' },
  )
}

interface Step {
  readonly version: number
  readonly name: string
  readonly statements: readonly string[]
}

type Queries = Pick<Database, 'get'>

const inOrder = (migrations: readonly Migration[]): Step[] =>
  migrations
    .map(({ name, sql: script }) => ({
      version: versionOf(name),
      name,
      statements: statementsOf(script),
    }))
    .sort((a, b) => a.version - b.version)

/** The version that a migration of this name leads to. */
export const versionOf = (name: string): number => {
  const digits = /^(\d{4})-.+\.sql$/.exec(name)?.[1]
  if (digits === undefined) throw new Error(`migration "${name}" is not named NNNN-what.sql`)
  return Number(digits)
}

const statementsOf = (script: string): string[] =>
  script
    .replaceAll(/^\s*--.*$/gm, '')
    .split(/;[ \t]*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')

/** Is everything applied? */
const check = (found: number, known: number): boolean => {
  if (found > known) throw new SchemaTooNew(found, known)
  return found === known
}

/** 0 when no Postern ever wrote to it. */
export const schemaVersion = async (db: Queries): Promise<number> => {
  const { tables } = await db.get<{ tables: number }>(sql`SELECT count(*) AS tables
    FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'`)
  return tables === 0 ? 0 : recordedVersion(db)
}

const recordedVersion = async (db: Queries): Promise<number> => {
  const row = await db.get<{ version: number }>(
    sql`SELECT coalesce(max(version), 0) AS version FROM schema_migrations`,
  )
  return row.version
}
