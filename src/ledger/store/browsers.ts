import { and, desc, eq, gt, isNull, lt } from 'drizzle-orm'
import type { Browser } from '../../platform/records/act.ts'
import { browsers, type Database } from './schema.ts'

/** Shown at most; somebody with more has signed in by a program. */
const MOST = 500
/** A year: long after what a browser held has lapsed, ms. */
const KEPT = 365 * 86_400_000

/** Notes that somebody signed in; a row that is already there stays as it is. */
export const insertBrowser = (db: Database, browser: Browser) =>
  db
    .insert(browsers)
    .values({ ...browser })
    .onConflictDoNothing({ target: browsers.id })

/** Forgets those that nobody can be signed in with any more. */
export const deleteOldBrowsers = (db: Database, now: number) =>
  db.delete(browsers).where(lt(browsers.startedAt, now - KEPT))

export const endBrowser = (db: Database, id: string, at: number) =>
  db
    .update(browsers)
    .set({ endedAt: at })
    .where(and(eq(browsers.id, id), isNull(browsers.endedAt)))

/** Not ended, newest first; of one login when it is named. */
export const selectBrowsers = (
  db: Database,
  { login }: { readonly login?: string },
): Promise<Browser[]> =>
  db
    .select()
    .from(browsers)
    .where(
      and(isNull(browsers.endedAt), login === undefined ? undefined : eq(browsers.login, login)),
    )
    .orderBy(desc(browsers.startedAt))
    .limit(MOST)

/** Ids of those that ended since then. */
export const selectEnded = async (
  db: Database,
  { since }: { readonly since: number },
): Promise<string[]> =>
  (await db.select({ id: browsers.id }).from(browsers).where(gt(browsers.endedAt, since))).map(
    ({ id }) => id,
  )
