import { writeSync } from 'node:fs'
import sonicBoom from 'sonic-boom'
import { isLogged, logLine } from '../../gateway/http/log/log-line.ts'
import type { Log, LogLevel } from '../../platform/platform.ts'

export interface LogOptions {
  readonly level: () => LogLevel
  /** File descriptor; default 1. */
  readonly fd?: number
  /** Secrets to blank out wherever they turn up. */
  readonly secrets: () => readonly string[]
}

export interface NodeLog {
  readonly log: Log
  /** Returns when what was logged is written. */
  flush(): void
}

/** Lines waiting for a slow reader; beyond it they are dropped and counted, for a full pipe must not stop requests. */
const maxBuffered = 4 * 1024 * 1024

/** Lines are gathered so long, ms: each write is a task for another thread, which a line of its own is not worth. */
const gatherMs = 20
/** Characters that are not kept waiting. */
const mostGathered = 1024 * 1024

/** Lines that wait to be written together. */
interface Gathered {
  readonly text: string
  readonly lines: number
  /** How many dropped lines they tell of: nobody hears of those if they are dropped themselves. */
  readonly told: number
}

const nothing: Gathered = { text: '', lines: 0, told: 0 }

/** JSON lines on stdout, written off the request's path. */
export const createLog = ({ level, secrets, fd = 1 }: LogOptions): NodeLog => {
  const sink = new sonicBoom.SonicBoom({
    fd,
    sync: false,
    maxLength: maxBuffered,
    retryEAGAIN: () => true,
  })
  // Emitted while it is written to.
  let refused = false
  sink.on('drop', () => {
    refused = true
  })
  // A reader that is gone (EPIPE) takes the log with it, not the gateway.
  sink.on('error', () => {})
  let dropped = 0
  let gathered = nothing
  let timer: NodeJS.Timeout | undefined
  const take = (): Gathered => {
    clearTimeout(timer)
    timer = undefined
    const all = gathered
    gathered = nothing
    return all
  }
  const write = () => {
    const { text, lines, told } = take()
    refused = false
    sink.write(text)
    if (refused) dropped += lines + told
  }
  const log: Log = (lineLevel, evt, fields = {}) => {
    if (!isLogged(lineLevel, level())) return
    const told = dropped
    dropped = 0
    const known = told > 0 ? { ...fields, dropped_logs: told } : fields
    const line = logLine({
      at: new Date(),
      level: lineLevel,
      evt,
      fields: known,
      secrets: secrets(),
    })
    gathered = {
      text: `${gathered.text}${line}\n`,
      lines: gathered.lines + 1,
      told: gathered.told + told,
    }
    if (gathered.text.length > mostGathered) write()
    else timer ??= setTimeout(write, gatherMs)
  }
  return {
    log,
    flush: () => {
      try {
        sink.flushSync()
        // Not through the sink, whose write would still be under way when this returns.
        let rest = Buffer.from(take().text)
        while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest))
      } catch {
        // The reader is gone, or does not read.
      }
    },
  }
}
