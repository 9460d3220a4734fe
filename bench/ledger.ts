/**
 * How fast a large ledger answers, and takes rows: `node bench/ledger.ts [rows] [directory] [days]`. Fills a database with
 * so many rows (default a million; of 200 people, over a year) until now, unless the directory has one already; then times
 * the start, every question that a page asks, the longest that the event loop stood still meanwhile, and writing beside it
 * all.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { pathToFileURL } from 'node:url'
import { createClient } from '@libsql/client/sqlite3'
import { drizzle } from 'drizzle-orm/libsql/sqlite3'
import { openStore } from '../src/adapter/node/store/store.ts'
import { type Migration, migrate } from '../src/ledger/store/migrate.ts'
import type { Question, Questions } from '../src/platform/records/questions.ts'
import { fill, someRow, YEAR } from './ledger-rows.ts'

const DAY = 86_400_000
const HOUR = 3_600_000
const RUNS = 9

const rows = Number(process.argv[2] ?? 1_000_000)
const given = process.argv[3]
const days = Number(process.argv[4] ?? YEAR / DAY)
const dir = given ?? mkdtempSync(join(tmpdir(), 'postern-bench-'))
const path = join(dir, 'postern.db')

const folder = new URL('../src/ledger/store/migrations/', import.meta.url)
const migrations: Migration[] = readdirSync(folder).map((name) => ({
  name,
  sql: readFileSync(new URL(name, folder), 'utf8'),
}))

const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
  const from = performance.now()
  const result = await work()
  console.log(`${what.padEnd(58)} ${((performance.now() - from) / 1000).toFixed(2)} s`)
  return result
}

const prepare = async (): Promise<void> => {
  if (existsSync(path)) return
  mkdirSync(dir, { recursive: true })
  const client = createClient({ url: pathToFileURL(path).href })
  await client.execute('PRAGMA journal_mode = WAL')
  await client.execute('PRAGMA synchronous = OFF')
  const db = drizzle({ client })
  await migrate(
    db,
    migrations.filter(({ name }) => name < '0007'),
  )
  await timed(`fill with ${rows} rows`, () => fill(client, rows, days * DAY))
  await timed('bring it up to date: sums of all of them', () => migrate(db, migrations))
  await client.execute('PRAGMA wal_checkpoint(TRUNCATE)')
  client.close()
}

type Asked = { [Name in Question]: [what: string, name: Name, asks: Questions[Name]['asks']] }

/** @param now when the newest row was made */
const questions = (now: number): Asked[Question][] => {
  const year = { since: now - YEAR }
  const odd = { since: now - YEAR + 12_345_678, until: now - 9_876_543 }
  const month = { since: now - 30 * DAY - 1234 }
  const week = { since: now - 7 * DAY - 1234 }
  const day = { since: now - DAY - 1234 }
  const busy = { login: 'person0@example.com' }
  const quiet = { login: 'person150@example.com' }
  const page = { limit: 50 }
  const old = { before: { startedAt: now - YEAR / 2, id: '' } }
  return [
    ['totals, all time', 'usageTotals', { since: 0 }],
    ['totals, odd ends', 'usageTotals', odd],
    ['totals, odd ends, a person', 'usageTotals', { ...odd, ...busy }],
    ['totals, odd ends, a model', 'usageTotals', { ...odd, model: 'model-3' }],
    ['totals, odd ends, door and status', 'usageTotals', { ...odd, door: 'public', status: 502 }],
    [
      'totals, odd ends, a person and a model',
      'usageTotals',
      { ...odd, ...busy, model: 'model-3' },
    ],
    ['totals, an hour', 'usageTotals', { since: now - HOUR, until: now }],
    ['series, year by day', 'usageSeries', { ...year, step: DAY }],
    [
      'series, year by 30 days, split by model',
      'usageSeries',
      { ...year, step: 30 * DAY, by: 'model', top: 8 },
    ],
    [
      'series, 90 days by day, split by model',
      'usageSeries',
      { since: now - 90 * DAY, step: DAY, by: 'model', top: 8 },
    ],
    [
      'series, 90 days by day, split by person',
      'usageSeries',
      { since: now - 90 * DAY, step: DAY, by: 'login', top: 8 },
    ],
    [
      'series, 200 days by day, split by model (most by API)',
      'usageSeries',
      { since: now - 200 * DAY, step: DAY, by: 'model', top: 8 },
    ],
    ['series, year by day, a provider', 'usageSeries', { ...year, step: DAY, provider: 'prov-1' }],
    [
      'series, year by day, agent and status',
      'usageSeries',
      { ...year, step: DAY, agent: 'codex', status: 429 },
    ],
    ['series, year by day, a person', 'usageSeries', { ...year, step: DAY, ...busy }],
    [
      'series, year by day, a person, split by model',
      'usageSeries',
      { ...year, step: DAY, ...busy, by: 'model' },
    ],
    [
      'series, year by week, a model, split by provider',
      'usageSeries',
      { ...year, step: 7 * DAY, model: 'model-1', by: 'provider' },
    ],
    ['series, month by hour', 'usageSeries', { ...month, step: HOUR }],
    [
      'series, week by 6 hours, split by provider',
      'usageSeries',
      { ...week, step: 6 * HOUR, by: 'provider' },
    ],
    ['series, month by hour, a model', 'usageSeries', { ...month, step: HOUR, model: 'model-2' }],
    ['series, week by hour, split by model', 'usageSeries', { ...week, step: HOUR, by: 'model' }],
    [
      'series, week by hour, a person and a door',
      'usageSeries',
      { ...week, step: HOUR, ...busy, door: 'tailnet' },
    ],
    ['series, hour by minute', 'usageSeries', { since: now - HOUR, step: 60_000 }],
    [
      'series, hour by minute, split by model',
      'usageSeries',
      { since: now - HOUR, step: 60_000, by: 'model', top: 8 },
    ],
    ['series, day by 5 minutes', 'usageSeries', { ...day, step: 300_000 }],
    ['series, day by hour, split by person', 'usageSeries', { ...day, step: HOUR, by: 'login' }],
    ['people, year by day', 'usagePeople', year],
    ['people, year by day, an agent', 'usagePeople', { ...year, agent: 'codex' }],
    ['people, month by day, a model', 'usagePeople', { ...month, model: 'model-1' }],
    ['top people, year', 'usageGroups', { ...odd, by: 'login', limit: 20 }],
    [
      'top people, year, a door',
      'usageGroups',
      { ...odd, by: 'login', limit: 20, door: 'tailnet' },
    ],
    [
      'top people, week, a model',
      'usageGroups',
      { ...week, by: 'login', limit: 20, model: 'model-1' },
    ],
    ['top models, year', 'usageGroups', { ...odd, by: 'model', limit: 20 }],
    ['top models, year, a person', 'usageGroups', { ...odd, by: 'model', limit: 20, ...busy }],
    ['top providers, month', 'usageGroups', { ...month, by: 'provider', limit: 20 }],
    [
      'top agents, year, a provider',
      'usageGroups',
      { ...odd, by: 'agent', limit: 20, provider: 'prov-1' },
    ],
    ['statuses, day', 'usageGroups', { ...day, by: 'status', limit: 20 }],
    ['requests, newest', 'requests', { since: 0, ...page }],
    ['requests, a page from the middle', 'requests', { since: 0, ...page, ...old }],
    ['requests, a person', 'requests', { since: 0, ...page, ...quiet }],
    [
      'requests, a person and a model',
      'requests',
      { since: 0, ...page, ...quiet, model: 'model-3' },
    ],
    [
      'requests, failed by the upstream',
      'requests',
      { since: 0, ...page, outcome: 'upstream_error' },
    ],
    [
      'requests, a status and an agent',
      'requests',
      { since: 0, ...page, status: 502, agent: 'curl' },
    ],
    ['requests, a few among all of them', 'requests', { since: 0, ...page, agent: 'goose' }],
    ['requests, none such', 'requests', { since: 0, ...page, agent: 'goose', status: 429 }],
    ['requests, a text', 'requests', { since: 0, ...page, text: 'model-7' }],
    [
      'requests, a text that nobody wrote',
      'requests',
      { since: 0, ...page, text: 'nobody wrote this' },
    ],
    ['requests, of a session', 'requests', { since: 0, ...page, session: 'session-0-100' }],
    [
      'request, by an id that is not there',
      'request',
      { id: '01990000-0000-7000-8000-000000000000' },
    ],
    ['sessions, newest', 'sessions', page],
    ['sessions, a person', 'sessions', { ...page, ...quiet }],
    [
      'sessions, a page from the middle',
      'sessions',
      { ...page, before: { firstAt: now - YEAR / 2, login: '', sessionId: '' } },
    ],
  ]
}

/** µs of CPU, which others on the same machine do not add to. */
const spent = (since: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since)
  return user + system
}

const median = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0

await prepare()
const store = await timed('start', () =>
  openStore({
    url: 'file:postern.db',
    dataDir: dir,
    log: (...line) => console.log(...line),
    maxRows: 100_000,
    maxBytes: 2 ** 30,
  }),
)
const [newest] = (await store.ask('requests', { since: 0, limit: 1 })).rows
const delay = monitorEventLoopDelay({ resolution: 1 })
console.log(`\n${'question'.padEnd(54)}  first    p50    max    CPU  (ms)`)
let slow = 0
for (const [what, name, asks] of questions(newest?.startedAt ?? Date.now())) {
  const times: number[] = []
  const busy: number[] = []
  delay.enable()
  for (let run = 0; run < RUNS; run++) {
    const from = performance.now()
    const before = process.cpuUsage()
    await store.ask(name, asks)
    times.push(performance.now() - from)
    busy.push(spent(before) / 1000)
  }
  delay.disable()
  if (Math.max(...times) > 200) slow += 1
  const cells = [times[0] ?? 0, median(times), Math.max(...times), median(busy)].map((ms) =>
    ms.toFixed(1).padStart(6),
  )
  console.log(`${what.padEnd(54)} ${cells.join(' ')}`)
}
console.log(
  `\nslower than 200 ms: ${slow}; the event loop stood still for ${(delay.max / 1e6).toFixed(1)} ms at most`,
)

const burst = 20_000
// Not of this hour: who measures pages afterwards would find it busier than any of the year.
const fresh = Array.from({ length: burst }, () => someRow(Date.now() - 2 * DAY))
const cpu = process.cpuUsage()
const from = performance.now()
await Promise.all(fresh.map((row) => store.recordUsage(row)))
const took = performance.now() - from
const busy = spent(cpu)
console.log(
  `${burst} rows written: ${((burst / took) * 1000).toFixed(0)} rows/s, ${(busy / burst).toFixed(0)} µs of CPU each`,
)
await store.close()
if (given === undefined) rmSync(dir, { recursive: true })
