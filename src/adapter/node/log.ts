import sonicBoom from 'sonic-boom'
import type { Log, LogFields, LogLevel } from '../../platform.ts'

const order: Readonly<Record<LogLevel, number>> = { debug: 10, info: 20, warn: 30, error: 40 }

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

/** Longest field; what comes from outside can be of any length. */
const maxField = 512
const maxUser = 64
/** Lines waiting for a slow reader; beyond it they are dropped and counted, for a full pipe must not stop requests. */
const maxBuffered = 4 * 1024 * 1024

/**
 * JSON lines on stdout, written off the request's path. `ts`, then `ip` where there is one: fail2ban's expression
 * relies on that order (docs/fail2ban.md).
 */
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
    if (order[lineLevel] < order[level()]) return
    const lost = dropped
    dropped = 0
    const line = format(lineLevel, evt, lost > 0 ? { ...fields, dropped_logs: lost } : fields)
    sink.write(`${blank(line, secrets())}\n`)
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

const format = (level: LogLevel, evt: string, { ip, ...fields }: LogFields): string =>
  JSON.stringify({
    ts: new Date().toISOString(),
    ...(ip !== undefined && { ip }),
    evt,
    level,
    ...Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, cut(name, value)])),
  }).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

const cut = (name: string, value: LogFields[string]): LogFields[string] => {
  const max = name === 'user' ? maxUser : maxField
  return typeof value === 'string' && value.length > max ? `${value.slice(0, max)}…` : value
}

const blank = (line: string, secrets: readonly string[]): string =>
  secrets.reduce((clean, secret) => clean.replaceAll(secret, '[redacted]'), line)
