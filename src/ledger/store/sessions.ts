import { and, desc, eq, gte, lt, sql } from 'drizzle-orm'
import type { SessionsAsked, SessionsPage } from '../../platform/records/figures.ts'
import { type Database, usageSessions } from './schema.ts'

/** Sessions, the one that began last first, page by page. */
export const selectSessions = async (
  db: Database,
  { login, since, until, limit, before }: SessionsAsked,
): Promise<SessionsPage> => {
  const { firstAt, login: who, sessionId } = usageSessions
  const rows = await db
    .select()
    .from(usageSessions)
    .where(
      and(
        login === undefined ? undefined : eq(who, login),
        since === undefined ? undefined : gte(firstAt, since),
        until === undefined ? undefined : lt(firstAt, until),
        before &&
          sql`(${firstAt}, ${who}, ${sessionId}) < (${before.firstAt}, ${before.login}, ${before.sessionId})`,
      ),
    )
    .orderBy(desc(firstAt), desc(who), desc(sessionId))
    .limit(limit + 1)
  const last = rows[limit - 1]
  if (rows.length <= limit || last === undefined) return { rows }
  const next = { firstAt: last.firstAt, login: last.login, sessionId: last.sessionId }
  return { rows: rows.slice(0, limit), next }
}
