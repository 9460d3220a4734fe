import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@libsql/client'
import { describe, expect, it } from 'vitest'
import { ban, child, dataDir, query, store, usageRow, usageRows } from '../store/fixtures.ts'
import { startLibsqlServer } from '../support/libsql-server.ts'
import { postern } from './ledger-commands.ts'
import { ledger } from './ledgers.ts'

const template = JSON.stringify({ row: usageRow(), ban: ban() })

/** What a file that nobody uses answers. */
const ask = async (file: string, statement: string): Promise<unknown[][]> => {
  const client = createClient({ url: `file:${file}` })
  try {
    return (await client.execute(statement)).rows.map((row) => Array.from(row))
  } finally {
    client.close()
  }
}

const acknowledged = (dir: string): string[] =>
  readFileSync(join(dir, 'acked'), 'utf8').trimEnd().split('\n')

const namesIn = async (file: string): Promise<Set<unknown>> =>
  new Set((await ask(file, 'SELECT id FROM usage UNION ALL SELECT address FROM bans')).flat())

describe('postern backup', () => {
  it('has every row that was acknowledged before, while more are written', async () => {
    const dir = dataDir()
    const writer = child('./busy-writer.ts', dir, '0', template)
    await writer.line()
    for (let run = 0; run < 3; run++) {
      await sleep(200)
      const before = acknowledged(dir)
      const file = join(dir, `copy-${run}.db`)
      expect(await postern(dir, 'backup', file)).toMatchObject({ code: 0, error: '' })
      const copied = await namesIn(file)
      expect(before.length).toBeGreaterThan(20)
      expect(before.filter((name) => !copied.has(name))).toEqual([])
      expect(await ask(file, 'PRAGMA integrity_check')).toEqual([['ok']])
      // The sums are of the same moment.
      const [[rows], [sums]] = [
        (await ask(file, 'SELECT count(*) FROM usage'))[0] ?? [],
        (await ask(file, 'SELECT sum(requests) FROM usage_rollup WHERE cube = 7'))[0] ?? [],
      ]
      expect(sums).toBe(rows)
      // The writer was not stopped by it.
      const more = () => acknowledged(dir).length - before.length
      await expect.poll(more, { timeout: 5000 }).toBeGreaterThan(0)
    }
  }, 30_000)

  it('takes along what waits in the journal because the database is locked', async () => {
    const dir = await ledger(1)
    const holder = child('./lock-holder.ts', dir)
    await holder.line()
    const writer = await store({ dataDir: dir })
    const rows = usageRows(20)
    await Promise.all(rows.map((row) => writer.recordUsage(row)))
    const file = join(dir, 'copy.db')
    expect(await query(dir, 'SELECT count(*) FROM usage')).toEqual([[1]])
    expect((await postern(dir, 'backup', file)).out).toContain('21 requests')
    const copied = await namesIn(file)
    expect(rows.filter(({ id }) => !copied.has(id))).toEqual([])
  })

  it('says how large it is, and lets only its owner read it', async () => {
    const dir = await ledger(3)
    const file = join(dir, 'copy.db')
    const { out } = await postern(dir, 'backup', file)
    expect(out).toMatch(/copy\.db: \d+ KiB, 3 requests, schema version \d+\n$/)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(dir).filter((name) => name.startsWith('copy'))).toEqual(['copy.db'])
  })

  it('replaces nothing unless it is told to, and the ledger itself never', async () => {
    const dir = await ledger(3)
    const file = join(dir, 'copy.db')
    writeFileSync(file, 'precious')
    expect(await postern(dir, 'backup', file)).toMatchObject({ code: 1 })
    expect(readFileSync(file, 'utf8')).toBe('precious')
    expect(await postern(dir, 'backup', file, '--force')).toMatchObject({ code: 0 })
    expect(readFileSync(file).subarray(0, 6).toString()).toBe('SQLite')
    expect(await postern(dir, 'backup', join(dir, 'postern.db'), '--force')).toMatchObject({
      code: 1,
      error: expect.stringContaining('the ledger itself'),
    })
    expect(await query(dir, 'SELECT count(*) FROM usage')).toEqual([[3]])
  })

  it('leaves nothing behind when it fails', async () => {
    const dir = await ledger(3)
    expect(await postern(dir, 'backup', join(dir, 'no', 'copy.db'))).toMatchObject({ code: 1 })
    await query(dir, "INSERT INTO schema_migrations VALUES (99, '0099-later.sql', 0)")
    const file = join(dir, 'copy.db')
    expect(await postern(dir, 'backup', file)).toMatchObject({
      code: 1,
      error: expect.stringContaining('newer Postern'),
    })
    expect(readdirSync(dir).filter((name) => name.startsWith('copy'))).toEqual([])
    const empty = dataDir()
    const { error } = await postern(empty, 'backup', join(empty, 'copy.db'))
    expect(error).toContain('there is no ledger')
    expect(existsSync(join(empty, 'postern.db'))).toBe(false)
  })

  it('does not bring an older ledger up to date', async () => {
    const dir = await ledger(1)
    await query(dir, 'DELETE FROM schema_migrations WHERE version > 7')
    const file = join(dir, 'copy.db')
    expect((await postern(dir, 'backup', file)).out).toContain('schema version 7')
    expect(await query(dir, 'SELECT max(version) FROM schema_migrations')).toEqual([[7]])
  })

  it('copies a ledger from a server, with sums that fit', { timeout: 30_000 }, async () => {
    const server = await startLibsqlServer()
    try {
      const dir = dataDir()
      const writer = await store({ dataDir: dir, url: server.url })
      const rows = usageRows(1500).map((row) => ({ ...row, costNanousd: 7 }))
      await Promise.all(rows.map((row) => writer.recordUsage(row)))
      await writer.saveBan(ban())
      await writer.close()
      const config = JSON.stringify({ database: { url: server.url } })
      writeFileSync(join(dir, 'postern.hujson'), config)
      const file = join(dir, 'copy.db')
      expect((await postern(dir, 'backup', file)).out).toContain('1500 requests')
      for (const statement of [
        'SELECT * FROM usage ORDER BY rowid',
        'SELECT * FROM bans',
        'SELECT sum(requests), sum(cost_nanousd) FROM usage_rollup WHERE cube = 7',
        'SELECT version, name FROM schema_migrations',
      ]) {
        expect(await ask(file, statement)).toEqual(await ask(server.path, statement))
      }
    } finally {
      await server.close()
    }
  })
})
