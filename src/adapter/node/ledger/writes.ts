import type { BatchItem } from 'drizzle-orm/batch'
import { insertAuthFailures } from '../../../ledger/store/auth-failures.ts'
import { upsertBan } from '../../../ledger/store/bans.ts'
import { insertCapture } from '../../../ledger/store/captures.ts'
import { actStatements } from '../../../ledger/store/changes.ts'
import { saveExport } from '../../../ledger/store/exports.ts'
import { touchKey } from '../../../ledger/store/keys/keys.ts'
import { type Charged, changeStatements, chargeStatements } from '../../../ledger/store/quotas.ts'
import { saveResponseStatements } from '../../../ledger/store/responses.ts'
import type { Database } from '../../../ledger/store/schema.ts'
import { usageStatements } from '../../../ledger/store/usage/usage.ts'
import type { Ban } from '../../../platform/records/ban.ts'
import { errorCode, unwrapped } from './errors.ts'
import type { Entry } from './protocol.ts'

/**
 * Writes lines in one transaction. A line that is already there changes nothing.
 * @throws what the client throws; then nothing was written. A line that is not JSON is a `SyntaxError`.
 */
const apply = async (db: Database, lines: readonly string[]): Promise<void> => {
  const entries = eachOnce(lines.map((line) => JSON.parse(line) as Entry))
  const usage = entries.flatMap((entry) => ('usage' in entry ? [entry.usage] : []))
  const failures = entries.flatMap((entry) => ('failure' in entry ? [entry.failure] : []))
  const bans = entries.flatMap((entry) => ('ban' in entry ? [entry.ban] : []))
  const used = entries.flatMap((entry) => ('used' in entry ? [entry.used] : []))
  const [first, ...rest]: BatchItem<'sqlite'>[] = [
    // Before the rows: a row that is there already was charged.
    ...quotaStatements(db, entries),
    ...(usage.length > 0 ? usageStatements(db, usage) : []),
    ...(failures.length > 0 ? [insertAuthFailures(db, failures)] : []),
    ...bans.map((ban: Ban) => upsertBan(db, ban)),
    ...used.map((use) => touchKey(db, use)),
    ...entries.flatMap((entry) => ('act' in entry ? actStatements(db, entry.act) : [])),
    ...entries.flatMap((entry) => ('capture' in entry ? [insertCapture(db, entry.capture)] : [])),
    ...entries.flatMap((entry) =>
      'response' in entry ? saveResponseStatements(db, entry.response) : [],
    ),
    ...entries.flatMap((entry) => ('exported' in entry ? [saveExport(db, entry.exported)] : [])),
  ]
  if (first !== undefined) await db.batch([first, ...rest])
}

/** In the order of the lines: what is charged before a bucket is redefined is charged to what it was. */
const quotaStatements = (db: Database, entries: readonly Entry[]): BatchItem<'sqlite'>[] => {
  const statements: BatchItem<'sqlite'>[] = []
  let charged: Charged[] = []
  for (const entry of entries) {
    if ('usage' in entry && entry.charged) {
      charged.push({ row: entry.usage.id, charges: entry.charged })
    }
    if ('quotas' in entry) {
      statements.push(...chargeStatements(db, charged), ...changeStatements(db, entry.quotas))
      charged = []
    }
  }
  return [...statements, ...chargeStatements(db, charged)]
}

/** A thread that died may have written to the journal what it was then sent again. */
const eachOnce = (entries: readonly Entry[]): Entry[] => {
  const known = new Set<string>()
  return entries.filter((entry) => {
    if (!('usage' in entry)) return true
    const isNew = !known.has(entry.usage.id)
    known.add(entry.usage.id)
    return isNew
  })
}

/**
 * Writes lines in one transaction or, if one of them is at fault, each in its own.
 * @param refuse told the index of each line that the database will never take.
 * @throws when the database is at fault; some of the lines may be written then.
 */
export const applyEach = async (
  db: Database,
  lines: readonly string[],
  refuse: (at: number, error: unknown) => void,
): Promise<void> => {
  try {
    await apply(db, lines)
  } catch (error) {
    if (!isLinesFault(error)) throw error
    if (lines.length === 1) return refuse(0, error)
    for (const [at, line] of lines.entries()) {
      await applyEach(db, [line], (_, reason) => refuse(at, reason))
    }
  }
}

/** Is it the line that is wrong, so that trying again is in vain, and not the database? */
const isLinesFault = (error: unknown): boolean =>
  /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/.test(errorCode(error)) || isMalformed(error)

/** What `JSON.parse`, our mapping or the client's binding throws; `fetch failed` is a TypeError too, with a cause. */
const isMalformed = (error: unknown): boolean => {
  const thrown = unwrapped(error)
  return (
    thrown instanceof SyntaxError ||
    thrown instanceof RangeError ||
    (thrown instanceof TypeError && thrown.cause === undefined)
  )
}
