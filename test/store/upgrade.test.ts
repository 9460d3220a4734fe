import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createClient } from '@libsql/client'
import { drizzle } from 'drizzle-orm/libsql'
import { describe, expect, it } from 'vitest'
import { migrateCommand } from '../../src/cli/migrate.ts'
import { type Migration, migrate } from '../../src/ledger/store/migrate.ts'
import { runCommand } from '../cli/run.ts'
import { dataDir, query, store } from './fixtures.ts'

const folder = new URL('../../src/ledger/store/migrations/', import.meta.url)
const migrations: Migration[] = readdirSync(folder).map((name) => ({
  name,
  sql: readFileSync(new URL(name, folder), 'utf8'),
}))

/** The ledger of a Postern that knew six migrations, with a row. */
const older = async (): Promise<string> => {
  const dir = dataDir()
  const client = createClient({ url: `file:${dir}/postern.db` })
  await migrate(
    drizzle({ client }),
    migrations.filter(({ name }) => name < '0007'),
  )
  await client.execute(`INSERT INTO usage (id, started_at, login, kind, credential_id, door, client_ip, user_agent, dialect,
    route, status, outcome, input_tokens, output_tokens, cached_tokens, reasoning_tokens, tokens_source, bytes_in,
    bytes_out, duration_ms, overhead_us, request_id, tool_calls)
    VALUES ('old', 1, 'ana', 'key', 'k', 'public', '192.0.2.1', 'curl', 'openai', '/v1', 200, 'ok', 1, 2, 0, 0,
    'reported', 1, 1, 1, 1, 'r', 0)`)
  client.close()
  return dir
}

const versionIn = async (path: string): Promise<unknown> => {
  const client = createClient({ url: `file:${path}` })
  const { rows } = await client.execute('SELECT max(version) FROM schema_migrations')
  client.close()
  return rows[0]?.[0]
}

const newest = Math.max(...migrations.map(({ name }) => Number(name.slice(0, 4))))

describe('a ledger of an older version', () => {
  it('is kept as it was beside it, for its owner only, before it is brought up to date', async () => {
    const dir = await older()
    await (await store({ dataDir: dir })).close()
    const copy = `${dir}/postern.db.schema-6`
    expect(await versionIn(`${dir}/postern.db`)).toBe(newest)
    expect(await versionIn(copy)).toBe(6)
    expect(statSync(copy).mode & 0o777).toBe(0o600)
    const kept = createClient({ url: `file:${copy}` })
    expect((await kept.execute('SELECT id FROM usage')).rows[0]?.[0]).toBe('old')
    kept.close()
    expect(await query(dir, 'SELECT id FROM usage')).toEqual([['old']])
    expect(readdirSync(dir).filter((name) => name.includes('partial'))).toEqual([])
  })

  it('is not changed where there is no place for that, unless somebody says so', async () => {
    const dir = await older()
    const copy = `${dir}/postern.db.schema-6`
    mkdirSync(`${copy}/in the way`, { recursive: true })
    await expect(store({ dataDir: dir })).rejects.toThrow(/no copy of it could be kept.*--no-copy/)
    expect(await versionIn(`${dir}/postern.db`)).toBe(6)
    const config = `${dir}/postern.hujson`
    writeFileSync(config, '{}', { mode: 0o600 })
    const args = ['--config', config, '--data', dir]
    expect((await runCommand(migrateCommand(), ...args)).code).not.toBe(0)
    expect(await versionIn(`${dir}/postern.db`)).toBe(6)
    const { out } = await runCommand(migrateCommand(), '--no-copy', ...args)
    expect(out).toContain(`now at schema version ${newest}`)
    expect(existsSync(copy)).toBe(true)
    expect(await versionIn(`${dir}/postern.db`)).toBe(newest)
  })

  it('leaves no copy where there was nothing to change', async () => {
    const dir = dataDir()
    await (await store({ dataDir: dir })).close()
    await (await store({ dataDir: dir })).close()
    expect(readdirSync(dir).filter((name) => name.includes('schema'))).toEqual([])
  })
})
