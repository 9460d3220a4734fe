import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Worker } from 'node:worker_threads'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { StoreFull } from '../../src/adapter/node/store/store.ts'
import {
  ban,
  child,
  countUsage,
  dataDir,
  failureRow,
  query,
  store,
  usageRow,
  usageRows,
} from './fixtures.ts'

const LOCKED_MS = Number(process.env.POSTERN_TEST_LOCK_MS ?? 3000)

const soon = { timeout: 10_000, interval: 20 }

describe('a database that another process locks', () => {
  it('delays no acknowledgement, stalls no event loop and gets every row once', {
    timeout: LOCKED_MS + 30_000,
  }, async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir })
    await ledger.recordUsage(usageRow())
    const holder = child('./lock-holder.ts', dir)
    await holder.line()

    const loop = monitorEventLoopDelay({ resolution: 5 })
    loop.enable()
    const acks: number[] = []
    const from = performance.now()
    let rows = 1
    while (performance.now() - from < LOCKED_MS) {
      const sent = performance.now()
      await Promise.all(usageRows(20).map((row) => ledger.recordUsage(row)))
      acks.push(performance.now() - sent)
      rows += 20
    }
    loop.disable()
    expect(Math.max(...acks)).toBeLessThan(1500)
    expect(loop.max / 1e6).toBeLessThan(1000)
    expect(ledger.healthy()).toBe(false)
    expect(await countUsage(dir)).toBe(1)
    expect(statSync(`${dir}/ledger.journal`).size).toBeGreaterThan(0)

    holder.process.stdin?.end()
    await holder.line()
    await vi.waitFor(async () => expect(await countUsage(dir)).toBe(rows), soon)
    await vi.waitFor(() => expect(ledger.healthy()).toBe(true), soon)
    await vi.waitFor(() => expect(statSync(`${dir}/ledger.journal`).size).toBe(0), soon)
    await ledger.recordUsage(usageRow())
    expect(await countUsage(dir)).toBe(rows + 1)
    const events = ledger.logged.map(({ evt }) => evt)
    expect(events.filter((evt) => evt === 'ledger.database.lost')).toHaveLength(1)
    expect(events.filter((evt) => evt === 'ledger.database.back')).toHaveLength(1)
    if (process.env.POSTERN_TEST_LOCK_MS) {
      console.log({ rows, slowestAck: Math.max(...acks), longestGap: loop.max / 1e6 })
    }
  })

  it('keeps rows for the next start when it is still locked at the end', async () => {
    const dir = dataDir()
    const first = await store({ dataDir: dir })
    const holder = child('./lock-holder.ts', dir)
    await holder.line()
    await Promise.all(usageRows(30).map((row) => first.recordUsage(row)))
    await first.close()
    expect(await countUsage(dir)).toBe(0)
    await holder.kill()
    await store({ dataDir: dir })
    expect(await countUsage(dir)).toBe(30)
  })

  it('turns rows away, and says so once, only when memory and journal are full', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir, maxRows: 10, journalBytes: 5000 })
    const holder = child('./lock-holder.ts', dir)
    await holder.line()
    const fate = await Promise.all(
      usageRows(5).map((row) => ledger.recordUsage(row).then(() => 'kept')),
    )
    expect(fate).toEqual(Array(5).fill('kept'))

    const waiting = usageRows(10).map((row) => ledger.recordUsage(row))
    await expect(ledger.recordUsage(usageRow())).rejects.toThrow(StoreFull)
    await expect(ledger.recordUsage(usageRow())).rejects.toThrow(StoreFull)
    expect(ledger.counters().shed).toBe(2)
    expect(ledger.logged.filter(({ evt }) => evt === 'ledger.shed')).toHaveLength(1)

    holder.process.stdin?.end()
    await Promise.all(waiting)
    await vi.waitFor(async () => expect(await countUsage(dir)).toBe(15), soon)
  })

  it('lets refused attempts fill only half of the room', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir, maxRows: 10, journalBytes: 1 })
    const holder = child('./lock-holder.ts', dir)
    await holder.line()
    const waiting = Array.from({ length: 5 }, () => ledger.recordAuthFailure(failureRow()))
    await expect(ledger.recordAuthFailure(failureRow())).rejects.toThrow(StoreFull)
    waiting.push(ledger.recordUsage(usageRow()))
    holder.process.stdin?.end()
    await Promise.all(waiting)
  })
})

describe('a database that cannot be used', () => {
  it('refuses to start on a file that is not a database, and leaves it as it is', async () => {
    const dir = dataDir()
    const garbage = Buffer.alloc(8192, 'not a database ')
    writeFileSync(`${dir}/postern.db`, garbage)
    await expect(store({ dataDir: dir })).rejects.toThrow(/postern\.db is damaged or no database/)
    expect(readFileSync(`${dir}/postern.db`).equals(garbage)).toBe(true)
  })

  it('refuses to start on the schema of a newer version', async () => {
    const dir = dataDir()
    await (await store({ dataDir: dir })).close()
    await query(dir, "INSERT INTO schema_migrations VALUES (99, '0099-later.sql', 0)")
    await expect(store({ dataDir: dir })).rejects.toThrow(/schema version 99.*newer Postern/)
  })

  it('refuses a second gateway with the same data directory', { timeout: 20_000 }, async () => {
    const dir = dataDir()
    await store({ dataDir: dir })
    await expect(store({ dataDir: dir })).rejects.toThrow(/another gateway is running/)
  })
})

describe('rows that come wrong or twice', () => {
  it('writes a row once, however often its id comes', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir })
    const row = usageRow({ inputTokens: 1 })
    await Promise.all([row, row, { ...row, inputTokens: 2 }].map((row) => ledger.recordUsage(row)))
    expect(await query(dir, 'SELECT count(*), sum(input_tokens) FROM usage')).toEqual([[1, 1]])
  })

  it('refuses the row the database will never take, and keeps the others of its batch', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir })
    const broken = usageRow({ durationMs: Number.NaN, login: null as unknown as string })
    const outcomes = await Promise.allSettled(
      [usageRow(), broken, usageRow()].map((row) => ledger.recordUsage(row)),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await countUsage(dir)).toBe(2)
    expect(ledger.healthy()).toBe(true)
  })

  it('keeps rows whose text is hostile, and can read them back', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir })
    const models = [
      '\ud800lone',
      'nul\u0000l',
      "'); DROP TABLE usage; --",
      '\u2028\u001b[2J',
      '😀'.repeat(5000),
    ]
    await Promise.all(models.map((model) => ledger.recordUsage(usageRow({ model }))))
    const kept = (await query(dir, 'SELECT model FROM usage')).map(([model]) => model)
    // SQLite keeps what follows a NUL, its C interface does not hand it out.
    const readable = models.map((model) => model.toWellFormed().replace('\u0000l', ''))
    expect(new Set(kept)).toEqual(new Set(readable))
  })

  it('replays a journal of an older version, whose rows had fewer columns', async () => {
    const dir = dataDir()
    const { cacheWriteTokens: _, costBasis: __, ...older } = usageRow()
    writeFileSync(`${dir}/ledger.journal`, `${JSON.stringify({ usage: older })}\n`)
    await store({ dataDir: dir })
    const kept = await query(dir, 'SELECT cache_write_tokens, cost_basis FROM usage')
    expect(kept).toEqual([[0, null]])
  })

  it('sets a line of the journal that no database takes aside, and replays the rest', async () => {
    const dir = dataDir()
    const lines = [JSON.stringify({ usage: usageRow() }), '{"usage":{"id":"x"}}', '}{']
    writeFileSync(`${dir}/ledger.journal`, `${lines.join('\n')}\n{"usage":{"id":"torn`)
    await store({ dataDir: dir })
    expect(await countUsage(dir)).toBe(1)
    expect(readFileSync(`${dir}/ledger.rejected`, 'utf8')).toBe(`${lines.slice(1).join('\n')}\n`)
    expect(statSync(`${dir}/ledger.journal`).size).toBe(0)
  })

  it('replays a journal that was replayed before without doubling a row', async () => {
    const dir = dataDir()
    const journal = `${usageRows(500)
      .map((usage) => JSON.stringify({ usage }))
      .join('\n')}\n`
    for (let run = 0; run < 2; run++) {
      writeFileSync(`${dir}/ledger.journal`, journal)
      await (await store({ dataDir: dir })).close()
    }
    expect(await countUsage(dir)).toBe(500)
  })
})

describe('the bans of a running gateway', () => {
  it('follow what another process changes within a second', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir })
    await ledger.saveBan(ban({ address: '192.0.2.1' }))
    const told = new Promise<readonly string[]>((resolve) =>
      ledger.onBansChanged((bans) => resolve(bans.map(({ address }) => address).sort())),
    )
    const from = performance.now()
    await query(
      dir,
      "INSERT INTO bans VALUES ('203.0.113.0/24', 'admin', 1, 1, NULL, 'by another process')",
    )
    expect(await told).toEqual(['192.0.2.1', '203.0.113.0/24'])
    expect(performance.now() - from).toBeLessThan(1000)
  })

  it('come back from an earlier run, without those that lapsed long ago', async () => {
    const dir = dataDir()
    const first = await store({ dataDir: dir })
    const kept = ban({ until: Date.now() - 60_000 })
    await first.saveBan(kept)
    await first.saveBan(ban({ address: '192.0.2.2', startedAt: 0, until: 1 }))
    await first.close()
    const second = await store({ dataDir: dir })
    expect(await second.loadBans()).toEqual([kept])
  })
})

describe('a database file', () => {
  it.each(['taken away', 'replaced'])(
    'that is %s is noticed, and what comes after is in the new one',
    async (what) => {
      const dir = dataDir()
      const other = dataDir()
      await (await store({ dataDir: other })).close()
      const ledger = await store({ dataDir: dir })
      await ledger.recordUsage(usageRow())
      for (const file of ['postern.db', 'postern.db-wal', 'postern.db-shm']) {
        rmSync(`${dir}/${file}`, { force: true })
      }
      if (what === 'replaced') renameSync(`${other}/postern.db`, `${dir}/postern.db`)
      const lost = () => ledger.logged.map(({ evt }) => evt).includes('ledger.database.lost')
      await vi.waitFor(() => expect(lost()).toBe(true), soon)
      await ledger.recordUsage(usageRow())
      await vi.waitFor(async () => expect(await countUsage(dir)).toBe(1), soon)
    },
  )
})

describe('the thread', () => {
  it('is started again when it dies, and writes what it had not acknowledged', async () => {
    const dir = dataDir()
    const post = vi.spyOn(Worker.prototype, 'postMessage')
    onTestFinished(() => post.mockRestore())
    const ledger = await store({ dataDir: dir })
    await ledger.recordUsage(usageRow())
    const [thread] = post.mock.contexts as Worker[]
    const died = thread?.terminate()
    const written = usageRows(300).map((row) => ledger.recordUsage(row))
    await died
    await Promise.all([...written, ...usageRows(10).map((row) => ledger.recordUsage(row))])
    expect(await countUsage(dir)).toBe(311)
    expect(ledger.counters().waiting).toBe(0)
    await vi.waitFor(() => expect(ledger.healthy()).toBe(true), soon)
  })
})

describe('closing', () => {
  it('writes what was recorded just before, and takes nothing after', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir })
    const written = Promise.all(usageRows(450).map((row) => ledger.recordUsage(row)))
    await ledger.close()
    await written
    await expect(ledger.recordUsage(usageRow())).rejects.toThrow(/closed/)
    expect(await countUsage(dir)).toBe(450)
  })
})
