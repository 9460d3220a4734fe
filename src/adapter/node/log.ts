import sonicBoom from 'sonic-boom'
import { isLogged, logLine } from '../../http/log-line.ts'
import type { Log, LogLevel } from '../../platform.ts'

export interface LogOptions {
  readonly level: () => LogLevel
  /** File descriptor; default 1. */
  readonly fd?: number
  /** Secrets to blank out wherever they turn up. */
  readonly secrets: () => readonly string[]
}

export interface NodeLog {
  readonly log: Log
  flush(): void
}

/** Lines waiting for a slow reader; beyond it they are dropped and counted, for a full pipe must not stop requests. */
const maxBuffered = 4 * 1024 * 1024

/** JSON lines on stdout, written off the request's path. */
export const createLog = ({ level, secrets, fd = 1 }: LogOptions): NodeLog => {
  const sink = new sonicBoom.SonicBoom({
    fd,
    sync: false,
    maxLength: maxBuffered,
    retryEAGAIN: () => true,
  })
  let dropped = 0
  sink.on('drop', () => {
    dropped++
  })
  // A reader that is gone (EPIPE) takes the log with it, not the gateway.
  sink.on('error', () => {})
  const log: Log = (lineLevel, evt, fields = {}) => {
    if (!isLogged(lineLevel, level())) return
    const lost = dropped
    dropped = 0
    const known = lost > 0 ? { ...fields, dropped_logs: lost } : fields
    const at = new Date()
    sink.write(`${logLine({ at, level: lineLevel, evt, fields: known, secrets: secrets() })}\n`)
  }
  return {
    log,
    flush: () => {
      try {
        sink.flushSync()
      } catch {
        // The reader is gone.
      }
    },
  }
}
