import { and, desc, eq, getTableColumns, gte, lt, type SQL, sql } from 'drizzle-orm'
import type {
  RequestCursor,
  RequestSummary,
  RequestsAsked,
  RequestsPage,
} from '../../../platform/records/figures.ts'
import { type Database, usage, usageHeaders } from '../schema.ts'
import { anybody, inCube, isModel, person } from './rollup.ts'
import { daily, hourly } from './rollup-levels.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Hours that one page looks into, and rows that it reads to find a text: a page answers soon, full or not. */
const HOURS = 48
const DAYS = 64
const READ_FOR_TEXT = 20_000

/** Rows, newest first. A page is found by its cursor, not by an offset: the millionth costs what the first does. */
export const selectRequests = (db: Database, asked: RequestsAsked): Promise<RequestsPage> => {
  if (asked.header !== undefined) return selectByHeader(db, asked, asked.header)
  if (asked.session !== undefined || asked.errorCode !== undefined) return selectDirectly(db, asked)
  if (asked.text !== undefined) return selectByText(db, asked)
  return isRare(asked) ? selectByHours(db, asked) : selectDirectly(db, asked)
}

/** No index leads to rows of these: without the sums, a few of them among ten million would be searched for one by one. */
const isRare = ({ provider, door, agent, status, outcome, login, model }: RequestsAsked): boolean =>
  [provider, door, agent, status, outcome].some((value) => value !== undefined) ||
  (login !== undefined && model !== undefined) ||
  (model?.includes('/') ?? false)

const selectDirectly = async (db: Database, asked: RequestsAsked): Promise<RequestsPage> => {
  const rows = await select(db, conditions(asked), asked.limit + 1)
  return page(rows, asked.limit)
}

/** Along the index of headers, which is in the order of time; CROSS keeps SQLite from beginning with the rows. */
const selectByHeader = async (
  db: Database,
  asked: RequestsAsked,
  { name, value }: NonNullable<RequestsAsked['header']>,
): Promise<RequestsPage> => {
  const { name: header, value: had, seenAt, usageId } = usageHeaders
  const rows = await db
    .select({ ...getTableColumns(usage), agent: sql<string>`agent` })
    .from(usageHeaders)
    .crossJoin(usage)
    .where(
      and(
        eq(usage.id, usageId),
        eq(header, name),
        value === undefined ? undefined : eq(had, value),
        gte(seenAt, asked.since),
        lt(seenAt, untilOf(asked)),
        conditions(asked),
      ),
    )
    // A request and its answer may have had it with two values.
    .groupBy(seenAt, usageId)
    .orderBy(desc(seenAt), desc(usageId))
    .limit(asked.limit + 1)
  return page(rows, asked.limit)
}

/** The sums know in which days and hours there is anything; only those are read. */
const selectByHours = async (db: Database, asked: RequestsAsked): Promise<RequestsPage> => {
  const found: RequestSummary[] = []
  const most = asked.limit + 1
  let hours = 0
  const days = await bucketsOf(db, asked, DAY, DAYS)
  for (const day of days) {
    for (const hour of await bucketsOf(db, narrowed(asked, day, DAY), HOUR, 24)) {
      const where = conditions(narrowed(asked, hour, HOUR))
      found.push(...(await select(db, where, most - found.length)))
      if (found.length >= most) return page(found, asked.limit)
      hours += 1
      if (hours >= HOURS) return { rows: found, next: before(hour) }
    }
  }
  const last = days.at(-1)
  return days.length < DAYS || last === undefined
    ? { rows: found }
    : { rows: found, next: before(last) }
}

/** Everything older than the beginning of a bucket: no id is smaller than none. */
const before = (bucket: number): RequestCursor => ({ startedAt: bucket, id: '' })

/** One bound at each end: SQLite would search between the first two that it is told. */
const narrowed = (asked: RequestsAsked, from: number, length: number): RequestsAsked => ({
  ...asked,
  since: Math.max(asked.since, from),
  until: Math.min(untilOf(asked), from + length),
})

const untilOf = ({ until = Number.MAX_SAFE_INTEGER, before: cursor }: RequestsAsked): number =>
  cursor === undefined ? until : Math.min(until, cursor.startedAt + 1)

/** Days or hours with matching rows, the newest first. */
const bucketsOf = async (
  db: Database,
  asked: RequestsAsked,
  step: number,
  limit: number,
): Promise<number[]> => {
  const needs = { person: asked.login !== undefined }
  const cube = step === DAY ? daily(needs) : hourly(needs)
  const who = needs.person ? person(asked.login) : anybody
  const from = Math.floor(asked.since / step) * step
  const rows = await db.all<{ bucket: number }>(sql`SELECT bucket FROM usage_rollup
    WHERE ${inCube({ cube, from, to: untilOf(asked) }, cube, asked, who)}
    GROUP BY bucket ORDER BY bucket DESC LIMIT ${limit}`)
  return rows.map(({ bucket }) => bucket)
}

/** Looks for a text in the newest rows of what is asked, as many as can be read in a moment. */
const selectByText = async (db: Database, asked: RequestsAsked): Promise<RequestsPage> => {
  const { text = '', limit } = asked
  const pattern = `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`
  const columns = ['model', 'upstream_model', 'user_agent', 'route', 'client_ip', 'label', 'login']
  const like = sql.join(
    columns.map((column) => sql`${sql.identifier(column)} LIKE ${pattern} ESCAPE '\\'`),
    sql` OR `,
  )
  const read = db
    .select({ ...getTableColumns(usage), agent: sql<string>`agent`.as('agent') })
    .from(usage)
    .where(conditions(asked))
    .orderBy(desc(usage.startedAt), desc(usage.id))
    .limit(READ_FOR_TEXT)
    .as('read')
  const rows = await db
    .select()
    .from(read)
    .where(like)
    .limit(limit + 1)
  if (rows.length > limit) return page(rows, limit)
  const [last] = await db
    .select({ startedAt: usage.startedAt, id: usage.id })
    .from(usage)
    .where(conditions(asked))
    .orderBy(desc(usage.startedAt), desc(usage.id))
    .limit(1)
    .offset(READ_FOR_TEXT - 1)
  return { rows, ...(last && { next: last }) }
}

/** One request by its id, or by the id that its answer and the log showed. */
export const selectRequest = async (
  db: Database,
  { id, login }: { readonly id: string; readonly login?: string },
): Promise<RequestSummary | null> => {
  const at = timeOf(id)
  const [row] = await select(
    db,
    and(
      login === undefined ? undefined : eq(usage.login, login),
      at === undefined
        ? eq(usage.id, id)
        : sql`(${usage.id} = ${id} OR (${usage.requestId} = ${id}
            AND ${usage.startedAt} BETWEEN ${at - NEAR} AND ${at + NEAR}))`,
    ),
    1,
  )
  return row ?? null
}

/** A request's id is made when it arrives, so that it tells where to look; clocks may have been set meanwhile, ms. */
const NEAR = 2000

/** When a UUIDv7 was made (RFC 9562): its first 48 bits. */
const timeOf = (id: string): number | undefined => {
  const hex = /^([0-9a-f]{8})-([0-9a-f]{4})-7/i.exec(id)
  return hex ? Number.parseInt(`${hex[1]}${hex[2]}`, 16) : undefined
}

const select = (db: Database, where: SQL | undefined, limit: number): Promise<RequestSummary[]> =>
  selectRows(db).where(where).orderBy(desc(usage.startedAt), desc(usage.id)).limit(limit)

/** Whole rows, and the program that called. */
export const selectRows = (db: Database) =>
  db.select({ ...getTableColumns(usage), agent: sql<string>`agent` }).from(usage)

const page = (rows: RequestSummary[], limit: number): RequestsPage => {
  const last = rows[limit - 1]
  if (rows.length <= limit || last === undefined) return { rows }
  return { rows: rows.slice(0, limit), next: { startedAt: last.startedAt, id: last.id } }
}

const conditions = (asked: RequestsAsked): SQL | undefined =>
  and(
    gte(usage.startedAt, asked.since),
    lt(usage.startedAt, untilOf(asked)),
    asked.login === undefined ? undefined : eq(usage.login, asked.login),
    asked.model === undefined ? undefined : isModel(sql`counted_model`, asked.model),
    asked.provider === undefined ? undefined : eq(usage.provider, asked.provider),
    asked.door === undefined ? undefined : eq(usage.door, asked.door),
    asked.agent === undefined ? undefined : sql`agent = ${asked.agent}`,
    asked.status === undefined ? undefined : eq(usage.status, asked.status),
    asked.outcome === undefined ? undefined : eq(usage.outcome, asked.outcome),
    asked.errorCode === undefined ? undefined : eq(usage.errorCode, asked.errorCode),
    asked.session === undefined ? undefined : eq(usage.sessionId, asked.session),
    asked.before && olderThan(asked.before),
  )

const olderThan = ({ startedAt, id }: RequestCursor): SQL =>
  sql`(${usage.startedAt}, ${usage.id}) < (${startedAt}, ${id})`
