import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createTransport } from '../../src/adapter/node/http/transport.ts'
import type { S3Config } from '../../src/config/config.ts'
import { createExporter, type Exporter } from '../../src/ledger/export/exporter.ts'
import { createPut } from '../../src/ledger/export/s3.ts'
import type { Store } from '../../src/platform/platform.ts'
import type { UsageRow } from '../../src/platform/records/usage.ts'
import { child, dataDir, query, store, type TestStore, usageRow } from '../store/fixtures.ts'
import { credentials, type S3Server, startS3 } from './s3-server.ts'

const HOUR = 3_600_000
const soon = { timeout: 10_000, interval: 20 }

const server = async (): Promise<S3Server> => {
  const s3 = await startS3()
  onTestFinished(() => s3.close())
  return s3
}

const configOf = (s3: S3Server, changes: Partial<S3Config> = {}): S3Config => ({
  bucket: 'gw',
  endpoint: s3.url,
  region: 'us-east-1',
  prefix: 'prod',
  accessKeyId: credentials.access_key_id,
  accessSecret: credentials.access_secret,
  every: HOUR,
  limit: 10,
  ...changes,
})

interface Running {
  readonly exporter: Exporter
  readonly logged: string[]
}

const start = (ledger: Store, config: S3Config, put?: ReturnType<typeof createPut>): Running => {
  const transport = createTransport()
  const clock = { now: () => Date.now(), elapsed: () => performance.now() }
  const logged: string[] = []
  const exporter = createExporter({
    store: ledger,
    clock,
    log: (_level, evt, fields) => logged.push(`${evt} ${fields?.reason ?? fields?.object ?? ''}`),
    put: put ?? createPut({ send: transport.send, clock }),
    pause: 20,
  })
  exporter.use(config)
  onTestFinished(async () => {
    await exporter.stop()
    await transport.close()
  })
  return { exporter, logged }
}

const write = async (ledger: TestStore, count: number, from = 0): Promise<UsageRow[]> => {
  const rows = Array.from({ length: count }, (_, at) =>
    usageRow({ id: `id-${String(from + at).padStart(4, '0')}`, startedAt: 1000 - from - at }),
  )
  for (const row of rows) await ledger.recordUsage(row)
  return rows
}

const exported = (s3: S3Server): unknown[] => s3.records().map(({ id }) => id)
const stateOf = (ledger: Store) => ledger.ask('exportState', { name: 's3' })

describe('the exporter', () => {
  it('sends every row once, in the order of writing, in objects of so many rows', async () => {
    const [s3, ledger] = [await server(), await store({ dataDir: dataDir() })]
    const rows = await write(ledger, 25)
    start(ledger, configOf(s3))
    await vi.waitFor(() => expect(exported(s3)).toHaveLength(25), soon)
    expect(exported(s3)).toEqual(rows.map(({ id }) => id))
    expect(s3.puts).toEqual([
      'gw/prod/1970-01-01/postern-id-0000-id-0009.ndjson.gz',
      'gw/prod/1970-01-01/postern-id-0010-id-0019.ndjson.gz',
      'gw/prod/1970-01-01/postern-id-0020-id-0024.ndjson.gz',
    ])
    await vi.waitFor(async () => expect(await stateOf(ledger)).toMatchObject({ rows: 25 }), soon)
  })

  it('writes the fields of Aperture’s record, and what is known beside', async () => {
    const [s3, ledger] = [await server(), await store({ dataDir: dataDir() })]
    await ledger.recordUsage(
      usageRow({ costNanousd: 1_500_000, sessionId: 's-1', errorCode: 'not_ready' }),
    )
    start(ledger, configOf(s3, { prefix: '' }))
    await vi.waitFor(() => expect(s3.puts).toHaveLength(1), soon)
    expect(s3.records()[0]).toMatchObject({
      ver: 2,
      timestamp: '2026-11-21T10:00:00.000Z',
      identity: { login: 'alice@example.com', door: 'local' },
      model: 'local-llm',
      api_type: 'openai',
      usage: { input_tokens: 10, output_tokens: 20, source: 'reported' },
      estimated_cost: 0.0015,
      cost_nanousd: 1_500_000,
      duration_ms: 340,
      session_id: 's-1',
      path: '/v1/chat/completions',
      status_code: 200,
      capture: null,
      error_code: 'not_ready',
      alias: null,
      attempts: null,
      translated: null,
      queued_ms: null,
    })
    expect(s3.puts[0]).toMatch(/^gw\/2026-11-21\/postern-/)
  })

  it('goes on after the last one when it is started again, late rows included', async () => {
    const [s3, ledger] = [await server(), await store({ dataDir: dataDir() })]
    const first = await write(ledger, 3)
    const { exporter } = start(ledger, configOf(s3, { every: 50 }))
    await vi.waitFor(async () => expect((await stateOf(ledger)).rows).toBe(3), soon)
    await exporter.stop()
    const late = await write(ledger, 2, 500)
    start(ledger, configOf(s3, { every: 50 }))
    await vi.waitFor(() => expect(exported(s3)).toHaveLength(5), soon)
    expect(exported(s3)).toEqual([...first, ...late].map(({ id }) => id))
    expect(s3.puts).toHaveLength(2)
  })

  it('waits its time after an export, also across a start', async () => {
    const [s3, ledger] = [await server(), await store({ dataDir: dataDir() })]
    await write(ledger, 1)
    const { exporter } = start(ledger, configOf(s3))
    await vi.waitFor(async () => expect((await stateOf(ledger)).rows).toBe(1), soon)
    await exporter.stop()
    await write(ledger, 1, 1)
    const asked = vi.spyOn(ledger, 'ask')
    start(ledger, configOf(s3))
    await vi.waitFor(() => expect(asked).toHaveBeenCalled(), soon)
    await asked.mock.results[0]?.value
    expect(asked.mock.calls.map(([name]) => name)).not.toContain('exportRows')
    expect(s3.puts).toHaveLength(1)
  })

  it.each([
    ['503', 503],
    ['a cut connection', 'cut'],
    ['a connection cut once the object is there', 'cut after'],
  ] as const)('tries again after %s, and says so once', async (_what, fault) => {
    const [s3, ledger] = [await server(), await store({ dataDir: dataDir() })]
    s3.faults.push(fault, fault)
    const rows = await write(ledger, 3)
    const { logged } = start(ledger, configOf(s3))
    await vi.waitFor(async () => expect((await stateOf(ledger)).rows).toBe(3), soon)
    expect(exported(s3)).toEqual(rows.map(({ id }) => id))
    expect(new Set(s3.puts).size).toBe(1)
    const failed = logged.filter((line) => line.startsWith('export.failed'))
    expect(failed).toHaveLength(1)
    if (fault === 503) expect(failed[0]).toContain('answered 503 SlowDown')
    await vi.waitFor(() => expect(logged).toContain('export.back '), soon)
    expect(logged.join()).not.toContain(credentials.access_secret)
  })

  it('is refused with a wrong secret, and sends all of it when that is put right', async () => {
    const [s3, ledger] = [await server(), await store({ dataDir: dataDir() })]
    await write(ledger, 2)
    const { exporter, logged } = start(ledger, configOf(s3, { accessSecret: 'wrong' }))
    await vi.waitFor(() => expect(logged.join()).toContain('403 SignatureDoesNotMatch'), soon)
    exporter.use(configOf(s3))
    await vi.waitFor(() => expect(exported(s3)).toHaveLength(2), soon)
  })

  it('signs names with anything in them', async () => {
    const [s3, ledger] = [await server(), await store({ dataDir: dataDir() })]
    await write(ledger, 1)
    start(ledger, configOf(s3, { prefix: "a b/(c)*'!" }))
    await vi.waitFor(() => expect(s3.puts).toHaveLength(1), soon)
  })

  it('keeps two gateways on one ledger from sending anything differently', async () => {
    const [s3, ledger] = [await server(), await store({ dataDir: dataDir() })]
    const rows = await write(ledger, 45)
    start(ledger, configOf(s3, { every: 30 }))
    start(ledger, configOf(s3, { every: 30, limit: 7 }))
    await vi.waitFor(async () => expect((await stateOf(ledger)).rows).toBe(45), soon)
    expect(exported(s3)).toEqual(rows.map(({ id }) => id))
  })

  it('keeps the order when SQLite numbers the rows anew', async () => {
    const dir = dataDir()
    const [s3, ledger] = [await server(), await store({ dataDir: dir })]
    await write(ledger, 6)
    await query(dir, "DELETE FROM usage WHERE id IN ('id-0000', 'id-0002')")
    const { exporter } = start(ledger, configOf(s3, { limit: 2, every: 30 }))
    await vi.waitFor(async () => expect((await stateOf(ledger)).rows).toBe(4), soon)
    await exporter.stop()
    await query(dir, 'VACUUM')
    await write(ledger, 2, 6)
    start(ledger, configOf(s3, { limit: 2, every: 30 }))
    await vi.waitFor(async () => expect((await stateOf(ledger)).rows).toBe(6), soon)
    expect(exported(s3)).toEqual(['id-0001', 'id-0003', 'id-0004', 'id-0005', 'id-0006', 'id-0007'])
  })
})

describe('kill -9 between the object and the note that it arrived', () => {
  it('sends the same object again, and nothing else twice', async () => {
    const [s3, dir] = [await server(), dataDir()]
    const before = await store({ dataDir: dir })
    await write(before, 5)
    await before.close()
    const killed = child('../export/exporting-process.ts', dir, s3.url)
    expect(await killed.line()).toBe('put')
    await killed.kill()
    expect(s3.puts).toHaveLength(1)
    const [[name, bytes] = ['', Buffer.of()]] = [...s3.objects]

    const ledger = await store({ dataDir: dir })
    // More has come: it belongs to the next object.
    await write(ledger, 3, 5)
    start(ledger, configOf(s3, { every: 30 }))
    await vi.waitFor(async () => expect((await stateOf(ledger)).rows).toBe(8), soon)
    expect(s3.puts.filter((path) => path === name)).toHaveLength(2)
    expect(s3.objects.get(name)?.equals(bytes)).toBe(true)
    expect(exported(s3)).toHaveLength(8)
    expect(new Set(exported(s3)).size).toBe(8)
  })
})
