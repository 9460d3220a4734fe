import { desc, eq, gt, isNull, lte, or, sql } from 'drizzle-orm'
import type { Ban } from '../../platform/records/ban.ts'
import { bans, type Database } from './schema.ts'

/** How long a lapsed ban is kept, to lengthen the next one, ms. */
const LAPSED_KEPT = 7 * 24 * 60 * 60 * 1000

/** More than any table of bans in memory may hold; the newest are kept. */
const MOST = 100_000

/**
 * Sets the ban of an address, or replaces it. One that started earlier than the ban in place changes nothing, so a
 * record that comes twice or late does no harm; nor does an automatic ban shorten what an admin set.
 */
export const upsertBan = (db: Database, ban: Ban) =>
  db
    .insert(bans)
    .values({ ...ban })
    .onConflictDoUpdate({
      target: bans.address,
      set: {
        cause: sql`excluded.cause`,
        level: sql`excluded.level`,
        startedAt: sql`excluded.started_at`,
        until: sql`excluded.until`,
        note: sql`excluded.note`,
      },
      setWhere: sql`excluded.started_at >= ${bans.startedAt} AND NOT (excluded.cause = 'auth_failures'
        AND ${bans.cause} = 'admin' AND coalesce(${bans.until} > excluded.started_at, TRUE))`,
    })

/** Lifts the ban of exactly this address; a lapsed one is forgotten. Resolves to the rows removed. */
export const deleteBan = (db: Database, address: string) =>
  db.delete(bans).where(eq(bans.address, address)).returning()

/** Bans in force at `now` (ms since the epoch), and those that lapsed in the week before, newest first. */
export const selectBans = (db: Database, now: number): Promise<Ban[]> =>
  db
    .select()
    .from(bans)
    .where(or(isNull(bans.until), gt(bans.until, now - LAPSED_KEPT)))
    .orderBy(desc(bans.startedAt))
    .limit(MOST)

/** Forgets bans that lapsed more than a week before `now`. */
export const deleteLapsed = (db: Database, now: number) =>
  db.delete(bans).where(lte(bans.until, now - LAPSED_KEPT))
