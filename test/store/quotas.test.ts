import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClient } from '@libsql/client'
import type { BatchItem } from 'drizzle-orm/batch'
import { drizzle } from 'drizzle-orm/libsql'
import { describe, expect, it, onTestFinished } from 'vitest'
import { migrate } from '../../src/ledger/store/migrate.ts'
import {
  changeStatements,
  chargeStatements,
  insertRefill,
  selectQuotas,
} from '../../src/ledger/store/quotas.ts'
import type { Database } from '../../src/ledger/store/schema.ts'
import { usageStatements } from '../../src/ledger/store/usage/usage.ts'
import type { Charge, Refill } from '../../src/platform/records/balance.ts'
import { startLibsqlServer } from '../support/libsql-server.ts'
import { child, countUsage, dataDir, query, store, usageRow } from './fixtures.ts'

const folder = new URL('../../src/ledger/store/migrations/', import.meta.url)
const migrations = readdirSync(folder).map((name) => ({
  name,
  sql: readFileSync(new URL(name, folder), 'utf8'),
}))

const open = async (url: string): Promise<Database> => {
  const client = createClient({ url, intMode: 'number' })
  onTestFinished(() => client.close())
  const db = drizzle({ client })
  await migrate(db, migrations)
  return db
}

const places = [
  ['a file', () => open(`file:${join(dataDir(), 'postern.db')}`)],
  [
    'a server',
    async () => {
      const server = await startLibsqlServer({})
      onTestFinished(() => server.close())
      return open(server.url)
    },
  ],
] as const

const charge = (changes: Partial<Charge> = {}): Charge => ({
  quota: 'day:<user>',
  holder: 'alice',
  unit: 'dollars',
  amount: 300,
  capacity: 1000,
  rate: 0,
  at: 10_000,
  ...changes,
})

const refill = (changes: Partial<Refill> = {}): Refill => ({
  id: 'r1',
  quota: 'day:<user>',
  holder: 'alice',
  amount: 200,
  at: 10_000,
  ...changes,
})

const write = async (db: Database, statements: readonly BatchItem<'sqlite'>[]) => {
  const [first, ...rest] = statements
  if (first) await db.batch([first, ...rest])
}

const pay = (db: Database, id: string, ...charges: Charge[]) =>
  write(db, [
    ...chargeStatements(db, [{ row: id, charges }]),
    ...usageStatements(db, [usageRow({ id })]),
  ])

const kept = async (db: Database, since = 0) => (await selectQuotas(db, since)).balances

describe.each(places)('buckets in %s', (_, place) => {
  it('begin full, and each charge counts', async () => {
    const db = await place()
    await pay(db, 'a', charge())
    await pay(db, 'b', charge({ amount: 50 }), charge({ quota: 'team', holder: '', amount: 50 }))
    expect(await kept(db)).toMatchObject([
      { quota: 'day:<user>', holder: 'alice', balance: 650, spent: 350, capacity: 1000 },
      { quota: 'team', holder: '', balance: 950, spent: 50 },
    ])
  })

  it('are charged for a row once, however often it is written', async () => {
    const db = await place()
    for (const _attempt of [1, 2, 3]) await pay(db, 'a', charge())
    expect(await kept(db)).toMatchObject([{ balance: 700, spent: 300 }])
  })

  it('are charged for many rows at once as for one after the other, but for rows that are there', async () => {
    const charges = [
      charge({ rate: 0.1 }),
      charge({ amount: 1, rate: 0.1, at: 11_000 }),
      charge({ holder: 'bob', amount: 5, at: 12_000 }),
      charge({ amount: 900, rate: 0.1, at: 12_500 }),
      charge({ holder: 'bob', unit: 'tokens', amount: 7, capacity: 50, at: 13_000 }),
      charge({ amount: 0, rate: 0.1, at: 40_000 }),
    ]
    const [together, alone] = [await place(), await place()]
    for (const db of [together, alone]) await pay(db, 'there', charge({ amount: 3 }))
    for (const [at, each] of charges.entries()) await pay(alone, `row-${at}`, each)
    const rows = charges.map((each, at) => ({ row: `row-${at}`, charges: [each] }))
    await write(together, chargeStatements(together, [{ row: 'there', charges }, ...rows]))
    expect(await kept(together)).toEqual(await kept(alone))
    expect(await kept(together)).toMatchObject([{ holder: 'alice', spent: 1204 }, { spent: 7 }])
  })

  it('are kept under the new name of their holder from its next charge on', async () => {
    const db = await place()
    await pay(db, 'a', charge({ holder: 'laptop' }))
    const renamed = charge({ holder: 'nLaptop', formerly: 'laptop', amount: 50 })
    // Written twice, as after a crash.
    for (const _attempt of [1, 2]) await pay(db, 'b', renamed)
    expect(await kept(db)).toMatchObject([{ holder: 'nLaptop', balance: 650, spent: 350 }])
    // One that is there under its new name already is left as it is.
    await pay(db, 'c', charge({ holder: 'laptop', amount: 1 }))
    await pay(db, 'd', renamed)
    expect(await kept(db)).toMatchObject([
      { holder: 'laptop', balance: 999 },
      { holder: 'nLaptop', balance: 600 },
    ])
  })

  it('fill between charges, up to what they hold, by what was in force then', async () => {
    const db = await place()
    await pay(db, 'a', charge({ rate: 0.1 }))
    await pay(db, 'b', charge({ amount: 1, rate: 0.1, at: 11_000 }))
    expect(await kept(db)).toMatchObject([{ balance: 799, at: 11_000 }])
    await pay(db, 'c', charge({ amount: 1, rate: 0.1, at: 99_000 }))
    expect(await kept(db)).toMatchObject([{ balance: 999 }])
  })

  it('never fill twice when a clock goes back', async () => {
    const db = await place()
    await pay(db, 'a', charge({ rate: 0.01 }))
    await pay(db, 'b', charge({ amount: 0, rate: 0.01, at: 20_000 }))
    await pay(db, 'c', charge({ amount: 0, rate: 0.01, at: 12_000 }))
    await pay(db, 'd', charge({ amount: 0, rate: 0.01, at: 20_000 }))
    expect(await kept(db)).toMatchObject([{ balance: 800, at: 20_000 }])
  })

  it('go below zero', async () => {
    const db = await place()
    await pay(db, 'a', charge({ amount: 5000 }))
    expect(await kept(db)).toMatchObject([{ balance: -4000 }])
  })

  it('begin anew when they count something else', async () => {
    const db = await place()
    await pay(db, 'a', charge())
    await pay(db, 'b', charge({ unit: 'tokens', amount: 7, capacity: 50 }))
    expect(await kept(db)).toMatchObject([{ unit: 'tokens', balance: 43, spent: 7, capacity: 50 }])
  })

  it('are refilled once, up to what they hold, by whoever comes first', async () => {
    const db = await place()
    await pay(db, 'a', charge())
    await insertRefill(db, refill())
    expect((await selectQuotas(db, 0)).refills).toEqual([refill()])
    for (const _gateway of [1, 2]) await write(db, changeStatements(db, { refilled: [refill()] }))
    expect(await selectQuotas(db, 0)).toMatchObject({ balances: [{ balance: 900 }], refills: [] })
    await insertRefill(db, refill({ id: 'r2' }))
    await write(db, changeStatements(db, { refilled: [refill({ id: 'r2' })] }))
    expect(await kept(db)).toMatchObject([{ balance: 1000, spent: 300 }])
  })

  it('lose nothing when a refill or a definition comes by a clock that is behind', async () => {
    const db = await place()
    await pay(db, 'a', charge({ rate: 0.1 }))
    await insertRefill(db, refill({ at: 9000 }))
    await write(db, changeStatements(db, { refilled: [refill({ at: 9000 })] }))
    expect(await kept(db)).toMatchObject([{ balance: 900, at: 10_000 }])
    const redefined = { quota: 'day:<user>', unit: 'dollars', capacity: 2000, rate: 0, at: 9000 }
    await write(db, changeStatements(db, { redefined: [redefined] }))
    expect(await kept(db)).toMatchObject([{ balance: 900, at: 10_000 }])
  })

  it('keep what fits of a new definition, and fill by the old one until then', async () => {
    const db = await place()
    await pay(db, 'a', charge({ rate: 0.1 }))
    const redefined = { quota: 'day:<user>', unit: 'dollars', capacity: 750, rate: 0, at: 10_200 }
    await write(db, changeStatements(db, { redefined: [redefined] }))
    expect(await kept(db)).toMatchObject([{ balance: 720, capacity: 750, rate: 0 }])
    await write(db, changeStatements(db, { redefined: [{ ...redefined, capacity: 100 }] }))
    await write(db, changeStatements(db, { redefined: [{ ...redefined, capacity: 5000 }] }))
    expect(await kept(db)).toMatchObject([{ balance: 100, capacity: 5000 }])
  })

  it('go with their quota, those of others stay', async () => {
    const db = await place()
    await pay(db, 'a', charge(), charge({ quota: 'team', holder: '' }))
    await insertRefill(db, refill())
    await write(db, changeStatements(db, { dropped: ['day:<user>'] }))
    expect(await selectQuotas(db, 0)).toMatchObject({ balances: [{ quota: 'team' }], refills: [] })
  })

  it('are told of when something happened to them lately', async () => {
    const db = await place()
    await pay(db, 'a', charge())
    await pay(db, 'b', charge({ holder: 'bob', at: 20_000 }))
    expect(await kept(db, 15_000)).toMatchObject([{ holder: 'bob' }])
  })
})

describe('what a request takes out of a bucket', () => {
  const inFile = (dir: string) => query(dir, 'SELECT holder, balance, spent FROM quotas')

  it('waits in the journal with its row while the database is locked, and counts once', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir })
    const holder = child('./lock-holder.ts', dir)
    await holder.line()
    const row = usageRow()
    await ledger.recordUsage(row, [charge()])
    // The same once more, as a thread that died may leave it in the journal twice.
    await ledger.recordUsage(row, [charge()])
    await ledger.recordUsage(usageRow(), [charge({ amount: 1 })])
    expect(await countUsage(dir)).toBe(0)
    await holder.kill()
    await expect.poll(() => countUsage(dir), { timeout: 5000 }).toBe(2)
    expect(await inFile(dir)).toEqual([['alice', 699, 301]])
  })

  it('is told to the next gateway before its first request', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir })
    await ledger.recordUsage(usageRow(), [charge()])
    await ledger.close()
    const next = await store({ dataDir: dir })
    const told: unknown[] = []
    next.onQuotas({ kept: ({ balances }) => told.push(...balances), refills: () => {} })
    expect(told).toMatchObject([{ holder: 'alice', balance: 700 }])
    expect([ledger.shared, next.shared]).toEqual([false, false])
  })

  it('is counted though another row of its batch is refused', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir })
    const broken = usageRow({ login: null as never })
    const writes = [
      ledger.recordUsage(usageRow(), [charge()]),
      ledger.recordUsage(broken, [charge({ amount: 5 })]),
      ledger.recordUsage(usageRow(), [charge({ amount: 1 })]),
    ]
    const outcomes = await Promise.allSettled(writes)
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await inFile(dir)).toEqual([['alice', 699, 301]])
  })
})
