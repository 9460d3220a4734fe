import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Capture, Retention } from '../../src/platform/records/captured.ts'
import { askElsewhere } from '../store/elsewhere.ts'
import { dataDir, store, type TestStore, usageRow } from '../store/fixtures.ts'
import { startLibsqlServer } from '../support/libsql-server.ts'

const HOUR = 3_600_000

const retention = (changes: Partial<Retention> = {}): Retention => ({
  duration: HOUR,
  purge: ['captures'],
  requireExport: false,
  ...changes,
})

const capture = (id: string, hours: number, changes: Partial<Capture> = {}): Capture => ({
  id,
  at: Date.now() - hours * HOUR,
  request: `request-of-${id}`,
  response: `response-of-${id}`,
  tools: null,
  ...changes,
})

const idsIn = (dir: string) => askElsewhere(dir, 'SELECT id FROM captures ORDER BY id').flat()

const until = (check: () => void | Promise<void>) =>
  vi.waitFor(check, { timeout: 15_000, interval: 200 })

const isAnywhere = (dir: string, text: string): string[] =>
  readdirSync(dir).filter((name) => readFileSync(join(dir, name), 'latin1').includes(text))

const keep = async (ledger: TestStore, ...captures: Capture[]): Promise<void> => {
  await Promise.all(captures.map(({ id }) => ledger.recordUsage(usageRow({ id }))))
  await Promise.all(captures.map((each) => ledger.saveCapture(each)))
}

describe('captures in the ledger', { timeout: 30_000 }, () => {
  it('go when they are old enough, and the rows stay', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir })
    await keep(ledger, capture('old', 1.01), capture('young', 0.9))
    ledger.keepCaptures(retention())
    await until(() => expect(idsIn(dir)).toEqual(['young']))
    expect(askElsewhere(dir, 'SELECT id FROM usage ORDER BY id')).toEqual([['old'], ['young']])
    expect(await ledger.ask('capture', { id: 'old' })).toBe(null)
    expect(await ledger.ask('capture', { id: 'young' })).toMatchObject({ tools: null })
  })

  it('stay as long as nothing says how long', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir })
    await keep(ledger, capture('old', 2))
    await new Promise((resolve) => setTimeout(resolve, 1200))
    expect(idsIn(dir)).toEqual(['old'])
  })

  it('all go where none is to be kept', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir })
    await keep(ledger, capture('young', 0))
    ledger.keepCaptures(retention({ duration: 0 }))
    await until(() => expect(idsIn(dir)).toEqual([]))
  })

  it('leave calls of tools behind, unless those are named too', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir })
    await keep(ledger, capture('a', 2, { tools: 'called' }), capture('b', 2))
    ledger.keepCaptures(retention())
    await until(() => expect(idsIn(dir)).toEqual(['a']))
    expect(askElsewhere(dir, 'SELECT request, response, tools FROM captures')).toEqual([
      [null, null, 'called'],
    ])
    ledger.keepCaptures(retention({ purge: ['captures', 'tools'] }))
    await until(() => expect(idsIn(dir)).toEqual([]))
  })

  it('wait for the export of their row', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir })
    for (const id of ['a', 'b', 'c']) await keep(ledger, capture(id, 2))
    const exported = async (last: string, after: string | null) => {
      const batch = { last, object: last, rows: 1 }
      await ledger.saveExport({ name: 's3', after, settle: batch })
      await ledger.saveExport({ name: 's3', sent: last, at: Date.now() })
    }
    ledger.keepCaptures(retention({ requireExport: true }))
    await new Promise((resolve) => setTimeout(resolve, 1200))
    expect(idsIn(dir)).toEqual(['a', 'b', 'c'])
    await exported('b', null)
    ledger.keepCaptures(retention({ requireExport: true }))
    await until(() => expect(idsIn(dir)).toEqual(['c']))
  })

  it.each(['a new file', 'a file of an older version'])(
    'leave neither bytes nor room behind in %s',
    async (which) => {
      const dir = dataDir()
      const first = await store({ dataDir: dir })
      const canary = 'canary-of-a-prompt-0123456789'
      const long = () => canary + randomBytes(30_000).toString('base64')
      const many = Array.from({ length: 100 }, (_, at) =>
        capture(`c${at}`, 2, { request: long(), response: long() }),
      )
      await keep(first, ...many)
      await first.close()
      const mode = which === 'a new file' ? 2 : 0
      if (mode === 0) {
        const db = new DatabaseSync(join(dir, 'postern.db'))
        db.exec('PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM')
        db.close()
      }
      expect(askElsewhere(dir, 'PRAGMA auto_vacuum')).toEqual([[mode]])
      const before = statSync(join(dir, 'postern.db')).size
      expect(before).toBeGreaterThan(7_000_000)
      expect(isAnywhere(dir, canary)).not.toEqual([])

      const ledger = await store({ dataDir: dir })
      ledger.keepCaptures(retention())
      await until(() => expect(idsIn(dir)).toEqual([]))
      await until(() => expect(statSync(join(dir, 'postern.db')).size).toBeLessThan(500_000))
      await until(() => expect(isAnywhere(dir, canary)).toEqual([]))
      expect(askElsewhere(dir, 'PRAGMA integrity_check')).toEqual([['ok']])
      expect(askElsewhere(dir, 'SELECT count(*) FROM usage')).toEqual([[100]])
    },
  )

  it('leave no bytes behind between others that stay', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir })
    const mark = (id: string) => `canary-of-${id}-0123456789`
    const captures = Array.from({ length: 300 }, () => {
      const id = crypto.randomUUID()
      const length = Math.floor(Math.random() ** 3 * 9000)
      const text = mark(id) + 'x'.repeat(length)
      return capture(id, Math.random() < 0.5 ? 2 : 0, { request: text, response: null })
    })
    for (const each of captures) await keep(ledger, each)
    ledger.keepCaptures(retention())
    const old = captures.filter(({ at }) => at < Date.now() - HOUR)
    await until(() => expect(idsIn(dir)).toHaveLength(captures.length - old.length))
    await until(() => expect(statSync(join(dir, 'postern.db-wal')).size).toBe(0))
    const left = old.filter(({ id }) => isAnywhere(dir, mark(id)).length > 0)
    expect(left.length).toBe(0)
    expect(isAnywhere(dir, mark(captures.find((each) => !old.includes(each))?.id ?? ''))).toEqual([
      'postern.db',
    ])
  })

  it('go from a server as well', async () => {
    const server = await startLibsqlServer()
    onTestFinished(() => server.close())
    const ledger = await store({ dataDir: dataDir(), url: server.url })
    await keep(ledger, capture('old', 2), capture('young', 0))
    ledger.keepCaptures(retention())
    await until(async () => expect(await ledger.ask('capture', { id: 'old' })).toBe(null))
    expect(await ledger.ask('capture', { id: 'young' })).not.toBe(null)
  })

  it('are written once, wherever they had to wait', async () => {
    const dir = dataDir()
    const ledger = await store({ dataDir: dir })
    await keep(ledger, capture('a', 0))
    await ledger.saveCapture(capture('a', 0, { request: 'another' }))
    expect(askElsewhere(dir, 'SELECT request FROM captures')).toEqual([['request-of-a']])
  })
})
