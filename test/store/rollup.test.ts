import { readdirSync, readFileSync } from 'node:fs'
import { createClient } from '@libsql/client'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/libsql'
import fc from 'fast-check'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { type Migration, migrate } from '../../src/ledger/store/migrate.ts'
import type { Database } from '../../src/ledger/store/schema.ts'
import { percentilesOf } from '../../src/ledger/store/usage/latency.ts'
import {
  selectGroups,
  selectPeople,
  selectSeries,
  selectTotals,
} from '../../src/ledger/store/usage/rollup.ts'
import { SUM_UP, usageColumns } from '../../src/ledger/store/usage/usage.ts'
import { DIMENSIONS, type Dimension, type UsageScope } from '../../src/platform/records/figures.ts'
import type { UsageRow } from '../../src/platform/records/usage.ts'
import { startLibsqlServer } from '../support/libsql-server.ts'
import { dataDir, insertUsage, usageRow } from './fixtures.ts'

const folder = new URL('../../src/ledger/store/migrations/', import.meta.url)
const migrations: Migration[] = readdirSync(folder).map((name) => ({
  name,
  sql: readFileSync(new URL(name, folder), 'utf8'),
}))

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const START = Date.UTC(2026, 0, 1)

/** When things happened, ms. */
interface Span {
  readonly from: number
  readonly length: number
}
const longAgo: Span = { from: START, length: 100 * DAY }
/** Half of it is added up by the minute, and half was. */
const lately: Span = { from: Date.now() - 4 * DAY, length: 4 * DAY }

const open = async (steps = migrations): Promise<Database> => {
  const client = createClient({ url: `file:${dataDir()}/postern.db`, concurrency: 1 })
  onTestFinished(() => client.close())
  const db = drizzle({ client })
  await migrate(db, steps)
  return db
}

/** Small numbers that repeat. */
const rows = (count: number, seed = 1, span = longAgo): UsageRow[] => {
  let state = seed
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const pick = <T>(list: readonly T[]): T => list[next(list.length)] as T
  return Array.from({ length: count }, (_, at) => {
    const served = next(10) > 0
    return usageRow({
      id: `id-${seed}-${at}`,
      startedAt: span.from + next(span.length),
      login: pick(['alice', 'bob', 'carol', 'tag:ci']),
      door: pick(['local', 'tailnet', 'public']),
      ...asked(served, pick),
      userAgent: pick(['curl/8', 'claude-cli/2.0', 'codex_cli_rs/1', 'something new', '']),
      status: served ? pick([200, 200, 502]) : 429,
      ...(served
        ? pick<Pick<UsageRow, 'outcome' | 'errorCode'>>([
            { outcome: 'ok', errorCode: null },
            { outcome: 'ok', errorCode: null },
            { outcome: 'client_gone', errorCode: null },
            { outcome: 'upstream_error', errorCode: 'overloaded_error' },
            { outcome: 'cut', errorCode: 'not_ready' },
          ])
        : { outcome: 'rejected', errorCode: pick(['rate_limited', 'quota_exceeded']) }),
      inputTokens: next(1000),
      outputTokens: next(500),
      costNanousd: pick([null, 0, 123_456_789]),
      tokensSource: pick(['reported', 'estimated']),
      firstByteMs: served ? next(5000) : null,
      durationMs: next(2 ** pick([3, 10, 20, 21])),
      sessionId: pick(['s-1', 's-2', null]),
    })
  })
}

type Asked = Pick<UsageRow, 'model' | 'provider' | 'upstreamModel'>

/** Models by one name and by two, and a name that stood for two models at one provider. */
const asked = (served: boolean, pick: <T>(list: readonly T[]) => T): Asked => {
  if (!served) {
    const refused = (model: string | null, upstreamModel: string | null): Asked => ({
      provider: null,
      model,
      upstreamModel,
    })
    return pick([refused('a', 'a'), refused('p/a', 'a'), refused(null, null), refused('b', null)])
  }
  const provider = pick(['p', 'q'])
  const upstreamModel = pick(['a', 'b', 'c/d'])
  const model = pick([upstreamModel, `${provider}/${upstreamModel}`])
  const twice = { provider, model: `${provider}/e`, upstreamModel: pick(['e', `${provider}/e`]) }
  return pick([{ provider, model, upstreamModel }, { provider, model, upstreamModel }, twice])
}

const agentOf = ({ userAgent }: UsageRow): string =>
  ({ 'curl/8': 'curl', 'claude-cli/2.0': 'claude-code', 'codex_cli_rs/1': 'codex', '': '' })[
    userAgent
  ] ?? 'other'

const named = (row: UsageRow, by: Dimension): string => {
  switch (by) {
    case 'agent':
      return agentOf(row)
    case 'model':
      return row.upstreamModel ?? row.model ?? ''
    case 'error_code':
      return row.errorCode ?? ''
    default:
      return String(row[by] ?? '')
  }
}

const within = (row: UsageRow, { since, until, errorCode, model, ...wanted }: UsageScope) =>
  row.startedAt >= since &&
  (until === undefined || row.startedAt < until) &&
  (errorCode === undefined || row.errorCode === errorCode) &&
  (model === undefined || isCalled(row, model)) &&
  Object.entries(wanted).every(([by, value]) => named(row, by as Dimension) === String(value))

const isCalled = (row: UsageRow, model: string): boolean =>
  [named(row, 'model'), `${row.provider}/${named(row, 'model')}`].includes(model)

/** The same without any of the code under test. */
const added = (all: readonly UsageRow[]) => ({
  requests: all.length,
  failed: all.filter(({ outcome }) => outcome !== 'ok').length,
  errors: all.filter(({ outcome }) => outcome === 'upstream_error' || outcome === 'cut').length,
  refused: all.filter(({ outcome }) => outcome === 'rejected').length,
  inputTokens: all.reduce((sum, row) => sum + row.inputTokens, 0),
  outputTokens: all.reduce((sum, row) => sum + row.outputTokens, 0),
  costNanousd: all.reduce((sum, row) => sum + (row.costNanousd ?? 0), 0),
  unpriced: all.filter(({ costNanousd }) => costNanousd === null).length,
  estimated: all.filter(({ tokensSource }) => tokensSource === 'estimated').length,
  durationMs: all.reduce((sum, row) => sum + row.durationMs, 0),
})

/** Periods that begin and end anywhere, or where days, hours and minutes do. */
const scopesOf = ({ from, length }: Span): fc.Arbitrary<UsageScope> => {
  const whole = (step: number) => (at: number) => Math.floor(at / step) * step
  const within = fc.integer({ min: from - HOUR, max: from + length })
  return fc
    .record(
      {
        since: fc.oneof(
          fc.constant(0),
          within,
          ...[MINUTE, HOUR, DAY].map((step) => within.map(whole(step))),
        ),
        length: fc.oneof(
          fc.integer({ min: 0, max: 3 * HOUR }),
          fc.integer({ min: 0, max: length }),
          ...[MINUTE, DAY].map((step) => fc.integer({ min: 0, max: length }).map(whole(step))),
        ),
        login: fc.constantFrom('alice', 'tag:ci', 'nobody'),
        model: fc.constantFrom('a', 'c/d', 'p/a', 'q/c/d', "a' OR 1=1 --"),
        provider: fc.constantFrom('p', 'q'),
        door: fc.constantFrom('local' as const, 'public' as const),
        agent: fc.constantFrom('curl', 'other'),
        status: fc.constantFrom(200, 429),
        outcome: fc.constantFrom('ok' as const, 'rejected' as const),
        errorCode: fc.constantFrom('rate_limited', 'overloaded_error', 'of nobody'),
      },
      { requiredKeys: ['since'] },
    )
    .map(({ length: long, ...scope }) => ({
      ...scope,
      ...(long !== undefined && { until: scope.since + long }),
    }))
}

describe.each([
  ['of long ago', longAgo],
  ['of the last days', lately],
])('the sums of the ledger, %s', (_, span) => {
  const all = rows(2000, 1, span)
  const scopes = scopesOf(span)
  let db: Database
  beforeEach(async () => {
    db = await open()
    for (let at = 0; at < all.length; at += 200) await insertUsage(db, all.slice(at, at + 200))
  })

  it('are those of the rows, whatever is asked about', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(scopes, async (scope) => {
        const wanted = all.filter((row) => within(row, scope))
        expect(await selectTotals(db, scope)).toMatchObject(added(wanted))
      }),
      { numRuns: 150 },
    )
  })

  it('are those of the rows for each value of a dimension', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(scopes, fc.constantFrom(...DIMENSIONS), async (scope, by) => {
        const groups = await selectGroups(db, { ...scope, by, limit: 100 })
        const wanted = Object.groupBy(
          all.filter((row) => within(row, scope)),
          (row) => named(row, by),
        )
        expect(new Set(groups.map(({ name }) => name))).toEqual(new Set(Object.keys(wanted)))
        for (const group of groups) expect(group).toMatchObject(added(wanted[group.name] ?? []))
      }),
      { numRuns: 100 },
    )
  })

  it('are those of the rows in each step', { timeout: 60_000 }, async () => {
    const steps = fc.constantFrom(
      ...[1, 5, 15, 60, 6 * 60, 24 * 60, 7 * 24 * 60].map((minutes) => minutes * MINUTE),
    )
    const dimensions = fc.option(fc.constantFrom(...DIMENSIONS), { nil: undefined })
    await fc.assert(
      fc.asyncProperty(scopes, steps, dimensions, async (scope, step, by) => {
        const points = await selectSeries(db, { ...scope, step, ...(by && { by }) })
        const wanted = Object.groupBy(
          all.filter((row) => within(row, scope)),
          (row) => `${row.startedAt - (row.startedAt % step)} ${by ? named(row, by) : ''}`,
        )
        expect(points).toHaveLength(Object.keys(wanted).length)
        for (const point of points) {
          expect(point).toMatchObject(added(wanted[`${point.at} ${point.name}`] ?? []))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('fold all but the most used of a dimension into one', async () => {
    const { from, length } = span
    const scope = { since: from + 5, until: from + Math.round(length * 0.6) + 5, step: 7 * DAY }
    for (const by of DIMENSIONS) {
      const points = await selectSeries(db, { ...scope, by, top: 2 })
      const each = await selectSeries(db, { ...scope, by })
      const { step: _, ...period } = scope
      const groups = await selectGroups(db, { ...period, by, limit: 2 })
      const names = groups.map(({ name }) => name)
      const told = (name: string | null) => name !== null && names.includes(name)
      expect(points.filter(({ name }) => told(name))).toEqual(each.filter(({ name }) => told(name)))
      for (const at of new Set(each.map((point) => point.at))) {
        const others = each.filter((point) => point.at === at && !told(point.name))
        const rest = points.find((point) => point.at === at && point.name === null)
        const sum = (key: 'requests' | 'costNanousd' | 'bytesOut') =>
          others.reduce((total, point) => total + point[key], 0)
        expect(rest?.requests ?? 0).toBe(sum('requests'))
        expect(rest?.costNanousd ?? 0).toBe(sum('costNanousd'))
        expect(rest?.bytesOut ?? 0).toBe(sum('bytesOut'))
      }
    }
  })

  it('count each person once a day', async () => {
    const first = Math.ceil(span.from / DAY) * DAY
    const days = Math.min(20, span.length / DAY - 1)
    const scope = { since: first, until: first + days * DAY, agent: 'curl' }
    const wanted = new Map<number, Set<string>>()
    for (const row of all.filter((each) => within(each, scope))) {
      const day = row.startedAt - (row.startedAt % DAY)
      wanted.set(day, (wanted.get(day) ?? new Set()).add(row.login))
    }
    const expected = [...wanted].sort(([a], [b]) => a - b)
    expect(await selectPeople(db, scope)).toEqual(
      expected.map(([at, people]) => ({ at, people: people.size })),
    )
    const { agent: _, ...anyAgent } = scope
    expect(await selectPeople(db, anyAgent)).toHaveLength(days)
  })

  it('do not count a row twice that is written again', async () => {
    const first = await selectTotals(db, { since: 0 })
    await insertUsage(db, [...all.slice(0, 50), usageRow({ id: 'new', startedAt: START })])
    expect(await selectTotals(db, { since: 0 })).toMatchObject({ requests: first.requests + 1 })
    const [session] = await db.all<{ requests: number }>(
      sql`SELECT sum(requests) AS requests FROM usage_sessions`,
    )
    expect(session?.requests).toBe(all.filter(({ sessionId }) => sessionId !== null).length)
  })

  it('leave with the transaction that was to bring them', async () => {
    const first = await selectTotals(db, { since: 0 })
    const rolledBack = db.transaction(async (tx) => {
      await insertUsage(tx as unknown as Database, [usageRow({ id: 'gone' })])
      tx.rollback()
    })
    await expect(rolledBack).rejects.toThrow()
    expect(await selectTotals(db, { since: 0 })).toEqual(first)
  })
})

/** As a version wrote them that knew only the columns that are there. */
const insertAsThen = async (db: Database, all: readonly UsageRow[]): Promise<void> => {
  const there = await db.all<{ name: string }>(sql`SELECT name FROM pragma_table_info('usage')`)
  const known = usageColumns.filter(([, column]) => there.some(({ name }) => name === column))
  const values = JSON.stringify(all.map((row) => known.map(([key]) => row[key])))
  await db.run(sql`INSERT INTO usage (${sql.raw(known.map(([, column]) => column).join(', '))})
    SELECT ${sql.raw(known.map((_, at) => `value ->> ${at}`).join(', '))} FROM json_each(${values})`)
  const [summed] = await db.all(sql`SELECT 1 FROM sqlite_schema WHERE name = 'usage_summed'`)
  if (summed) await db.run(sql.raw(SUM_UP))
}

/** What there was to tell before 0016. */
const plain = (row: UsageRow): UsageRow => ({
  ...row,
  errorCode: null,
  upstreamModel: row.provider === null ? null : row.upstreamModel,
  outcome: row.outcome === 'cut' ? 'upstream_error' : row.outcome,
})

describe.each(['0007', '0016'])('a ledger from before %s', (version) => {
  const before = migrations.filter(({ name }) => name < version)

  it.each([
    ['long ago', longAgo],
    ['in the last days', lately],
  ])('gets the sums of all its rows, %s', async (_, span) => {
    const old = await open(before)
    const all = rows(1000, 7, span).map(plain)
    for (let at = 0; at < all.length; at += 200) await insertAsThen(old, all.slice(at, at + 200))
    await migrate(old, migrations)
    const fresh = await open()
    for (let at = 0; at < all.length; at += 200) await insertUsage(fresh, all.slice(at, at + 200))
    for (const by of DIMENSIONS) {
      const period = { since: span.from + DAY + 5, until: span.from + span.length - 7 }
      const asked = { ...period, by, limit: 100 }
      expect(await selectGroups(old, asked)).toEqual(await selectGroups(fresh, asked))
    }
    for (const who of [{}, { login: 'alice' }]) {
      const scope = { since: span.from, until: span.from + span.length, ...who }
      expect(await selectTotals(old, scope)).toEqual(await selectTotals(fresh, scope))
    }
    // Those by the minute begin when the database was made.
    const everything = sql`SELECT cube, sum(requests) AS n, sum(latency_512) AS l, sum(ended) AS e, count(*) AS cells
      FROM usage_rollup WHERE cube < 9 GROUP BY cube`
    expect(await old.all(everything)).toEqual(await fresh.all(everything))
    const sessions = sql`SELECT * FROM usage_sessions`
    expect(await old.all(sessions)).toEqual(await fresh.all(sessions))
  })
})

describe('sums by the minute', () => {
  const kept = async (db: Database) => {
    const [row] = await db.all<{ n: number; first: number; since: number }>(sql`
      SELECT count(*) AS n, min(bucket) AS first, (SELECT since FROM usage_minutes) AS since
      FROM usage_rollup WHERE cube >= 9`)
    return row as { n: number; first: number; since: number }
  }

  it('are kept of two days', async () => {
    const db = await open()
    await insertUsage(db, rows(500, 3, lately))
    const { n, first, since } = await kept(db)
    expect(n).toBeGreaterThan(400)
    expect(first).toBeGreaterThanOrEqual(since)
    expect(Math.abs(since - (Date.now() - 2 * DAY))).toBeLessThanOrEqual(2 * MINUTE)
  })

  it('go with time, a little with each transaction, and no answer changes', async () => {
    const db = await open()
    const all = rows(500, 3, { from: Date.now() - 2 * DAY, length: 2 * DAY })
    // As if it had been opened two hours ago.
    await db.run(sql`UPDATE usage_minutes SET since = since - ${2 * HOUR}`)
    const asked = { since: all[0]?.startedAt ?? 0, by: 'model', limit: 10 } as const
    const old = rows(100, 4, { from: Date.now() - 2 * DAY - 2 * HOUR, length: 2 * HOUR - MINUTE })
    await insertUsage(db, [...all, ...old])
    const before = await kept(db)
    const wanted = await selectGroups(db, asked)
    await insertUsage(db, [usageRow({ id: 'one more', startedAt: 1 })])
    const after = await kept(db)
    expect(after.since).toBe(before.since + 10 * MINUTE)
    expect(after.first).toBeGreaterThanOrEqual(after.since)
    expect(after.n).toBeLessThan(before.n)
    for (let n = 0; n < 12; n++) await insertUsage(db, [usageRow({ id: `${n}`, startedAt: 1 })])
    expect((await kept(db)).since).toBeGreaterThanOrEqual(Date.now() - 2 * DAY - 2 * MINUTE)
    expect(await selectGroups(db, asked)).toEqual(wanted)
    const everything = { since: 2 }
    expect(await selectTotals(db, everything)).toMatchObject(added([...all, ...old]))
  })
})

describe('names that callers invent', () => {
  it('do not make the sums grow without end', async () => {
    const db = await open()
    const invented = (from: number) =>
      Array.from({ length: 500 }, (_, at) =>
        usageRow({
          model: `m-${from + at}`,
          upstreamModel: null,
          provider: null,
          userAgent: `agent-${from + at}`,
        }),
      )
    for (let from = 0; from < 3000; from += 500) await insertUsage(db, invented(from))
    const groups = await selectGroups(db, { since: 0, by: 'model', limit: 10_000 })
    expect(groups).toHaveLength(2001)
    expect(groups[0]).toMatchObject({ name: '', requests: 1000 })
    const served = { model: 'served after all', upstreamModel: 'served after all', provider: 'p' }
    await insertUsage(db, [usageRow(served)])
    const scope = { since: 0, model: 'served after all' }
    expect(await selectTotals(db, scope)).toMatchObject({ requests: 1 })
    const agents = await selectGroups(db, { since: 0, by: 'agent', limit: 10_000 })
    expect(agents.map(({ name }) => name)).toEqual(['other', 'curl'])
  })
})

describe('percentiles', () => {
  it('lie within a factor of the root of two of the truth', async () => {
    const db = await open()
    const times = Array.from({ length: 500 }, (_, at) => Math.round(20 * 1.015 ** at))
    await insertUsage(
      db,
      times.map((ms) => usageRow({ startedAt: START, firstByteMs: ms, durationMs: ms * 2 })),
    )
    const { firstByte, duration } = await selectTotals(db, { since: 0 })
    const near = (found = 0, wanted = 0) =>
      expect(Math.abs(Math.log2(found / wanted))).toBeLessThan(0.5)
    near(firstByte?.p50, times[249])
    near(firstByte?.p95, times[474])
    near(duration?.p50, (times[249] ?? 0) * 2)
    near(duration?.p95, (times[474] ?? 0) * 2)
  })

  it('are none without a measurement', () => {
    expect(percentilesOf([])).toBeNull()
    expect(percentilesOf([0, 0, 4])).toEqual({ p50: 11, p95: 15 })
    const beyond = [...Array.from({ length: 19 }, () => 0), 3]
    expect(percentilesOf(beyond)).toEqual({ p50: 1_048_576, p95: 1_048_576 })
  })
})

describe('on a server', () => {
  it('the sums are kept alike', async () => {
    const server = await startLibsqlServer({})
    onTestFinished(() => server.close())
    const client = createClient({ url: server.url, concurrency: 1 })
    onTestFinished(() => client.close())
    const db = drizzle({ client })
    await migrate(db, migrations)
    const all = rows(100)
    await insertUsage(db, all)
    await insertUsage(db, all)
    const asked = { since: START + 5, until: START + 70 * DAY + 5 }
    const wanted = all.filter((row) => within(row, asked))
    expect(await selectTotals(db, asked)).toMatchObject(added(wanted))
  })
})
