import type { Client, InValue, Row } from '@libsql/client'
import { migrate, SchemaTooNew, schemaVersion, versionOf } from '../../../ledger/store/migrate.ts'
import { SUM_UP } from '../../../ledger/store/usage/usage.ts'
import { type DatabaseOptions, openAsItIs } from '../ledger/database.ts'
import { migrations, newestVersion } from '../ledger/migrations.ts'
import { withFile } from './inspect.ts'

/** Only ever added to, and by far the largest; `auth_failures` and `captures` forget their oldest. */
const growing = ['usage', 'auth_failures', 'audit', 'captures']

const PAGE = 1000

/** Before this version each row was added up by itself. */
const summedByBatch = 13

interface Table {
  readonly name: string
  readonly columns: readonly string[]
}

/**
 * Copies a ledger from a server to an empty file. What changes is read in one transaction, together with how far the
 * tables go that only grow: so that it is all of one moment. Sums are made anew from the rows.
 *
 * @throws SchemaTooNew, and what the client throws
 */
export const copyServer = async (database: DatabaseOptions, path: string): Promise<void> => {
  const server = await openAsItIs(database)
  try {
    const version = await schemaVersion(server.db)
    if (version === 0) throw new Error('there is no ledger on that server')
    if (version > newestVersion()) throw new SchemaTooNew(version, newestVersion())
    await withFile(path, async ({ db, client }) => {
      await migrate(
        db,
        migrations().filter(({ name }) => versionOf(name) <= version),
      )
      await copyTables(server.client, client)
      if (version >= summedByBatch) await client.execute(SUM_UP)
    })
  } finally {
    server.close()
  }
}

const copyTables = async (from: Client, to: Client): Promise<void> => {
  const tables = await tablesOf(to)
  const changing = tables.filter(({ name }) => !growing.includes(name))
  const grown = tables.filter(({ name }) => growing.includes(name))
  const read = await from.batch(
    [
      ...changing.map(({ name, columns }) => `SELECT ${columns.join(', ')} FROM ${name}`),
      ...grown.map(({ name }) => `SELECT coalesce(max(rowid), 0) FROM ${name}`),
    ],
    'read',
  )
  for (const table of changing) await insert(to, table, read.shift()?.rows ?? [])
  for (const table of grown) await copyUpTo(Number(read.shift()?.rows[0]?.[0]), table, from, to)
}

/** All but what a trigger fills, and the migrations' own. Generated columns are not in `table_info`. */
const tablesOf = async (client: Client): Promise<Table[]> => {
  const { rows } = await client.execute(`SELECT name FROM sqlite_schema WHERE type = 'table'
    AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'usage\\_%' ESCAPE '\\'
    AND name <> 'schema_migrations'`)
  return Promise.all(
    rows.map(async (row) => {
      const name = String(row.name)
      const info = await client.execute(`PRAGMA table_info(${name})`)
      return { name, columns: info.rows.map((column) => `"${String(column.name)}"`) }
    }),
  )
}

/** In the order of the rowid, which is that of writing, and on which exports rely. */
const copyUpTo = async (end: number, table: Table, from: Client, to: Client): Promise<void> => {
  const { name, columns } = table
  for (let after = 0; after < end; ) {
    const { rows } = await from.execute({
      sql: `SELECT ${columns.join(', ')}, rowid AS _rowid FROM ${name}
        WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ${PAGE}`,
      args: [after, end],
    })
    await insert(to, table, rows)
    const last = rows.at(-1)
    if (last === undefined) return
    after = Number(last._rowid)
  }
}

const insert = async (to: Client, table: Table, rows: readonly Row[]): Promise<void> => {
  if (rows.length === 0) return
  const { name, columns } = table
  const places = columns.map(() => '?').join(', ')
  const sql = `INSERT INTO ${name} (${columns.join(', ')}) VALUES (${places})`
  const values = (row: Row): InValue[] => columns.map((_, at) => row[at] as InValue)
  await to.batch(
    rows.map((row) => ({ sql, args: values(row) })),
    'write',
  )
}
