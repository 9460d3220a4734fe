import {
  and,
  desc,
  eq,
  getTableColumns,
  gte,
  lt,
  type SQL,
  type SQLWrapper,
  sql,
} from 'drizzle-orm'
import type { UsageRow } from '../../../platform/records/usage.ts'
import { type Database, usage } from '../schema.ts'
import type { Group } from './groups.ts'
import { isModel } from './rollup.ts'

export interface UsageFilter {
  /** ms since the epoch, inclusive. */
  readonly since?: number
  /** ms since the epoch, exclusive. */
  readonly until?: number
  readonly login?: string
  readonly model?: string
}

export interface UsageSummary {
  /** Login, model, UTC day as `2026-11-21`, …; empty when the rows have none, or when grouped by `none`. */
  readonly group: string
  readonly requests: number
  /** Requests whose outcome is not `ok`. */
  readonly failed: number
  /** Of these: that a provider failed or refused, or that were cut short here. */
  readonly errors: number
  /** Of these: that were refused here. */
  readonly refused: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedTokens: number
  readonly reasoningTokens: number
  /** Of the requests whose price is known. */
  readonly costNanousd: number
  readonly unpriced: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly durationMs: number
}

/** Adds up the rows that are in no sum yet: migration 0013. */
export const SUM_UP = 'UPDATE usage_summed SET times = times + 1'

/**
 * Writes rows, and then their sums: statements for one transaction. A row that is already there stays as it is. They go
 * to SQLite as one JSON text, which takes half as long as binding each value of 200 rows. Materialized, as SQLite would
 * otherwise write out each row's JSON anew for every one of its columns, which takes three times as long.
 */
export const usageStatements = (db: Database, rows: readonly UsageRow[]) =>
  [
    db.run(sql`WITH given AS MATERIALIZED (
        SELECT value AS v FROM json_each(${JSON.stringify(rows.map(valuesOf))}))
      ${INSERT} FROM given WHERE true ON CONFLICT (id) DO NOTHING`),
    db.run(sql.raw(SUM_UP)),
    ...headerStatements(db, rows),
  ] as const

const headerStatements = (db: Database, rows: readonly UsageRow[]) => {
  const found = rows.flatMap(({ id, startedAt, headers = [] }) =>
    headers.map(([name, value]) => [name, value, startedAt, id]),
  )
  if (found.length === 0) return []
  return [
    db.run(sql`INSERT OR IGNORE INTO usage_headers (name, value, seen_at, usage_id)
      SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(${JSON.stringify(found)})`),
  ]
}

/**
 * Sums over the ledger, the largest number of requests first, days in order.
 * @param limit most groups to answer with.
 */
export const summarize = (
  db: Database,
  { by, limit = 1000, ...filter }: UsageFilter & { by: Group; limit?: number },
): Promise<UsageSummary[]> =>
  db
    .select({
      group: groupColumn[by].as('group_name'),
      requests: sql<number>`count(*)`.as('requests'),
      failed: sql<number>`coalesce(sum(${usage.outcome} <> 'ok'), 0)`,
      errors: sql<number>`coalesce(sum(${usage.outcome} IN ('upstream_error', 'cut')), 0)`,
      refused: sql<number>`coalesce(sum(${usage.outcome} = 'rejected'), 0)`,
      inputTokens: sum(usage.inputTokens),
      outputTokens: sum(usage.outputTokens),
      cachedTokens: sum(usage.cachedTokens),
      reasoningTokens: sum(usage.reasoningTokens),
      costNanousd: sum(usage.costNanousd),
      unpriced: sql<number>`coalesce(sum(${usage.costNanousd} IS NULL), 0)`,
      bytesIn: sum(usage.bytesIn),
      bytesOut: sum(usage.bytesOut),
      durationMs: sum(usage.durationMs),
    })
    .from(usage)
    .where(matching(filter))
    .groupBy(...(by === 'none' ? [] : [sql`group_name`]))
    .orderBy(by === 'day' ? sql`group_name` : sql`requests DESC, group_name`)
    .limit(limit)

/** Where a page of rows ended: pass it to get the next, older page. */
export type Cursor = Pick<UsageRow, 'startedAt' | 'id'>

/** Rows, newest first. A page is found by its cursor, not by an offset: the millionth costs what the first does. */
export const listUsage = (
  db: Database,
  { limit, after, ...filter }: UsageFilter & { limit: number; after?: Cursor },
): Promise<UsageRow[]> =>
  db
    .select()
    .from(usage)
    .where(and(matching(filter), after && olderThan(after)))
    .orderBy(desc(usage.startedAt), desc(usage.id))
    .limit(limit)

/** Headers have a table of their own. */
type Column = Exclude<keyof UsageRow, 'headers'>

/** Every column of the ledger, in order, beside the name it has in a row. */
export const usageColumns: readonly (readonly [
  Exclude<keyof UsageRow, 'headers'>,
  column: string,
])[] = Object.entries(getTableColumns(usage)).map(([key, { name }]) => [key as Column, name])

const INSERT = sql.raw(
  `INSERT INTO usage (${usageColumns.map(([, column]) => column).join(', ')})
    SELECT ${usageColumns.map((_, index) => `v ->> ${index}`).join(', ')}`,
)

const groupColumn: Record<Group, SQL<string>> = {
  none: sql`''`,
  // The plus keeps SQLite from grouping along the index of logins, which visits every row ever written.
  user: sql`+${usage.login}`,
  model: sql`coalesce(counted_model, '')`,
  provider: sql`coalesce(${usage.provider}, '')`,
  door: sql`${usage.door}`,
  day: sql`strftime('%Y-%m-%d', ${usage.startedAt} / 1000, 'unixepoch')`,
  outcome: sql`${usage.outcome}`,
  error_code: sql`coalesce(${usage.errorCode}, '')`,
  status: sql`CAST(${usage.status} AS TEXT)`,
  kind: sql`${usage.kind}`,
  dialect: sql`${usage.dialect}`,
  label: sql`coalesce(${usage.label}, '')`,
}

const sum = (column: SQLWrapper) => sql<number>`coalesce(sum(${column}), 0)`

const matching = ({ since, until, login, model }: UsageFilter): SQL | undefined =>
  and(
    since === undefined ? undefined : gte(usage.startedAt, since),
    until === undefined ? undefined : lt(usage.startedAt, until),
    login === undefined ? undefined : eq(usage.login, login),
    model === undefined ? undefined : isModel(sql`counted_model`, model),
  )

const olderThan = ({ startedAt, id }: Cursor): SQL =>
  sql`(${usage.startedAt}, ${usage.id}) < (${startedAt}, ${id})`

/** In the order of the columns, as SQLite takes them. A journal of an older version lacks the newest columns. */
const valuesOf = (row: UsageRow): unknown[] =>
  usageColumns.map(([key]) => cellOf(row[key] ?? defaults[key] ?? null))

const defaults = Object.fromEntries(
  Object.entries(getTableColumns(usage)).map(([key, column]) => [key, column.default]),
) as Partial<Record<keyof UsageRow, number>>

/**
 * The columns are whole milliseconds and microseconds, and a clock may have told fractions. Half a surrogate pair, which
 * JSON can write, would become text that no reader of the database takes for UTF-8.
 */
const cellOf = (value: UsageRow[Column]): unknown =>
  typeof value === 'number' ? Math.round(value) : value?.toWellFormed()
