import { type SQL, sql } from 'drizzle-orm'
import type {
  Dimension,
  PeoplePoint,
  UsageGroup,
  UsagePoint,
  UsageScope,
  UsageSums,
} from '../../../platform/records/figures.ts'
import type { Database } from '../schema.ts'
import { LATENCY_COLUMNS, percentilesOf } from './latency.ts'
import { type Cube, daily, type Needs, type Segment, segmentsOf } from './rollup-levels.ts'

type Measure = Exclude<keyof UsageSums, 'firstByte' | 'duration'>

/** Of a column that counts two things, as migration 0016 has them. */
const low = (column: string): string => `sum(${column}) & 2147483647`
const high = (column: string): string => `sum(${column}) >> 31`

/** In the order of `UsageSums`, each with what adds it up. */
const MEASURES: readonly (readonly [Measure, sum: string])[] = [
  ['requests', 'sum(requests)'],
  ['failed', 'sum(failed)'],
  ['errors', low('ended')],
  ['refused', high('ended')],
  ['inputTokens', 'sum(input_tokens)'],
  ['outputTokens', 'sum(output_tokens)'],
  ['cachedTokens', 'sum(cached_tokens)'],
  ['reasoningTokens', 'sum(reasoning_tokens)'],
  ['cacheWriteTokens', 'sum(cache_write_tokens)'],
  ['toolCalls', 'sum(tool_calls)'],
  ['webSearches', 'sum(web_searches)'],
  ['images', 'sum(images)'],
  ['audioMs', 'sum(audio_ms)'],
  ['costNanousd', 'sum(cost_nanousd)'],
  ['unpriced', 'sum(unpriced)'],
  ['estimated', 'sum(estimated)'],
  ['bytesIn', 'sum(bytes_in)'],
  ['bytesOut', 'sum(bytes_out)'],
  ['durationMs', 'sum(duration_ms)'],
]

export type Asked = UsageScope & {
  /** Tells these apart; absent: one sum. */
  readonly by?: Dimension
  /** ms that one point stands for, from the epoch on; absent: one sum over the period. */
  readonly step?: number
  /** Only these of `by`. */
  readonly names?: readonly string[]
  /** Nobody looks at them. */
  readonly latencies?: false
}

/** Sums over all that is asked about. */
export const selectTotals = async (db: Database, scope: UsageScope): Promise<UsageSums> => {
  const [total] = (await gather(db, scope)).values()
  return sumsOf(total ?? emptyTally(0, ''))
}

/** Sums for each value of a dimension, the most requests first. */
export const selectGroups = async (
  db: Database,
  asked: Pick<Asked, 'latencies'> & UsageScope & { readonly by: Dimension; readonly limit: number },
): Promise<UsageGroup[]> =>
  [...(await gather(db, asked)).values()]
    .map((tally) => ({ name: tally.name ?? '', ...sumsOf(tally) }))
    .sort((a, b) => b.requests - a.requests || compare(a.name, b.name))
    .slice(0, asked.limit)

/**
 * Sums for each step in which there is anything, in their order; with `by`, for each value in it.
 * @param top so many values, the ones with the most requests; the others together have the name null.
 */
export const selectSeries = async (
  db: Database,
  { top, ...asked }: Asked & { readonly step: number; readonly top?: number },
): Promise<UsagePoint[]> => {
  const { by } = asked
  const points =
    by === undefined || top === undefined
      ? await gather(db, asked)
      : await gatherTop(db, { ...asked, by }, top)
  return [...points.values()]
    .map((tally) => ({ at: tally.at, name: tally.name, ...sumsOf(tally) }))
    .sort((a, b) => a.at - b.at || compareNames(a.name, b.name))
}

const gatherTop = async (
  db: Database,
  asked: Asked & { readonly by: Dimension },
  top: number,
): Promise<Tally[]> => {
  // Over the whole period: the top of each step would be others, and the same ones again.
  const { step: _, ...whole } = asked
  const groups = await selectGroups(db, { ...whole, limit: top })
  const { by, ...all } = asked
  const [total, named] = await gatherEach(db, [
    all,
    { ...asked, names: groups.map(({ name }) => name) },
  ])
  for (const tally of named.values()) {
    const rest = total.get(`${tally.at} `)
    if (rest !== undefined) addTally(rest, tally, -1)
  }
  const others = [...total.values()].filter(({ sums }) => sums[0] !== 0)
  return [
    ...named.values(),
    ...others.map((tally) => ({ ...tally, name: null, firstByte: [], duration: [] })),
  ]
}

/** How many people there were on each day (UTC) of a period that is rounded to days. */
export const selectPeople = (db: Database, scope: UsageScope): Promise<PeoplePoint[]> => {
  const needs = needsOf(scope)
  const cube = needs.cell ? daily({ person: true }) : { id: 8, step: 86_400_000 }
  const to = Math.ceil((scope.until ?? Number.MAX_SAFE_INTEGER) / cube.step) * cube.step
  const from = Math.floor(scope.since / cube.step) * cube.step
  return db.all<PeoplePoint>(sql`SELECT bucket AS at, count(DISTINCT person) AS people
    FROM usage_rollup WHERE ${inCube({ cube, from, to }, cube, scope, person(scope.login))}
    GROUP BY bucket ORDER BY bucket`)
}

interface Tally {
  readonly at: number
  readonly name: string | null
  readonly sums: number[]
  readonly firstByte: number[]
  readonly duration: number[]
}

type Tallies = Map<string, Tally>

const gather = async (db: Database, asked: Asked): Promise<Tallies> => {
  const [tallies] = await gatherEach(db, [asked])
  return tallies
}

/** Adds up the segments of what is asked, all of them read from one state of the database. */
const gatherEach = async <const Each extends readonly Asked[]>(
  db: Database,
  each: Each,
): Promise<{ [Index in keyof Each]: Tallies }> => {
  const tallies = each.map((): Tallies => new Map())
  const parts = each.flatMap((asked, index) =>
    segmentsOf(asked, needsOf(asked), asked.step).map((segment) => ({
      into: tallies[index],
      query: db.all<Row>(selectSegment(segment, asked)),
    })),
  )
  const [first, ...rest] = parts.map(({ query }) => query)
  const answers = first === undefined ? [] : await db.batch([first, ...rest])
  for (const [index, rows] of answers.entries()) {
    for (const row of rows as Row[]) add(parts[index]?.into, row)
  }
  return tallies as { [Index in keyof Each]: Tallies }
}

const needsOf = (asked: Asked): Needs => {
  const { login, by } = asked
  return {
    person: login !== undefined || by === 'login',
    cell: cellConditions(asked).length > 0 || (by !== undefined && by !== 'login'),
  }
}

/** A row as one JSON text, which is read five times as fast as 59 columns are: `[at, name, ...measures, ...latencies]`. */
interface Row {
  readonly row: string
}

const add = (tallies: Tallies | undefined, { row }: Row): void => {
  const [at, name, ...values] = JSON.parse(row) as [number, string | number, ...number[]]
  // A sum over nothing is a row too.
  if (!values[0]) return
  const key = `${at} ${name}`
  const tally = tallies?.get(key) ?? emptyTally(at, String(name))
  tallies?.set(key, tally)
  const latencies = values.splice(MEASURES.length)
  addTally(tally, {
    sums: values,
    firstByte: latencies.filter((_, index) => index % 2 === 0),
    duration: latencies.filter((_, index) => index % 2 === 1),
  })
}

const addTally = (to: Tally, from: Pick<Tally, 'sums' | 'firstByte' | 'duration'>, sign = 1) => {
  for (const part of ['sums', 'firstByte', 'duration'] as const) {
    for (const [index, value] of from[part].entries()) {
      to[part][index] = (to[part][index] ?? 0) + sign * value
    }
  }
}

const emptyTally = (at: number, name: string): Tally => ({
  at,
  name,
  sums: MEASURES.map(() => 0),
  firstByte: [],
  duration: [],
})

const sumsOf = ({ sums, firstByte, duration }: Tally): UsageSums => ({
  ...(Object.fromEntries(MEASURES.map(([key], index) => [key, sums[index] ?? 0])) as Record<
    Measure,
    number
  >),
  firstByte: percentilesOf(firstByte),
  duration: percentilesOf(duration),
})

const selectSegment = (segment: Segment, asked: Asked): SQL => {
  const { cube, from, to } = segment
  const { by, step } = asked
  const at = step === undefined ? sql`0` : startOf(step, cube)
  const name = by === undefined ? sql`''` : sql.identifier(by)
  const groups = [
    ...(step === undefined ? [] : [at]),
    ...(by === undefined ? [] : [groupOf(by, cube)]),
  ]
  const only = by === undefined ? NOTHING : among(by, asked.names)
  const grouped = groups.length === 0 ? sql`` : sql`GROUP BY ${sql.join(groups, sql`, `)}`
  const columns = hasLatency(asked) ? sql`${SUMS}, ${LATENCIES}` : SUMS
  const selected = sql`SELECT json_array(${at}, ${name}, ${columns}) AS row`
  if (cube === undefined) {
    return sql`${selected} FROM usage_facts
      WHERE bucket >= ${from} AND bucket < ${to} ${matching(asked)} ${only} ${grouped}`
  }
  return sql`${selected} FROM ${joined(by)}
    WHERE ${inCube(segment, cube, asked, whoOf(asked))} ${only} ${grouped}`
}

/** Where the step of a bucket begins. The bucket itself where that is the same: it lies in order, so nothing is sorted. */
const startOf = (step: number, cube: Cube | undefined): SQL =>
  step === cube?.step ? sql`bucket` : sql`bucket - bucket % ${sql.raw(String(step))}`

/** People by their number, in whose order their sums lie. */
const groupOf = (by: Dimension, cube: Cube | undefined): SQL =>
  by === 'login' && cube !== undefined ? sql`who.id` : sql`${sql.identifier(by)}`

const joined = (by: Dimension | undefined): SQL => {
  if (by === undefined) return sql`usage_rollup`
  return by === 'login'
    ? sql`usage_people AS who CROSS JOIN usage_rollup`
    : sql`usage_rollup JOIN usage_cells AS what ON what.id = cell`
}

/** Rows of `usage_rollup` by its key: cube, person, bucket, and then what cell it is. */
export const inCube = ({ from, to }: Segment, cube: Cube, scope: UsageScope, who: SQL): SQL => {
  const what = together(cellConditions(scope))
  return sql`cube = ${cube.id} AND ${who} AND bucket >= ${from} AND bucket < ${to}
    ${what === NOTHING ? NOTHING : sql`AND cell IN (SELECT id FROM usage_cells WHERE true ${what})`}`
}

export const anybody = sql`person = 0`

/** One person, or each of them: they are named because the key begins with them. */
export const person = (login: string | undefined): SQL =>
  login === undefined
    ? sql`person IN (SELECT id FROM usage_people)`
    : sql`person = (SELECT id FROM usage_people WHERE login = ${login})`

const whoOf = (asked: Asked): SQL => {
  if (!needsOf(asked).person) return anybody
  if (asked.by !== 'login') return person(asked.login)
  const named = asked.login === undefined ? NOTHING : sql` AND who.login = ${asked.login}`
  return sql`person = who.id${named}`
}

const NOTHING = sql``

/** Conditions on the dimensions that are named, each with its `AND`. */
const matching = (scope: UsageScope): SQL =>
  together([
    ...(scope.login === undefined ? [] : [sql`login = ${scope.login}`]),
    ...cellConditions(scope),
  ])

const together = (conditions: readonly SQL[]): SQL =>
  conditions.length === 0 ? NOTHING : sql.join(conditions.map((each) => sql` AND ${each}`))

/** Of all dimensions but the person. */
const cellConditions = (scope: UsageScope): SQL[] => {
  const { model, provider, door, agent, status, outcome, errorCode } = scope
  return [
    ...Object.entries({ provider, door, agent, status, outcome })
      .filter(([, value]) => value !== undefined)
      .map(([column, value]) => sql`${sql.identifier(column)} = ${value}`),
    ...(model === undefined ? [] : [isModel(sql`model`, model)]),
    ...(errorCode === undefined ? [] : [sql`error_code = ${countedCode(errorCode)}`]),
  ]
}

/** A model by the name under which it is counted, or by `provider/name`. */
export const isModel = (counted: SQL, asked: string): SQL => {
  const slashes = [...asked.matchAll(/\//g)].map(({ index }) => index)
  const qualified = slashes.map(
    (at) => sql`(provider = ${asked.slice(0, at)} AND ${counted} = ${asked.slice(at + 1)})`,
  )
  return sql`(${sql.join([sql`${counted} = ${asked}`, ...qualified], sql` OR `)})`
}

/** As migration 0016 counts it. */
const countedCode = (code: string): SQL =>
  sql`CASE WHEN ${code} IN (SELECT name FROM usage_codes UNION ALL SELECT '') THEN ${code} ELSE 'other' END`

const among = (by: Dimension, names: readonly string[] | undefined): SQL =>
  names === undefined
    ? NOTHING
    : sql`AND CAST(${sql.identifier(by)} AS TEXT) IN (SELECT value FROM json_each(${JSON.stringify(names)}))`

/**
 * Latencies are two thirds of the work. Nobody looks at them for each value of each step, or for each person of those who
 * did something certain: there they would take longer than somebody waits.
 */
const hasLatency = (asked: Asked): boolean =>
  asked.latencies ??
  (asked.by === undefined ||
    (asked.step === undefined && !(asked.by === 'login' && needsOf(asked).cell)))

const SUMS = sql.raw(MEASURES.map(([, sum]) => sum).join(', '))

const LATENCIES = sql.raw(
  LATENCY_COLUMNS.map((column) => `${low(column)}, ${high(column)}`).join(', '),
)

const compareNames = (a: string | null, b: string | null): number =>
  a === null || b === null ? Number(a === null) - Number(b === null) : compare(a, b)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
