import { createClient } from '@libsql/client'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { startLibsqlServer } from '../support/libsql-server.ts'
import { relay } from '../support/relay.ts'
import { ban, dataDir, store, usageRow, usageRows } from './fixtures.ts'

const soon = { timeout: 10_000, interval: 20 }

const countOn = async (url: string): Promise<unknown> => {
  const client = createClient({ url, authToken: 'token' })
  onTestFinished(() => client.close())
  return (await client.execute('SELECT count(*) FROM usage')).rows[0]?.[0]
}

describe('a ledger on a server', () => {
  it('is written, read back and watched like a file', async () => {
    const server = await startLibsqlServer({ authToken: 'token' })
    onTestFinished(() => server.close())
    const options = { url: server.url, authToken: 'token', dataDir: dataDir() }
    const first = await store(options)
    const kept = ban()
    await Promise.all([...usageRows(300).map((row) => first.recordUsage(row)), first.saveBan(kept)])
    // A row is acknowledged once it is safe, on the server or in the journal.
    await vi.waitFor(async () => expect(await countOn(server.url)).toBe(300), soon)
    await first.close()
    expect(await (await store(options)).loadBans()).toEqual([kept])
  })

  it.each(['drops', 'hangs', 'fails'] as const)(
    'that %s holds up no acknowledgement, and gets each row once when it is back',
    { timeout: 40_000 },
    async (fault) => {
      const server = await startLibsqlServer({ authToken: 'token' })
      onTestFinished(() => server.close())
      const { url, become } = await relay(server.url)
      const ledger = await store({ url, authToken: 'token', dataDir: dataDir() })
      await ledger.recordUsage(usageRow())
      await vi.waitFor(async () => expect(await countOn(server.url)).toBe(1), soon)
      become(fault)
      const from = performance.now()
      await Promise.all(usageRows(100).map((row) => ledger.recordUsage(row)))
      await Promise.all(usageRows(100).map((row) => ledger.recordUsage(row)))
      expect(performance.now() - from).toBeLessThan(3000)
      expect(await countOn(server.url)).toBe(1)
      become('up')
      await vi.waitFor(async () => expect(await countOn(server.url)).toBe(201), {
        ...soon,
        timeout: 25_000,
      })
      await vi.waitFor(() => expect(ledger.healthy()).toBe(true), soon)
    },
  )

  it('that is away at the start does not stop it, and brings bans and keys when it comes', async () => {
    const server = await startLibsqlServer({ authToken: 'token' })
    onTestFinished(() => server.close())
    const kept = ban()
    const before = await store({ url: server.url, authToken: 'token', dataDir: dataDir() })
    await before.saveBan(kept)
    const { url, become } = await relay(server.url, 'drops')
    const ledger = await store({ url, authToken: 'token', dataDir: dataDir() })
    expect(await ledger.loadBans()).toEqual([])
    await expect(ledger.loadKeys()).rejects.toThrow('did not answer')
    const keys = new Promise((resolve) => ledger.onKeysChanged(resolve))
    const told = new Promise((resolve) => ledger.onBansChanged(resolve))
    await ledger.recordUsage(usageRow())
    await vi.waitFor(() => expect(ledger.healthy()).toBe(false), soon)
    become('up')
    expect(await told).toEqual([kept])
    expect(await keys).toEqual({ keys: [], signers: [] })
    await vi.waitFor(async () => expect(await countOn(server.url)).toBe(1), soon)
  })
})
