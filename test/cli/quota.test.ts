import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Refill } from '../../src/platform/records/balance.ts'
import { dataDir, query, store, usageRow } from '../store/fixtures.ts'
import { postern } from './ledger-commands.ts'

const quotas = {
  'day:<user>': { capacity: '$10.00', rate: '$5.00/day' },
  team: { capacity: '$500.00' },
  burst: { capacity: '100k tokens', rate: '100k tokens/min' },
  lane: { capacity: '4 concurrent' },
}

const charge = (holder: string, amount: number) => ({
  quota: 'day:<user>',
  holder,
  unit: 'dollars',
  amount,
  capacity: 10_000_000_000,
  rate: 0,
  at: Date.now(),
})

/** A ledger in which two people spent something, and the configuration beside it. */
const ledger = async (): Promise<string> => {
  const dir = dataDir()
  writeFileSync(join(dir, 'postern.hujson'), JSON.stringify({ quotas }))
  const open = await store({ dataDir: dir })
  await open.recordUsage(usageRow(), [charge('ana@example.com', 8_500_000_000)])
  await open.recordUsage(usageRow(), [charge('bo@example.com', 12_000_000_000)])
  await open.close()
  return dir
}

const listed = async (dir: string): Promise<Record<string, unknown>[]> =>
  JSON.parse((await postern(dir, 'quota', 'list', '--json')).out)

const ofAna = async (dir: string) =>
  (await listed(dir)).find(({ bucket }) => bucket === 'day:ana@example.com')

describe('postern quota list', () => {
  it('shows every bucket, of people who spent something and of everybody, in an aligned table', async () => {
    const { out } = await postern(await ledger(), 'quota', 'list')
    const lines = out.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^BUCKET +LEFT +OF {2}FILLS BY +SPENT$/)
    const row = (name: string) => lines.find((line) => line.startsWith(name)) ?? ''
    expect(row('day:ana@example.com')).toMatch(/ \$1\.50\d* +\$10\.00 {2}\$5\.00\/day +\$8\.50$/)
    expect(row('day:bo@example.com')).toMatch(/ -\$\d\.\d+ +\$10\.00 /)
    expect(row('team')).toMatch(/ \$500\.00 +\$500\.00 {2}- +\$0\.00$/)
    expect(row('burst')).toMatch(/ 100,000 tokens +100,000 tokens {2}100k tokens\/min +0 tokens$/)
    expect(row('lane')).toMatch(/ 4 concurrent +4 concurrent /)
  })

  it('shows what flowed in since', async () => {
    const dir = await ledger()
    await query(dir, 'UPDATE quotas SET at = at - 43200000')
    expect((await ofAna(dir))?.balance).toBeGreaterThanOrEqual(4_000_000_000)
  })

  it('says so where there are none', async () => {
    const dir = dataDir()
    await (await store({ dataDir: dir })).close()
    expect((await postern(dir, 'quota', 'list')).out).toBe('there are no budgets\n')
  })
})

describe('postern quota refill', () => {
  it('puts something back while no gateway runs, and the next one has it', async () => {
    const dir = await ledger()
    const { out } = await postern(dir, 'quota', 'refill', 'day:ana@example.com', '$2.00')
    expect(out).toMatch(/^day:ana@example\.com has \$3\.50\d* of \$10\.00 left\n$/)
    expect(Math.floor(Number((await ofAna(dir))?.balance) / 1e8)).toBe(35)
    const told: Refill[] = []
    const next = await store({ dataDir: dir })
    next.onQuotas({ kept: ({ refills }) => told.push(...refills), refills: () => {} })
    expect(told).toMatchObject([{ holder: 'ana@example.com', amount: 2_000_000_000 }])
  })

  it('reaches a running gateway within a second', async () => {
    const dir = await ledger()
    const running = await store({ dataDir: dir })
    const told = new Promise<readonly Refill[]>((resolve) =>
      running.onQuotas({ kept: () => {}, refills: resolve }),
    )
    await postern(dir, 'quota', 'refill', 'day:ana@example.com', '$2.00')
    const from = performance.now()
    expect(await told).toMatchObject([{ holder: 'ana@example.com', amount: 2_000_000_000 }])
    expect(performance.now() - from).toBeLessThan(1000)
  })

  it('takes one that was never used, which stays full', async () => {
    const { out } = await postern(await ledger(), 'quota', 'refill', 'day:eve@example.com', '$1.00')
    expect(out).toBe('day:eve@example.com has $10.00 of $10.00 left\n')
  })

  it('never fills beyond the rim', async () => {
    const { out } = await postern(await ledger(), 'quota', 'refill', 'day:ana@example.com', '$99')
    expect(out).toBe('day:ana@example.com has $10.00 of $10.00 left\n')
  })

  it.each([
    [['week:ana@example.com', '$1.00'], 1, 'no quota is called week:ana@example.com'],
    [['day:ana@example.com', '500 requests'], 1, '500 requests cannot be put in'],
    [['lane', '1 concurrent'], 1, 'cannot be put in'],
    [['day:ana@example.com', 'plenty'], 2, 'Give an amount'],
  ])('refuses %j', async (args, code, error) => {
    const dir = await ledger()
    expect(await postern(dir, 'quota', 'refill', ...args)).toMatchObject({
      code,
      error: expect.stringContaining(error),
    })
    expect(await query(dir, 'SELECT count(*) FROM quota_refills')).toEqual([[0]])
  })
})
