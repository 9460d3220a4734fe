import type { Metrics } from '../admin/metrics/metrics.ts'
import type { QuotaLedger } from '../gateway/quota/ledger.ts'
import type { Live } from '../gateway/usage/live.ts'
import type { Store } from '../platform/platform.ts'

interface Watching {
  readonly metrics: Pick<Metrics, 'row'>
  readonly quotas: Pick<QuotaLedger, 'settle' | 'saved'>
  readonly live: Pick<Live, 'tell'>
}

/** What happens when a row goes to the ledger: it is counted, charged to budgets, kept, and shown to who looks on. */
export const recorder = (
  store: Pick<Store, 'recordUsage'>,
  { metrics, quotas, live }: Watching,
): Pick<Store, 'recordUsage'> => ({
  recordUsage: async (row) => {
    metrics.row(row)
    const charges = quotas.settle(row)
    await store.recordUsage(row, charges)
    quotas.saved(charges)
    live.tell(row.login)
  },
})
