import { sql } from 'drizzle-orm'
import type { Attempts } from '../../../platform/records/questions.ts'
import type { Database } from '../schema.ts'

/** Addresses that are named. */
const most = 10

/** Who was turned away since then (ms since the epoch): when, why, and from where the most. */
export const selectAttempts = async (
  db: Database,
  { since, step }: { readonly since: number; readonly step: number },
): Promise<Attempts> => {
  const points = await db.all<Attempts['points'][number]>(sql`
    SELECT at - at % ${step} AS at, reason, count(*) AS count
    FROM auth_failures WHERE at >= ${since} GROUP BY 1, 2 ORDER BY 1, 2`)
  const addresses = await db.all<Attempts['addresses'][number]>(sql`
    SELECT client_ip AS clientIp, count(*) AS count, min(at) AS firstAt, max(at) AS lastAt,
      group_concat(DISTINCT reason) AS reasons
    FROM auth_failures WHERE at >= ${since} GROUP BY client_ip ORDER BY count DESC, lastAt DESC LIMIT ${most}`)
  return { points, addresses }
}
