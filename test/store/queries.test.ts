import { readdirSync, readFileSync } from 'node:fs'
import { createClient } from '@libsql/client'
import { type SQLWrapper, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/libsql'
import { getTableConfig } from 'drizzle-orm/sqlite-core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { deleteAuthFailures, insertAuthFailures } from '../../src/ledger/store/auth-failures.ts'
import { deleteBan, deleteLapsed, selectBans, upsertBan } from '../../src/ledger/store/bans.ts'
import { type Migration, migrate, SchemaTooNew } from '../../src/ledger/store/migrate.ts'
import {
  authFailures,
  bans,
  type Database,
  usage,
  usageSessions,
} from '../../src/ledger/store/schema.ts'
import { GROUPS } from '../../src/ledger/store/usage/groups.ts'
import { listUsage, summarize } from '../../src/ledger/store/usage/usage.ts'
import { startLibsqlServer } from '../support/libsql-server.ts'
import { ban, dataDir, failureRow, insertUsage, usageRow } from './fixtures.ts'

const folder = new URL('../../src/ledger/store/migrations/', import.meta.url)
const migration = (name: string): Migration => ({
  name,
  sql: readFileSync(new URL(name, folder), 'utf8'),
})
const ledger = migration('0001-ledger.sql')
const whole = readdirSync(folder).map(migration)

const open = (url: string): Database => {
  const client = createClient({ url, concurrency: 1 })
  onTestFinished(() => client.close())
  return drizzle({ client })
}

const onFile = async (migrations = whole): Promise<Database> => {
  const db = open(`file:${dataDir()}/postern.db`)
  await migrate(db, migrations)
  return db
}

const onServer = async (): Promise<Database> => {
  const server = await startLibsqlServer({})
  onTestFinished(() => server.close())
  const db = open(server.url)
  await migrate(db, whole)
  return db
}

const columnsOf = async (db: Database, table: string): Promise<unknown[]> =>
  (await db.all<{ name: string }>(sql.raw(`PRAGMA table_info(${table})`))).map(({ name }) => name)

describe('migrations', () => {
  it.each([usage, usageSessions, authFailures, bans])(
    'make the tables that the schema describes (%#)',
    async (table) => {
      const { name, columns, indexes } = getTableConfig(table)
      const db = await onFile()
      expect(await columnsOf(db, name)).toEqual(columns.map((column) => column.name))
      const made = await db.all<{ name: string }>(
        sql`SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ${name} AND sql NOT NULL`,
      )
      expect(new Set(made.map((index) => index.name))).toEqual(
        new Set(indexes.map(({ config }) => config.name)),
      )
    },
  )

  it('name the columns of a row in the order in which they were added', () => {
    const names = `id, started_at, login, kind, credential_id, node, door, client_ip, user_agent, label, dialect,
      route, model, provider, upstream_model, status, outcome, input_tokens, output_tokens, cached_tokens,
      reasoning_tokens, tokens_source, cost_nanousd, bytes_in, bytes_out, first_byte_ms, duration_ms, overhead_us,
      session_id, request_id, cache_write_tokens, tool_calls, web_searches, images, audio_ms, cost_basis,
      error_code, alias, attempts, translated, queued_ms`
    const columns = getTableConfig(usage).columns.map(({ name }) => name)
    expect(columns).toEqual(names.split(/,\s+/))
  })

  it('are applied once, in the order of their numbers', async () => {
    const db = await onFile([ledger])
    const later: Migration[] = [
      { name: '0003-c.sql', sql: 'INSERT INTO notes VALUES (1);' },
      {
        name: '0002-b.sql',
        sql: '-- a comment; with a semicolon\nCREATE TABLE notes (n INTEGER);\n',
      },
    ]
    await migrate(db, [...later, ledger])
    await migrate(db, [ledger, ...later])
    expect(await db.all(sql`SELECT * FROM notes`)).toEqual([{ n: 1 }])
  })

  it('leave the old version whole when one of them fails half-way', async () => {
    const db = await onFile([ledger])
    const broken = {
      name: '0002-b.sql',
      sql: 'CREATE TABLE notes (n INTEGER);\nCREATE TABLE usage (x);',
    }
    await expect(migrate(db, [ledger, broken])).rejects.toThrow()
    expect(await columnsOf(db, 'notes')).toEqual([])
    await migrate(db, [ledger])
  })

  it('refuse a database that a newer version wrote', async () => {
    const db = await onFile([ledger])
    await migrate(db, [ledger, { name: '0002-later.sql', sql: 'CREATE TABLE later (n INTEGER);' }])
    await expect(migrate(db, [ledger])).rejects.toThrow(SchemaTooNew)
  })
})

describe.each([
  ['a file', onFile],
  ['a server', onServer],
])('the ledger on %s', (_where, connect) => {
  it('gives back the rows it was given, newest first, page by page', async () => {
    const db = await connect()
    const rows = [1, 2, 2, 3, 4].map((startedAt, at) => usageRow({ startedAt, id: `id-${at}` }))
    await insertUsage(db, rows)
    const first = await listUsage(db, { limit: 3 })
    const rest = await listUsage(db, { limit: 3, ...(first[2] && { after: first[2] }) })
    expect([...first, ...rest]).toEqual(rows.toReversed())
  })

  it('keeps the first of two rows with one id', async () => {
    const db = await connect()
    await insertUsage(db, [usageRow({ id: 'same', inputTokens: 1 })])
    await insertUsage(db, [usageRow({ id: 'same', inputTokens: 2 }), usageRow()])
    const [sums] = await summarize(db, { by: 'none' })
    expect(sums).toMatchObject({ requests: 2, inputTokens: 11 })
  })

  it('sums up by every group without losing a row', async () => {
    const db = await connect()
    await insertUsage(db, [
      usageRow({ costNanousd: 5 }),
      usageRow({ login: 'bob', model: null, provider: null, outcome: 'client_gone', status: 499 }),
      usageRow({ login: 'bob', startedAt: Date.UTC(2026, 10, 22), door: 'public' }),
    ])
    for (const by of GROUPS) {
      const groups = await summarize(db, { by })
      expect(groups.reduce((sum, { requests }) => sum + requests, 0)).toBe(3)
      expect(groups.reduce((sum, { outputTokens }) => sum + outputTokens, 0)).toBe(60)
    }
    expect(await summarize(db, { by: 'user' })).toMatchObject([
      { group: 'bob', requests: 2, failed: 1, costNanousd: 0, unpriced: 2 },
      { group: 'alice@example.com', requests: 1, failed: 0, costNanousd: 5, unpriced: 0 },
    ])
    const days = await summarize(db, { by: 'day' })
    expect(days.map(({ group }) => group)).toEqual(['2026-11-21', '2026-11-22'])
    expect(await summarize(db, { by: 'user', since: Date.UTC(2026, 10, 22) })).toHaveLength(1)
    expect(await summarize(db, { by: 'model', login: "bob' OR 1=1 --" })).toEqual([])
  })

  it('finds the rows of a period by their time, whatever they are grouped by', async () => {
    const db = await connect()
    for (const by of GROUPS) {
      const query = summarize(db, { by, since: 1 }) as unknown as SQLWrapper
      const plan = await db.all<{ detail: string }>(sql`EXPLAIN QUERY PLAN ${query.getSQL()}`)
      expect(plan[0]?.detail).toContain('USING INDEX usage_started_at (started_at>?)')
    }
    const page = listUsage(db, { limit: 10, since: 1 }) as unknown as SQLWrapper
    const plan = await db.all<{ detail: string }>(sql`EXPLAIN QUERY PLAN ${page.getSQL()}`)
    expect(plan[0]?.detail).toContain('USING INDEX usage_started_at (started_at>?)')
  })

  it('sums an empty ledger to nothing', async () => {
    const [sums] = await summarize(await connect(), { by: 'none' })
    expect(sums).toMatchObject({ requests: 0, outputTokens: 0, unpriced: 0 })
  })
})

describe('bans', () => {
  it('of one address replace each other, the later one wins', async () => {
    const db = await onFile()
    const now = Date.now()
    await upsertBan(db, ban({ startedAt: now, level: 2 }))
    await upsertBan(db, ban({ startedAt: now - 1, level: 1 }))
    expect(await selectBans(db, now)).toMatchObject([{ level: 2 }])
    await upsertBan(db, ban({ startedAt: now + 1, level: 3 }))
    expect(await selectBans(db, now)).toMatchObject([{ level: 3 }])
  })

  it('by an admin are not shortened by automatic ones while they last', async () => {
    const db = await onFile()
    const startedAt = Date.now()
    const automatic = ban({ startedAt: startedAt + 1 })
    await upsertBan(db, ban({ cause: 'admin', startedAt, until: null }))
    await upsertBan(db, automatic)
    expect(await selectBans(db, startedAt)).toMatchObject([{ cause: 'admin', until: null }])
    await upsertBan(db, ban({ cause: 'admin', startedAt, until: startedAt + 1 }))
    await upsertBan(db, automatic)
    expect(await selectBans(db, startedAt)).toEqual([automatic])
  })

  it('are forgotten a week after they lapsed, those without an end never', async () => {
    const db = await onFile()
    const now = Date.now()
    const week = 7 * 24 * 60 * 60 * 1000
    await upsertBan(db, ban({ address: 'old', until: now - week }))
    await upsertBan(db, ban({ address: 'young', until: now - week + 1 }))
    await upsertBan(db, ban({ address: 'endless', until: null }))
    await deleteLapsed(db, now)
    const addresses = (await selectBans(db, 0)).map(({ address }) => address)
    expect(new Set(addresses)).toEqual(new Set(['endless', 'young']))
    expect(await deleteBan(db, 'young')).toHaveLength(1)
    expect(await deleteBan(db, 'young')).toHaveLength(0)
  })
})

describe('refused attempts', () => {
  it('are kept once each, and swept a few at a time by their age', async () => {
    const db = await onFile()
    const rows = [1, 2, 3, 4].map((at) => failureRow({ at }))
    await insertAuthFailures(db, [...rows, ...rows])
    expect((await deleteAuthFailures(db, 4, 2)).rowsAffected).toBe(2)
    expect((await deleteAuthFailures(db, 4, 2)).rowsAffected).toBe(1)
    expect(await db.select().from(authFailures)).toEqual([rows[3]])
  })
})
