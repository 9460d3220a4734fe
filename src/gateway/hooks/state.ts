import type { Platform } from '../../platform/platform.ts'
import { type CallerOptions, type CallHook, createCaller } from './call.ts'
import { createDeliveries, type Deliveries } from './deliveries.ts'

/** What outlives a configuration. */
export interface HooksState {
  readonly call: CallHook
  readonly deliveries: Deliveries
}

export const createHooksState = (
  platform: Pick<Platform, 'send' | 'clock' | 'log' | 'waitUntil'>,
  keyHeader: CallerOptions['keyHeader'],
): HooksState => {
  const call = createCaller({ ...platform, keyHeader })
  return { call, deliveries: createDeliveries({ ...platform, call }) }
}
