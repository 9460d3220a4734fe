import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import {
  ban,
  child,
  countUsage,
  dataDir,
  query,
  store,
  usageRow,
  usageRows,
} from '../store/fixtures.ts'
import { postern } from './ledger-commands.ts'

const ledger = async (rows: number): Promise<string> => {
  const dir = dataDir()
  const writer = await store({ dataDir: dir })
  await Promise.all(usageRows(rows).map((row) => writer.recordUsage(row)))
  await writer.close()
  return dir
}

describe('postern backup', () => {
  it('copies one whole state while rows are written', { timeout: 30_000 }, async () => {
    const dir = dataDir()
    const writer = await store({ dataDir: dir })
    await Promise.all(usageRows(500).map((row) => writer.recordUsage(row)))
    let going = true
    const writing = (async () => {
      while (going) {
        await Promise.all(usageRows(20).map((row) => writer.recordUsage(row)))
        await sleep(1)
      }
    })()
    const file = join(dir, 'copy.db')
    const { out, error } = await postern(dir, 'backup', file)
    going = false
    await writing
    expect(error).toBe('')
    expect(out).toMatch(/copy\.db: \d+ requests, [\d.]+ MB, checked/)
    const copied = dataDir()
    await postern(copied, 'restore', file)
    const rows = Number(await countUsage(copied))
    expect(rows).toBeGreaterThanOrEqual(500)
    // The sums are of the same moment.
    const [sums] = await query(copied, 'SELECT sum(requests) FROM usage_rollup WHERE cube = 7')
    expect(sums).toEqual([rows])
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(dir).filter((name) => name.endsWith('.partial'))).toEqual([])
  })

  it('replaces nothing unless it is told to', async () => {
    const dir = await ledger(3)
    const file = join(dir, 'copy.db')
    writeFileSync(file, 'precious')
    expect(await postern(dir, 'backup', file)).toMatchObject({ code: 1 })
    expect(readFileSync(file, 'utf8')).toBe('precious')
    expect(await postern(dir, 'backup', file, '--force')).toMatchObject({ code: 0 })
    expect(readFileSync(file).subarray(0, 6).toString()).toBe('SQLite')
  })

  it('leaves what is there alone when it fails', async () => {
    const dir = await ledger(3)
    expect(await postern(dir, 'backup', join(dir, 'no', 'such', 'folder.db'))).toMatchObject({
      code: 1,
    })
    const empty = dataDir()
    const { error } = await postern(empty, 'backup', join(empty, 'copy.db'))
    expect(error).toContain('there is no ledger')
    expect(existsSync(join(empty, 'postern.db'))).toBe(false)
  })

  it('does not bring an older ledger up to date', async () => {
    const dir = await ledger(1)
    await query(
      dir,
      'DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)',
    )
    const versions = 'SELECT count(*) FROM schema_migrations'
    const before = await query(dir, versions)
    expect(await postern(dir, 'backup', join(dir, 'copy.db'))).toMatchObject({ code: 0 })
    expect(await query(dir, versions)).toEqual(before)
  })

  it('says where to turn when the ledger is on a server', async () => {
    const dir = dataDir()
    writeFileSync(
      join(dir, 'postern.hujson'),
      '{ "database": { "url": "https://db.example.net" } }',
    )
    expect(await postern(dir, 'backup', join(dir, 'x'))).toMatchObject({
      code: 1,
      error: expect.stringContaining('on a server'),
    })
  })
})

describe('postern restore', () => {
  const backup = async (rows: number): Promise<string> => {
    const dir = await ledger(rows)
    const file = join(dir, 'copy.db')
    await postern(dir, 'backup', file)
    return file
  }

  it('puts the ledger that is there aside, when it is told to, and keeps it whole', async () => {
    const file = await backup(5)
    const dir = await ledger(2)
    expect(await postern(dir, 'restore', file)).toMatchObject({
      code: 1,
      error: expect.stringContaining('--force puts it aside'),
    })
    expect(await countUsage(dir)).toBe(2)
    const { out } = await postern(dir, 'restore', file, '--force')
    expect(await countUsage(dir)).toBe(5)
    const kept = /is (.+) now/.exec(out)?.[1] ?? ''
    const again = await ledger(0)
    await postern(again, 'restore', kept, '--force')
    expect(await countUsage(again)).toBe(2)
  })

  it('keeps rows that a crash left in the log of the ledger that is put aside', async () => {
    const file = await backup(1)
    const dir = dataDir()
    const template = JSON.stringify({ row: usageRow(), ban: ban() })
    const writer = child('./busy-writer.ts', dir, '0', template)
    await writer.line()
    await sleep(300)
    await writer.kill()
    expect(statSync(join(dir, 'postern.db-wal')).size).toBeGreaterThan(0)
    const { out } = await postern(dir, 'restore', file, '--force')
    expect(existsSync(join(dir, 'postern.db-wal'))).toBe(false)
    const again = dataDir()
    await postern(again, 'restore', /is (.+) now/.exec(out)?.[1] ?? '')
    const acked = readFileSync(join(dir, 'acked'), 'utf8').trimEnd().split('\n')
    const kept = (await query(again, 'SELECT id FROM usage UNION SELECT address FROM bans')).flat()
    expect(acked.length).toBeGreaterThan(10)
    expect(acked.filter((id) => !kept.includes(id))).toEqual([])
  })

  it('is refused while a gateway runs', { timeout: 20_000 }, async () => {
    const file = await backup(5)
    const dir = dataDir()
    await store({ dataDir: dir })
    const { code, error } = await postern(dir, 'restore', file, '--force')
    expect([code, error]).toEqual([1, expect.stringContaining('another gateway is running')])
    expect(await countUsage(dir)).toBe(0)
  })

  it('touches nothing for a file that is no backup, damaged or too new', async () => {
    const dir = await ledger(2)
    const garbage = join(dir, 'garbage.db')
    writeFileSync(garbage, Buffer.alloc(8192, 'no database '))
    const damaged = await backup(200)
    const bytes = readFileSync(damaged)
    bytes.fill(0xff, 8192, 16_384)
    chmodSync(damaged, 0o600)
    writeFileSync(damaged, bytes)
    const tooNew = await ledger(1)
    await query(tooNew, "INSERT INTO schema_migrations VALUES (99, '0099-later.sql', 0)")
    const copy = join(tooNew, 'copy.db')
    expect(await postern(tooNew, 'backup', copy)).toMatchObject({ code: 1 })
    for (const file of [garbage, damaged, join(tooNew, 'postern.db'), join(dir, 'missing.db')]) {
      const { code } = await postern(dir, 'restore', file, '--force')
      expect([file, code]).toEqual([file, 1])
      expect(await countUsage(dir)).toBe(2)
    }
    expect(readdirSync(dir).filter((name) => /restoring|before/.test(name))).toEqual([])
  })
})
