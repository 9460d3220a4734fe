import type { BatchItem } from 'drizzle-orm/batch'
import type { Act, Change } from '../../platform/records/act.ts'
import { insertAudit } from './audit.ts'
import { deleteBan, upsertBan } from './bans.ts'
import { deleteOldBrowsers, endBrowser, insertBrowser } from './browsers.ts'
import { deleteVersion, insertVersions } from './config-versions.ts'
import { keyRow } from './keys/key-row.ts'
import { insertKey, insertSigner, retireSigner, revokeKeys } from './keys/keys.ts'
import { insertRefill } from './quotas.ts'
import type { Database } from './schema.ts'

/** The statements of an act, for one transaction. Harmless when they are run again. */
export const actStatements = (db: Database, { audit, change }: Act): BatchItem<'sqlite'>[] => [
  insertAudit(db, audit),
  ...(change === undefined ? [] : changeStatements(db, change)),
]

const changeStatements = (db: Database, change: Change): BatchItem<'sqlite'>[] => {
  if (change.kind === 'config.keep') return insertVersions(db, change.versions)
  if (change.kind !== 'session.start') return [changeStatement(db, change)]
  const { browser } = change
  return [insertBrowser(db, browser), deleteOldBrowsers(db, browser.startedAt)]
}

type Single = Exclude<Change, { readonly kind: 'session.start' | 'config.keep' }>

const changeStatement = (db: Database, change: Single): BatchItem<'sqlite'> => {
  switch (change.kind) {
    case 'key.create':
      return insertKey(db, keyRow(change.key))
    case 'key.revoke':
      return revokeKeys(db, [change.id], change.at)
    case 'key.sign':
      return insertSigner(db, change.signer, change.at)
    case 'key.retire':
      return retireSigner(db, change.kid, change.at)
    case 'ban.set':
      return upsertBan(db, change.ban)
    case 'ban.lift':
      return deleteBan(db, change.address)
    case 'session.end':
      return endBrowser(db, change.id, change.at)
    case 'quota.refill':
      return insertRefill(db, change.refill)
    case 'config.withdraw':
      return deleteVersion(db, change.id)
  }
}
