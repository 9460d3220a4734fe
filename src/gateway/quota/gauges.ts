import type { QuotaUnit } from '../../config/config.ts'
import type { Family } from '../../platform/metric.ts'
import type { QuotaLedger } from './ledger.ts'
import type { BucketState } from './show.ts'

/** Prometheus wants dollars and seconds. */
const per: Readonly<Record<QuotaUnit, number>> = {
  dollars: 1e9,
  tokens: 1,
  requests: 1,
  compute: 1000,
  concurrent: 1,
}

/** Budgets that are everybody's. Those of people are left out: their names would be labels, and there is no end of them. */
export const quotaGauges = (ledger: Pick<QuotaLedger, 'show' | 'refs'>): Family[] => {
  const states = ledger.show(ledger.refs().filter(({ holder }) => holder === ''))
  const gauge = (name: string, help: string, of: (state: BucketState) => number): Family => ({
    name,
    help,
    type: 'gauge',
    samples: states.map((state) => ({
      labels: { quota: state.quota, unit: state.unit },
      value: of(state) / per[state.unit],
    })),
  })
  const what = 'in dollars, tokens, requests, seconds of compute, or places'
  return [
    gauge('postern_quota_left', `Left in budgets that are shared, ${what}.`, (it) => it.balance),
    gauge('postern_quota_capacity', `What those hold at most, ${what}.`, (it) => it.capacity),
  ]
}
