import { gauges } from '../admin/metrics/gauges.ts'
import { quotaGauges } from '../gateway/quota/gauges.ts'
import { type Family, single } from '../platform/metric.ts'
import type { Platform } from '../platform/platform.ts'
import type { State } from './state.ts'

/** Everything `/metrics` shows: what was counted, what is so now, and what the host adds. */
export const metricFamilies =
  (platform: Platform, state: State): (() => readonly Family[]) =>
  () => [
    ...state.metrics.collect(),
    ...gauges({
      ...state,
      providers: state.registry.providers(),
      ledgerUp: platform.store.healthy(),
    }),
    ...sharedGauge(platform),
    ...quotaGauges(state.quotas),
    ...(platform.processMetrics?.() ?? []),
  ]

/** Only where there is a Redis to count in. */
const sharedGauge = ({ shared }: Platform): Family[] =>
  shared
    ? [
        single(
          'gauge',
          'postern_redis_up',
          '1 when limits are counted together with other gateways.',
          shared.trouble() === undefined ? 1 : 0,
        ),
      ]
    : []
