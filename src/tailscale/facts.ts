import type { LocalApi } from '../platform/platform.ts'
import type { ServeConfig } from './serve-config.ts'
import { readServeConfig, readStatus } from './serve-config-change.ts'
import type { Status } from './shapes.ts'

/** What tailscaled is and does. Undefined: it did not tell. */
export interface TailnetFacts {
  readonly status: Status | undefined
  readonly serveConfig: ServeConfig | undefined
}

/** Never rejects. */
export const readFacts = async (localApi: LocalApi, signal: AbortSignal): Promise<TailnetFacts> => {
  const [status, served] = await Promise.allSettled([
    readStatus(localApi, signal),
    readServeConfig(localApi, signal),
  ])
  return {
    status: status.status === 'fulfilled' ? status.value : undefined,
    serveConfig: served.status === 'fulfilled' ? served.value.config : undefined,
  }
}
