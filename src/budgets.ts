import { createAudit } from './admin/audit.ts'
import { quotaRoutes } from './admin/quotas.ts'
import type { AdminRoute } from './admin/route.ts'
import type { Config } from './config/config.ts'
import type { Platform } from './platform.ts'
import { unusedRef } from './quota/names.ts'
import { bucketsFor } from './quota/show.ts'
import type { State } from './state.ts'

/** What our own API tells of budgets, and puts back into them. */
export const budgetRoutes = (
  { quotas }: Pick<Config, 'quotas'>,
  platform: Platform,
  { quotas: ledger }: Pick<State, 'quotas'>,
): AdminRoute[] => {
  const mine = bucketsFor(ledger, quotas)
  return quotaRoutes({
    platform,
    audit: createAudit(platform),
    buckets: async (c, all) => {
      await ledger.ready()
      return all ? ledger.show(ledger.refs()) : mine(c)
    },
    find: async (bucket) => {
      await ledger.ready()
      const used = ledger.show(ledger.refs()).find((state) => state.bucket === bucket)
      return used ?? ledger.show(unusedRef(bucket, quotas))[0]
    },
    refill: (refill) => ledger.refill([refill]),
  })
}
