import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { askElsewhere } from '../store/elsewhere.ts'
import { ban, child, dataDir, store, usageRow, usageRows } from '../store/fixtures.ts'
import { postern } from './ledger-commands.ts'
import { ledger } from './ledgers.ts'

const countUsage = (dir: string): unknown => askElsewhere(dir, 'SELECT count(*) FROM usage')[0]?.[0]

const template = JSON.stringify({ row: usageRow(), ban: ban() })

const backup = async (rows: number): Promise<string> => {
  const dir = await ledger(rows)
  const file = join(dir, 'copy.db')
  await postern(dir, 'backup', file)
  return file
}

const keptIn = (dir: string): string[] =>
  readdirSync(dir).filter((name) => name.startsWith('postern.db.'))

/** The rows of a ledger that was put aside, read by way of a restore. */
const rowsOf = async (file: string): Promise<Set<unknown>> => {
  const dir = dataDir()
  expect(await postern(dir, 'restore', file)).toMatchObject({ code: 0 })
  const names = askElsewhere(dir, 'SELECT id FROM usage UNION ALL SELECT address FROM bans')
  return new Set(names.flat())
}

const acknowledged = (dir: string): string[] =>
  readFileSync(join(dir, 'acked'), 'utf8').trimEnd().split('\n')

describe('postern restore', () => {
  it('keeps the ledger that is there whole, under a dated name, when it is told to', async () => {
    const file = await backup(5)
    const dir = await ledger(2)
    expect(await postern(dir, 'restore', file)).toMatchObject({
      code: 1,
      error: expect.stringContaining('--force'),
    })
    expect(countUsage(dir)).toBe(2)
    const { out } = await postern(dir, 'restore', file, '--force')
    expect(countUsage(dir)).toBe(5)
    expect(statSync(join(dir, 'postern.db')).mode & 0o777).toBe(0o600)
    const [kept = ''] = keptIn(dir)
    expect(kept).toMatch(/^postern\.db\.\d{4}-\d\d-\d\dT[\d-]+Z$/)
    expect(out).toContain(kept)
    expect((await rowsOf(join(dir, kept))).size).toBe(2)
  })

  it('keeps what a crash left in the write-ahead log of the ledger before', async () => {
    const file = await backup(1)
    const dir = dataDir()
    const writer = child('./busy-writer.ts', dir, '0', template)
    await writer.line()
    await sleep(300)
    await writer.kill()
    expect(statSync(join(dir, 'postern.db-wal')).size).toBeGreaterThan(0)
    await postern(dir, 'restore', file, '--force')
    expect(countUsage(dir)).toBe(1)
    const kept = await rowsOf(join(dir, keptIn(dir)[0] ?? ''))
    expect(acknowledged(dir).length).toBeGreaterThan(10)
    expect(acknowledged(dir).filter((name) => !kept.has(name))).toEqual([])
  })

  it('gives the journal to the ledger before, not to the restored one', async () => {
    const file = await backup(1)
    const dir = await ledger(0)
    const holder = child('./lock-holder.ts', dir)
    await holder.line()
    const writer = child('./busy-writer.ts', dir, '0', template)
    await writer.line()
    await sleep(300)
    await writer.kill()
    await holder.kill()
    expect(statSync(join(dir, 'ledger.journal')).size).toBeGreaterThan(0)
    await postern(dir, 'restore', file, '--force')
    expect(statSync(join(dir, 'ledger.journal')).size).toBe(0)
    expect(countUsage(dir)).toBe(1)
    const kept = await rowsOf(join(dir, keptIn(dir)[0] ?? ''))
    expect(acknowledged(dir).filter((name) => !kept.has(name))).toEqual([])
  })

  it('says in the restored ledger who restored it, as keys that were revoked are back', async () => {
    const from = await ledger(0)
    const { id } = JSON.parse(
      (await postern(from, 'key', 'create', '--login', 'ana', '--json')).out,
    )
    const file = join(from, 'copy.db')
    await postern(from, 'backup', file)
    await postern(from, 'key', 'revoke', id)
    const dir = dataDir()
    expect(await postern(dir, 'restore', file)).toMatchObject({ code: 0 })
    expect(askElsewhere(dir, 'SELECT revoked_at FROM keys')).toEqual([[null]])
    expect(askElsewhere(dir, 'SELECT action, target FROM audit ORDER BY id')).toEqual([
      ['key.create', id],
      ['ledger.restore', 'copy.db'],
    ])
  })

  it('restores a backup that is older than the audit, and says that it is not recorded', async () => {
    const from = await ledger(1)
    askElsewhere(from, 'DROP TABLE audit')
    askElsewhere(from, 'DELETE FROM schema_migrations WHERE version > 2')
    const file = join(from, 'copy.db')
    askElsewhere(from, `VACUUM INTO '${file}'`)
    const dir = dataDir()
    const { code, out, error } = await postern(dir, 'restore', file)
    expect([code, error]).toEqual([0, expect.stringContaining('this is not in the audit: ')])
    expect(out).toContain('schema version 2')
    expect(countUsage(dir)).toBe(1)
  })

  it('is refused while a gateway runs', { timeout: 20_000 }, async () => {
    const file = await backup(5)
    const dir = dataDir()
    await store({ dataDir: dir })
    const { code, error } = await postern(dir, 'restore', file, '--force')
    expect([code, error]).toEqual([1, expect.stringContaining('another gateway is running')])
    expect(countUsage(dir)).toBe(0)
  })

  it('is refused while anything else has the ledger open', async () => {
    const file = await backup(5)
    const dir = await ledger(2)
    const holder = child('./lock-holder.ts', dir)
    await holder.line()
    const { code, error } = await postern(dir, 'restore', file, '--force')
    expect([code, error]).toEqual([1, expect.stringContaining('in use by another process')])
    await holder.kill()
    expect(countUsage(dir)).toBe(2)
    expect(keptIn(dir)).toEqual([])
  })

  it('touches nothing for a file that is not a backup, damaged, too new or in use', async () => {
    const dir = await ledger(2)
    const garbage = join(dir, 'garbage.db')
    writeFileSync(garbage, Buffer.alloc(8192, 'no database '))
    const cut = join(dir, 'cut.db')
    const damaged = await backup(200)
    writeFileSync(cut, readFileSync(damaged).subarray(0, 40_000))
    writeFileSync(damaged, readFileSync(damaged).fill(0xff, 8192, 16_384))
    // Only whoever reads every page notices: nothing else asks for bans.
    const twisted = await backup(1)
    const [[page] = []] = askElsewhere(
      twisted,
      "SELECT rootpage FROM sqlite_schema WHERE name = 'bans'",
    )
    const end = Number(page) * 4096
    writeFileSync(twisted, readFileSync(twisted).fill(0xff, end - 4096, end))
    const later = await ledger(1)
    askElsewhere(later, "INSERT INTO schema_migrations VALUES (99, '0099-later.sql', 0)")
    const other = join(dir, 'other.db')
    askElsewhere(later, `VACUUM INTO '${other}'`)
    const used = join(dir, 'used.db')
    copyFileSync(await backup(1), used)
    writeFileSync(`${used}-wal`, 'rows')
    const own = join(dir, 'postern.db')
    for (const file of [
      garbage,
      cut,
      damaged,
      twisted,
      other,
      used,
      own,
      join(dir, 'missing.db'),
    ]) {
      const { code } = await postern(dir, 'restore', file, '--force')
      expect([file, code]).toEqual([file, 1])
      expect(countUsage(dir)).toBe(2)
    }
    expect(keptIn(dir)).toEqual([])
  })

  it('replaces a damaged ledger, and keeps it as it is', async () => {
    const file = await backup(5)
    const dir = dataDir()
    writeFileSync(join(dir, 'postern.db'), Buffer.alloc(8192, 'no database '))
    writeFileSync(join(dir, 'postern.db-wal'), 'its log')
    await postern(dir, 'restore', file, '--force')
    expect(countUsage(dir)).toBe(5)
    const kept = keptIn(dir)
    expect(kept.map((name) => name.replace(/^.*Z/, ''))).toEqual(['', '-shm', '-wal'])
    expect(readFileSync(join(dir, kept[0] ?? ''), 'latin1')).toContain('no database')
  })

  it('does not read a log with it that belongs to a ledger that is gone', async () => {
    const file = await backup(5)
    const dir = await ledger(1)
    const writer = child('./busy-writer.ts', dir, '0', template)
    await writer.line()
    await sleep(200)
    await writer.kill()
    rmSync(join(dir, 'postern.db'))
    expect(existsSync(join(dir, 'postern.db-wal'))).toBe(true)
    expect(await postern(dir, 'restore', file)).toMatchObject({ code: 0 })
    expect(countUsage(dir)).toBe(5)
    expect(askElsewhere(dir, 'PRAGMA integrity_check')).toEqual([['ok']])
  })

  it.each(['copying', 'checking', 'setting aside', 'swapping', 'done'])(
    'leaves the old or the new ledger whole when it is killed at %s',
    async (step) => {
      const file = await backup(50)
      const dir = dataDir()
      const writer = child('./busy-writer.ts', dir, '0', template)
      await writer.line()
      await sleep(100)
      await writer.kill()
      const restoring = child('../cli/restore-killed.ts', dir, file, step)
      await expect(restoring.line()).rejects.toThrow()
      expect(restoring.process.signalCode ?? 'SIGKILL').toBe('SIGKILL')
      const reopened = await store({ dataDir: dir })
      await reopened.recordUsage(usageRow())
      expect(askElsewhere(dir, 'PRAGMA integrity_check')).toEqual([['ok']])
      const names = new Set(
        askElsewhere(dir, 'SELECT id FROM usage UNION SELECT address FROM bans').flat(),
      )
      const isOld = acknowledged(dir).every((name) => names.has(name))
      expect(isOld ? 'old' : names.size).toBe(step === 'done' ? 51 : 'old')
      await reopened.close()
      expect(await postern(dir, 'restore', file, '--force')).toMatchObject({ code: 0 })
      expect(countUsage(dir)).toBe(50)
    },
  )
})

describe('postern migrate', () => {
  it('makes a ledger, and has nothing to do the second time', async () => {
    const dir = dataDir()
    const { out } = await postern(dir, 'migrate')
    expect(out).toMatch(/^applied 0001-ledger\.sql\n(applied .+\n)+now at schema version \d+\n$/)
    expect((await postern(dir, 'migrate')).out).toMatch(/^up to date: schema version \d+\n$/)
    const writer = await store({ dataDir: dir })
    await Promise.all(usageRows(2).map((row) => writer.recordUsage(row)))
    expect((await postern(dir, 'migrate')).out).toContain('up to date')
  })

  it('leaves a ledger to the gateway that uses it, and to the newer one that wrote it', async () => {
    const dir = await ledger(1)
    askElsewhere(dir, 'UPDATE schema_migrations SET version = version + 90 WHERE version = 1')
    expect(await postern(dir, 'migrate')).toMatchObject({
      code: 1,
      error: expect.stringContaining('newer Postern'),
    })
    const used = dataDir()
    await store({ dataDir: used })
    askElsewhere(used, 'DELETE FROM schema_migrations WHERE version > 7')
    expect(await postern(used, 'migrate')).toMatchObject({
      code: 1,
      error: expect.stringContaining('another gateway'),
    })
  }, 20_000)
})
