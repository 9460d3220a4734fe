import { isLogged, logLine } from '../../gateway/http/log/log-line.ts'
import type { Log, LogLevel } from '../../platform/platform.ts'

export interface LogOptions {
  readonly level: LogLevel
  /** Blanked out wherever they turn up. */
  readonly secrets: readonly string[]
}

/** One JSON line per event, for `wrangler tail` and Workers Logs. */
export const createLog =
  ({ level: least, secrets }: LogOptions): Log =>
  (level, evt, fields = {}) => {
    if (isLogged(level, least))
      console.log(logLine({ at: new Date(), level, evt, fields, secrets }))
  }
