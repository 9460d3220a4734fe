import type { Family } from './metrics/family.ts'
import { gauges } from './metrics/gauges.ts'
import type { Platform } from './platform.ts'
import { quotaGauges } from './quota/gauges.ts'
import type { State } from './state.ts'

/** Everything `/metrics` shows: what was counted, what is so now, and what the host adds. */
export const vitals =
  (platform: Platform, state: State): (() => readonly Family[]) =>
  () => [
    ...state.metrics.collect(),
    ...gauges({
      ...state,
      providers: state.registry.providers(),
      ledgerUp: platform.store.healthy(),
    }),
    ...quotaGauges(state.quotas),
    ...(platform.vitals?.() ?? []),
  ]
