import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { ban, child, dataDir, query, store, usageRow } from './fixtures.ts'

const KILLS = Number(process.env.POSTERN_TEST_KILLS ?? 5)

const keptIn = async (dir: string): Promise<Set<unknown>> => {
  const rows = await query(dir, 'SELECT id FROM usage UNION ALL SELECT address FROM bans')
  return new Set(rows.map(([value]) => value))
}

describe('the ledger under kill -9', () => {
  it('keeps every acknowledged row and ban, and stays intact', { timeout: 120_000 }, async () => {
    const dir = dataDir()
    const template = JSON.stringify({ row: usageRow(), ban: ban() })
    for (let run = 0; run < KILLS; run++) {
      const writer = child('./busy-writer.ts', dir, String(run), template)
      await writer.line()
      await sleep(50 + Math.random() * 400)
      await writer.kill()
    }
    const reopened = await store({ dataDir: dir })
    const acked = readFileSync(`${dir}/acked`, 'utf8').trimEnd().split('\n')
    const kept = await keptIn(dir)
    expect(acked.length).toBeGreaterThan(KILLS * 20)
    expect(acked.filter((id) => !kept.has(id))).toEqual([])
    expect(await query(dir, 'PRAGMA integrity_check')).toEqual([['ok']])
    const loaded = new Set((await reopened.loadBans()).map(({ address }) => address))
    const ackedBans = acked.filter((id) => id.includes('.'))
    expect(ackedBans.length).toBeGreaterThan(0)
    expect(ackedBans.filter((address) => !loaded.has(address))).toEqual([])
  })

  it('loses nothing that waits in the journal because the database is locked', async () => {
    const dir = dataDir()
    await (await store({ dataDir: dir })).close()
    const holder = child('./lock-holder.ts', dir)
    await holder.line()
    const template = JSON.stringify({ row: usageRow(), ban: ban() })
    const writer = child('./busy-writer.ts', dir, '0', template)
    await writer.line()
    await sleep(500)
    await writer.kill()
    const acked = readFileSync(`${dir}/acked`, 'utf8').trimEnd().split('\n')
    expect(acked.length).toBeGreaterThan(100)
    expect(await query(dir, 'SELECT id FROM usage')).toEqual([])
    await holder.kill()

    const reopened = await store({ dataDir: dir })
    const kept = await keptIn(dir)
    expect(acked.filter((id) => !kept.has(id))).toEqual([])
    expect((await reopened.loadBans()).length).toBeGreaterThan(0)
  })
})
