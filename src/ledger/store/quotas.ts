import { and, asc, gte, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import type {
  Balance,
  Charge,
  KeptQuotas,
  QuotaChange,
  Refill,
} from '../../platform/records/balance.ts'
import { type Database, quotaRefills, quotas } from './schema.ts'

/** More than any gateway keeps in memory. */
const MOST = 100_000

/** Refills that are told of at once. */
const REFILLS = 1000

type Statement = BatchItem<'sqlite'>

/** What is in a bucket at `at`. A clock that was set back lets nothing flow in, instead of letting it flow in twice. */
const filled = (at: number) =>
  sql`min(${quotas.capacity}, ${quotas.balance} + ${quotas.rate} * max(0, ${at} - ${quotas.at}))`

const later = (at: number) => sql`max(${quotas.at}, ${at})`

/** What the rows of the ledger take out of buckets. */
export interface Charged {
  /** Id of the row. */
  readonly row: string
  readonly charges: readonly Charge[]
}

/**
 * Takes what requests cost out of their buckets, in their order, unless their rows are in the ledger already. The rows must
 * be written after it, in the same transaction. One statement for all of them: with one for each charge a request with a
 * budget cost twice one without.
 */
export const chargeStatements = (db: Database, charged: readonly Charged[]): Statement[] => {
  const all = charged.flatMap(({ row, charges }) =>
    charges.map(({ quota, holder, unit, amount, capacity, rate, at }) => [
      ...[quota, holder, unit, capacity - amount, amount, capacity, rate, at],
      row,
    ]),
  )
  if (all.length === 0) return []
  const renamed = charged.flatMap(({ charges }) => charges.flatMap((it) => rename(db, it)))
  return [...renamed, db.run(sql`${CHARGE_HEAD}(${JSON.stringify(all)})${CHARGE_TAIL}`)]
}

/** Before it is charged, so that what is left goes along; a bucket that is there under its new name stays as it is. */
const rename = (db: Database, { quota, holder, formerly }: Charge): Statement[] =>
  formerly === undefined
    ? []
    : [
        db.run(sql`UPDATE OR IGNORE quotas SET holder = ${holder}
          WHERE quota = ${quota} AND holder = ${formerly}`),
      ]

const CHARGE_HEAD =
  sql.raw(`INSERT INTO quotas (quota, holder, unit, balance, spent, capacity, rate, at)
  SELECT ${[0, 1, 2, 3, 4, 5, 6, 7].map((index) => `value ->> ${index}`).join(', ')} FROM json_each`)

/** A bucket that was never charged is full, and so is one that counted something else before. */
const CHARGE_TAIL = sql.raw(`
  WHERE NOT EXISTS (SELECT 1 FROM usage WHERE usage.id = value ->> 8)
  ON CONFLICT (quota, holder) DO UPDATE SET
    balance = CASE WHEN quotas.unit = excluded.unit
      THEN min(excluded.capacity, quotas.balance + excluded.rate * max(0, excluded.at - quotas.at)) - excluded.spent
      ELSE excluded.balance END,
    spent = CASE WHEN quotas.unit = excluded.unit THEN quotas.spent + excluded.spent ELSE excluded.spent END,
    unit = excluded.unit, capacity = excluded.capacity, rate = excluded.rate, at = max(quotas.at, excluded.at)`)

/** What else happens to buckets. */
export const changeStatements = (db: Database, change: QuotaChange): Statement[] => [
  ...(change.refilled ?? []).flatMap((refill) => refillStatements(db, refill)),
  ...(change.redefined ?? []).map(({ quota, unit, capacity, rate, at }) =>
    db
      .update(quotas)
      .set({ balance: sql`min(${capacity}, ${filled(at)})`, capacity, rate, at: later(at) })
      .where(sql`${quotas.quota} = ${quota} AND ${quotas.unit} = ${unit}`),
  ),
  ...(change.dropped ?? []).flatMap((quota) => [
    db.delete(quotas).where(sql`${quotas.quota} = ${quota}`),
    db.delete(quotaRefills).where(sql`${quotaRefills.quota} = ${quota}`),
  ]),
]

/** Once, whoever comes first: as long as it waits to be done. */
const refillStatements = (db: Database, { id, quota, holder, amount, at }: Refill): Statement[] => [
  db
    .update(quotas)
    .set({ balance: sql`min(${quotas.capacity}, ${filled(at)} + ${amount})`, at: later(at) })
    .where(
      and(
        sql`${quotas.quota} = ${quota} AND ${quotas.holder} = ${holder}`,
        sql`EXISTS (SELECT 1 FROM ${quotaRefills} WHERE ${quotaRefills.id} = ${id})`,
      ),
    ),
  db.delete(quotaRefills).where(sql`${quotaRefills.id} = ${id}`),
]

/** Buckets that something happened to since then, ms since the epoch, and refills that no gateway has done yet. */
export const selectQuotas = async (db: Database, since: number): Promise<KeptQuotas> => {
  const [balances, refills] = await db.batch([
    db
      .select()
      .from(quotas)
      .where(gte(quotas.at, since))
      .orderBy(asc(quotas.quota), asc(quotas.holder))
      .limit(MOST),
    db.select().from(quotaRefills).orderBy(asc(quotaRefills.id)).limit(REFILLS),
  ])
  return { balances: balances satisfies Balance[], refills }
}

/** Refills that no gateway has done yet. */
export const selectRefills = (db: Database): Promise<Refill[]> =>
  db.select().from(quotaRefills).orderBy(asc(quotaRefills.id)).limit(REFILLS)

/** Asks the gateway to put something back; the same twice is one. */
export const insertRefill = (db: Database, refill: Refill) =>
  db
    .insert(quotaRefills)
    .values({ ...refill })
    .onConflictDoNothing({ target: quotaRefills.id })
