import { mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createMachine } from '../../src/adapter/node/doctor/doctor.ts'
import { openDatabase } from '../../src/adapter/node/ledger/database.ts'
import { LedgerReader } from '../../src/adapter/node/ledger/reader.ts'
import { checkAbuse } from '../../src/admin/doctor/checks/abuse.ts'
import { checkLedger } from '../../src/admin/doctor/checks/ledger.ts'
import { checkSpeed } from '../../src/admin/doctor/checks/speed.ts'
import { insertAuthFailures } from '../../src/ledger/store/auth-failures.ts'
import { upsertBan } from '../../src/ledger/store/bans.ts'
import type { Database } from '../../src/ledger/store/schema.ts'
import type { Ban } from '../../src/platform/records/ban.ts'
import type { UsageRow } from '../../src/platform/records/usage.ts'
import { failureRow, insertUsage, usageRow } from '../store/fixtures.ts'
import { testConfig } from '../support/config.ts'
import { complaints, given, type Patient } from './patient.ts'

const folder = async () => {
  const path = await mkdtemp(join(tmpdir(), 'doctor-ledger-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A ledger with what the test puts in, as the gateway leaves it. */
const written = async (fill: (db: Database) => Promise<unknown> = async () => {}) => {
  const dataDir = await folder()
  const options = { url: 'file:postern.db', authToken: undefined, dataDir }
  const { db, client, close } = await openDatabase(options)
  await fill(db)
  // Else all of it would still be in the log beside the file.
  await client.execute('PRAGMA wal_checkpoint(TRUNCATE)')
  close()
  return dataDir
}

/** The questions and the file, as they are. */
const patientOf = (dataDir: string, url = 'file:postern.db'): Patient => {
  const config = () => ({ ...testConfig({}), database: { url, authToken: undefined } })
  const machine = createMachine({ dataDir, config, running: async () => false })
  const reader = new LedgerReader({ url, authToken: undefined, dataDir })
  onTestFinished(() => reader.close())
  return { machine: { ledger: () => machine.ledger() }, ask: reader.ask.bind(reader) }
}

const usage = (rows: readonly UsageRow[]) => (db: Database) => insertUsage(db, rows)
const manyRows = usage(Array.from({ length: 300 }, () => usageRow({ userAgent: 'x'.repeat(200) })))

describe('the ledger', () => {
  it('is sound, and answers', async () => {
    const patient = patientOf(await written(manyRows))
    expect(await checkLedger(given(patient))).toMatchObject([{ id: 'ledger.fine' }])
  })

  it('is not made by being looked at', async () => {
    const dataDir = await folder()
    const patient = { ...patientOf(dataDir), ask: undefined }
    expect(await checkLedger(given(patient))).toMatchObject([{ says: 'not made yet' }])
    await expect(readFile(join(dataDir, 'postern.db'))).rejects.toThrow('ENOENT')
  })

  it('is damaged in the middle', async () => {
    const dataDir = await written(manyRows)
    const file = await open(join(dataDir, 'postern.db'), 'r+')
    const { size } = await file.stat()
    const from = Math.floor(size / 2 / 4096) * 4096
    await file.write(Buffer.alloc(size - from, 0x41), 0, size - from, from)
    await file.close()
    expect(await complaints(checkLedger, patientOf(dataDir))).toEqual([
      'error ledger.damaged database',
    ])
  })

  it.each([
    ['is not a database', (path: string) => writeFile(path, 'not a database, '.repeat(500))],
    ['is cut short', (path: string) => truncate(path, 8192)],
  ])('%s', async (_, harm) => {
    const dataDir = await written(manyRows)
    await harm(join(dataDir, 'postern.db'))
    expect(await complaints(checkLedger, patientOf(dataDir))).toEqual([
      'error ledger.damaged database',
    ])
  })

  it('may not be read, or is too large to be gone through', async () => {
    const path = '/var/lib/postern/postern.db'
    const ledger = async () => ({ state: 'unreadable', path, reason: 'no rights' }) as const
    expect(await complaints(checkLedger, { machine: { ledger } })).toEqual([
      'unknown ledger.unreadable database',
    ])
    const late = async () => ({ state: 'late', path }) as const
    expect(await complaints(checkLedger, { machine: { ledger: late } })).toEqual([
      'unknown ledger.unchecked database',
    ])
  })

  it('lies on a server that is not there, that refuses, and that hangs', async () => {
    const dataDir = await folder()
    const gone = patientOf(dataDir, 'http://127.0.0.1:9')
    expect(await complaints(checkLedger, gone)).toEqual(['error ledger.away database'])
    const server = createServer((request, response) => {
      if (request.url !== '/hang/v2/pipeline') response.writeHead(401).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    expect(await complaints(checkLedger, patientOf(dataDir, url))).toEqual([
      'error ledger.away database',
    ])
    const hanging: Patient = { ask: () => new Promise<never>(() => {}) }
    const [finding] = await checkLedger(given(hanging))
    expect(finding?.says).toBe('the database does not answer: no answer within 2.5 s')
  })

  it.each([
    [100, []],
    [2 * 1024 ** 2, ['warning ledger.journal journal']],
    [250 * 1024 ** 2, ['error ledger.journal_full journal']],
  ])('has %i bytes in the journal', async (journal, lines) => {
    expect(await complaints(checkLedger, { data: { journal } })).toEqual(lines)
  })

  it('has turned rows away for good', async () => {
    expect(await complaints(checkLedger, { data: { rejected: 10 } })).toEqual([
      'warning ledger.rejected ledger.rejected',
    ])
  })
})

/** Streamed answers at so many tokens a second, the oldest first. */
const answers = (rates: readonly number[], more: Partial<UsageRow> = {}): UsageRow[] =>
  rates.map((rate, at) =>
    usageRow({
      startedAt: Date.now() - (rates.length - at) * 60_000,
      provider: 'local',
      outputTokens: rate * 2,
      firstByteMs: 300,
      durationMs: 2300,
      ...more,
    }),
  )
const speeds = async (rows: readonly UsageRow[]) =>
  checkSpeed(given(patientOf(await written(usage(rows)))))

const times = (count: number, rate: number): number[] => Array.from({ length: count }, () => rate)

describe('the speed of a model', () => {
  it('is far below what it was', async () => {
    const [finding, ...more] = await speeds(answers([...times(20, 60), ...times(5, 9)]))
    expect(finding).toMatchObject({
      id: 'speed.dropped',
      severity: 'warning',
      about: 'local/local-llm',
      says: expect.stringContaining('writes 9.0 tokens a second, and wrote 60 before'),
    })
    expect(more).toEqual([])
  })

  it.each([
    ['is as it was', [...times(20, 60), ...times(5, 50)]],
    ['was slow once', [...times(20, 60), ...times(3, 60), ...times(2, 5)]],
  ])('%s', async (_, rates) => {
    expect(await speeds(answers(rates))).toMatchObject([{ id: 'speed.fine' }])
  })

  it.each([
    ['too few answers', answers([...times(9, 60), ...times(5, 9)])],
    ['what came in one piece', answers([...times(20, 60), ...times(5, 9)], { firstByteMs: 2290 })],
    ['failures', answers([...times(20, 60), ...times(5, 9)], { outcome: 'upstream_error' })],
    ['estimates', answers([...times(20, 60), ...times(5, 9)], { tokensSource: 'estimated' })],
    ['a provider that is gone', answers([...times(20, 60), ...times(5, 9)], { provider: 'old' })],
    ['last month', answers([...times(20, 60), ...times(5, 9)], { startedAt: 1_700_000_000_000 })],
  ])('is not known by %s', async (_, rows) => {
    expect(await speeds(rows)).toEqual([])
  })
})

const ban = (changes: Partial<Ban>): Ban => ({
  address: '203.0.113.7',
  cause: 'auth_failures',
  level: 1,
  startedAt: Date.now(),
  until: Date.now() + 900_000,
  note: '',
  ...changes,
})

const abuse = async (fill: (db: Database) => Promise<unknown>, config: object = {}) =>
  checkAbuse(given({ ...patientOf(await written(fill)), config: { ...config } }))

const guesses =
  (count: number, clientIp: string, reason = 'wrong_password') =>
  (db: Database) =>
    insertAuthFailures(
      db,
      Array.from({ length: count }, () => failureRow({ clientIp, reason })),
    )

describe('abuse', () => {
  it('is nowhere', async () => {
    expect(await abuse(async () => {})).toMatchObject([{ id: 'abuse.fine' }])
  })

  it('has banned addresses, and tells one of your own', async () => {
    const findings = await abuse(async (db) => {
      for (const address of ['203.0.113.7', '2001:db8::/64', '192.168.1.20', '100.64.0.9']) {
        await upsertBan(db, ban({ address }))
      }
      await upsertBan(db, ban({ address: '203.0.113.9', until: Date.now() - 1000 }))
    })
    expect(findings.map(({ id, about }) => `${id} ${about}`).sort()).toEqual([
      'abuse.bans bans',
      'abuse.near_ban 100.64.0.9',
      'abuse.near_ban 192.168.1.20',
    ])
    expect(findings.at(-1)?.says).toMatch(/203\.0\.113\.7 until 20/)
    expect(findings.at(-1)?.says).not.toContain('203.0.113.9')
  })

  it('names a few of many', async () => {
    const [finding] = await abuse(async (db) => {
      for (let at = 1; at <= 8; at++) await upsertBan(db, ban({ address: `203.0.113.${at}` }))
    })
    expect(finding?.says).toMatch(/ and 3 more$/)
  })

  it('comes from where nobody can be banned', async () => {
    const [finding] = await abuse(guesses(6, '127.0.0.1'))
    expect(finding).toMatchObject({ id: 'abuse.unbannable', about: '127.0.0.1' })
    expect(finding?.says).toContain('6 wrong guesses came from 127.0.0.1')
  })

  it('comes through a proxy that says of nobody who it is', async () => {
    const listeners = [{ name: 'lan', bind: '127.0.0.1:0', trusted_proxies: ['10.0.0.0/8'] }]
    expect(await abuse(guesses(6, '10.0.0.2'), { listeners })).toMatchObject([
      { id: 'abuse.unbannable' },
    ])
    expect(await abuse(guesses(6, '10.0.0.2'))).toMatchObject([{ id: 'abuse.fine' }])
  })

  it.each([
    ['few guesses', guesses(4, '127.0.0.1')],
    ['no guesses at all', guesses(6, '127.0.0.1', 'missing')],
    ['guesses from the internet, who are banned', guesses(6, '203.0.113.7')],
  ])('is not %s', async (_, fill) => {
    expect(await abuse(fill)).toMatchObject([{ id: 'abuse.fine' }])
  })

  it('is not known where the ledger does not answer, which is said there', async () => {
    const ask = () => Promise.reject(new Error('gone'))
    expect(await checkAbuse(given({ ask }))).toEqual([])
    expect(await checkSpeed(given({ ask }))).toEqual([])
  })
})
