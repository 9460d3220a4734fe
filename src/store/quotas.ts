import { asc, inArray, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import type { Balance, BalanceChange, Refill } from '../quota/balance.ts'
import { type Database, quotaRefills, quotas } from './schema.ts'

/** More than any gateway keeps in memory. */
const MOST = 100_000

/** Bound values of one statement: SQLite takes 32,766. */
const ROWS = 1000

/** Sets buckets to these states; one that is in place with a higher number stays, so a record may come twice. */
const upsertBalances = (db: Database, balances: readonly Balance[]) =>
  db
    .insert(quotas)
    .values([...balances])
    .onConflictDoUpdate({
      target: [quotas.quota, quotas.holder],
      set: {
        unit: sql`excluded.unit`,
        balance: sql`excluded.balance`,
        spent: sql`excluded.spent`,
        at: sql`excluded.at`,
        seq: sql`excluded.seq`,
      },
      setWhere: sql`excluded.seq > ${quotas.seq}`,
    })

/** Changes in their order, for one transaction; of many states of a bucket only the last is written. */
export const balanceStatements = (
  db: Database,
  changes: readonly BalanceChange[],
): BatchItem<'sqlite'>[] => {
  const statements: BatchItem<'sqlite'>[] = []
  let latest = new Map<string, Balance>()
  const flush = (): void => {
    const states = [...latest.values()]
    for (let at = 0; at < states.length; at += ROWS) {
      statements.push(upsertBalances(db, states.slice(at, at + ROWS)))
    }
    latest = new Map()
  }
  for (const { balances, refilled = [], dropped = [] } of changes) {
    for (const state of balances) latest.set(`${state.quota}\n${state.holder}`, state)
    if (refilled.length > 0) statements.push(deleteRefills(db, refilled))
    if (dropped.length === 0) continue
    flush()
    statements.push(db.delete(quotas).where(inArray(quotas.quota, [...dropped])))
  }
  flush()
  return statements
}

export const selectBalances = (db: Database): Promise<Balance[]> =>
  db.select().from(quotas).orderBy(asc(quotas.quota), asc(quotas.holder)).limit(MOST)

/** Asks the gateway to put something back; the same twice is one. */
export const insertRefill = (db: Database, refill: Refill) =>
  db
    .insert(quotaRefills)
    .values({ ...refill })
    .onConflictDoNothing({ target: quotaRefills.id })

/** Those that no gateway has done yet. */
export const selectRefills = (db: Database): Promise<Refill[]> =>
  db.select().from(quotaRefills).orderBy(asc(quotaRefills.id)).limit(ROWS)

export const deleteRefills = (db: Database, ids: readonly string[]) =>
  db.delete(quotaRefills).where(inArray(quotaRefills.id, [...ids]))
