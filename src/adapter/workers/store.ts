import { createClient } from '@libsql/client/web'
import type { BatchItem } from 'drizzle-orm/batch'
import { drizzle } from 'drizzle-orm/libsql/web'
import type { DatabaseConfig } from '../../config/config.ts'
import { answer } from '../../ledger/store/answers.ts'
import { insertAuthFailures } from '../../ledger/store/auth-failures.ts'
import { selectBans, upsertBan } from '../../ledger/store/bans.ts'
import { insertCapture, purgeCaptures } from '../../ledger/store/captures.ts'
import { actStatements } from '../../ledger/store/changes.ts'
import { saveExport } from '../../ledger/store/exports.ts'
import { selectKeyRing, touchKey } from '../../ledger/store/keys/keys.ts'
import { type Migration, migrate } from '../../ledger/store/migrate.ts'
import ledger from '../../ledger/store/migrations/0001-ledger.sql'
import keys from '../../ledger/store/migrations/0002-keys.sql'
import audit from '../../ledger/store/migrations/0003-audit.sql'
import quotas from '../../ledger/store/migrations/0004-quotas.sql'
import cost from '../../ledger/store/migrations/0005-cost.sql'
import keyQuota from '../../ledger/store/migrations/0006-key-quota.sql'
import rollups from '../../ledger/store/migrations/0007-rollups.sql'
import exported from '../../ledger/store/migrations/0008-exports.sql'
import browsers from '../../ledger/store/migrations/0009-browsers.sql'
import configVersions from '../../ledger/store/migrations/0011-config-versions.sql'
import captures from '../../ledger/store/migrations/0012-captures.sql'
import rollupsByBatch from '../../ledger/store/migrations/0013-rollups-by-batch.sql'
import headers from '../../ledger/store/migrations/0014-headers.sql'
import rollupsByMinute from '../../ledger/store/migrations/0015-rollups-by-minute.sql'
import howItEnded from '../../ledger/store/migrations/0016-how-it-ended.sql'
import responses from '../../ledger/store/migrations/0018-responses.sql'
import { changeStatements, chargeStatements } from '../../ledger/store/quotas.ts'
import { saveResponseStatements } from '../../ledger/store/responses.ts'
import type { Database } from '../../ledger/store/schema.ts'
import { usageStatements } from '../../ledger/store/usage/usage.ts'
import type { Log, Platform, Store } from '../../platform/platform.ts'
import type { KeyRing } from '../../platform/records/api-key.ts'
import type { Retention } from '../../platform/records/captured.ts'

/** In the order of the folder; test/runtime/workers.test.ts holds the list against it. */
const migrations: readonly Migration[] = [
  { name: '0001-ledger.sql', sql: ledger },
  { name: '0002-keys.sql', sql: keys },
  { name: '0003-audit.sql', sql: audit },
  { name: '0004-quotas.sql', sql: quotas },
  { name: '0005-cost.sql', sql: cost },
  { name: '0006-key-quota.sql', sql: keyQuota },
  { name: '0007-rollups.sql', sql: rollups },
  { name: '0008-exports.sql', sql: exported },
  { name: '0009-browsers.sql', sql: browsers },
  { name: '0011-config-versions.sql', sql: configVersions },
  { name: '0012-captures.sql', sql: captures },
  { name: '0013-rollups-by-batch.sql', sql: rollupsByBatch },
  { name: '0014-headers.sql', sql: headers },
  { name: '0015-rollups-by-minute.sql', sql: rollupsByMinute },
  { name: '0016-how-it-ended.sql', sql: howItEnded },
  { name: '0018-responses.sql', sql: responses },
]

/** Captures that are emptied with each that is written. */
const atOnce = 20

export interface StoreOptions {
  readonly log: Log
  readonly waitUntil: Platform['waitUntil']
}

export interface WorkersStore extends Store {
  /** Nobody tells an isolate that a key was revoked: it has to ask. Tells those that asked by `onKeysChanged`. */
  readKeysAgain(): Promise<void>
}

/**
 * The ledger in a libSQL server over HTTP. A row is acknowledged when the server has it; each is written by its own
 * request, since an isolate has no moment of its own in which it could write what it collected.
 */
export const createStore = (config: DatabaseConfig, options: StoreOptions): WorkersStore => {
  const { url, authToken } = config
  const client = createClient({ url, ...(authToken !== undefined && { authToken }) })
  const database = drizzle(client) as unknown as Database
  const prepared = createPreparation(database, options)
  const listeners: ((ring: KeyRing) => void)[] = []
  let healthy = true
  let retention: Retention | undefined
  const attempt = async <Result>(
    act: (database: Database) => PromiseLike<Result>,
  ): Promise<Result> => {
    try {
      await prepared()
      const result = await persist(() => act(database))
      healthy = true
      return result
    } catch (error) {
      healthy = false
      throw error
    }
  }
  return {
    recordUsage: async (row, charges = []) => {
      await attempt((db) => {
        const statements = chargeStatements(db, [{ row: row.id, charges }])
        return inOne(db, [...statements, ...usageStatements(db, [row])])
      })
    },
    recordAuthFailure: async (row) => void (await attempt((db) => insertAuthFailures(db, [row]))),
    saveBan: async (ban) => void (await attempt((db) => upsertBan(db, ban))),
    loadBans: () => attempt((db) => selectBans(db, Date.now())),
    // Nobody could tell us: an isolate sees changes when it starts.
    onBansChanged: () => {},
    loadKeys: () => attempt(selectKeyRing),
    onKeysChanged: (listener) => {
      listeners.push(listener)
    },
    recordKeyUse: async (use) => void (await attempt((db) => touchKey(db, use))),
    // Other isolates charge the same buckets.
    shared: true,
    onQuotas: () => {},
    changeQuotas: async (change) => {
      await attempt((db) => inOne(db, changeStatements(db, change)))
    },
    saveCapture: async (capture) => {
      await attempt((db) => insertCapture(db, capture))
      // An isolate has no time of its own: each takes some old ones along.
      await attempt(async (db) => retention && purgeCaptures(db, retention, Date.now(), atOnce))
    },
    keepCaptures: (kept) => {
      retention = kept
    },
    saveResponse: async (response) => {
      await attempt((db) => inOne(db, saveResponseStatements(db, response)))
    },
    // No exporter runs here: an isolate has no time of its own.
    saveExport: async (change) => void (await attempt((db) => saveExport(db, change))),
    record: async (act) => {
      await attempt((db) => inOne(db, actStatements(db, act)))
    },
    ask: (name, asks) => attempt((db) => answer(db, name, asks)),
    readKeysAgain: async () => {
      const ring = await attempt(selectKeyRing)
      for (const listener of listeners) listener(ring)
    },
    healthy: () => healthy,
  }
}

/** One transaction. */
const inOne = async (
  db: Database,
  [first, ...rest]: readonly BatchItem<'sqlite'>[],
): Promise<void> => {
  if (first) await db.batch([first, ...rest])
}

/** Brings the tables up to date once per isolate. What failed is tried again by the next write. */
const createPreparation = (
  database: Database,
  { log, waitUntil }: StoreOptions,
): (() => Promise<unknown>) => {
  let running: Promise<unknown> | undefined
  return () => {
    if (running) return running
    const attempt = persist(() => migrate(database, migrations))
    running = attempt
    waitUntil(
      attempt.catch((error: unknown) => {
        running = undefined
        log('error', 'database.migration_failed', { reason: String(error) })
      }),
    )
    return attempt
  }
}

/** ms before each further try: within the 30 s that the runtime grants after an answer. */
const pauses = [100, 400, 1600, 6400]

/** A server that is being written to by someone else says so, and is asked again a little later. */
const persist = async <Result>(act: () => PromiseLike<Result>): Promise<Result> => {
  for (const pause of pauses) {
    try {
      return await act()
    } catch (error) {
      if (!passes(error)) throw error
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
  return act()
}

/** Failures that time heals: a locked database, a full transaction queue, a server that does not answer. */
const passes = (error: unknown): boolean =>
  /SQLITE_BUSY|SQLITE_LOCKED|TRANSACTION_BUSY|HTTP status (429|5\d\d)|Network connection lost/.test(
    describe(error),
  )

/** drizzle wraps what the client says. */
const describe = (error: unknown): string =>
  error instanceof Error ? `${error.message} ${describe(error.cause)}` : String(error)
