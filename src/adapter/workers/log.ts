import type { Config } from '../../config/config.ts'
import type { Log, LogFields, LogLevel } from '../../platform.ts'

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** Longer values are cut: what a client sent must not fill the log. */
const maxValue = 512
const maxUser = 64

export interface LogOptions {
  readonly level: LogLevel
  /** Blanked out wherever they turn up. */
  readonly secrets: readonly string[]
}

/** One JSON line per event, for `wrangler tail` and Workers Logs. */
export const createLog = ({ level: threshold, secrets }: LogOptions): Log => {
  const least = levels.indexOf(threshold)
  return (level, evt, fields = {}) => {
    if (levels.indexOf(level) < least) return
    const line = formatLine(level, evt, fields)
    console.log(secrets.reduce((clean, secret) => clean.replaceAll(secret, '[redacted]'), line))
  }
}

/** What must not turn up in a line: provider keys and the database's token. */
export const secretsOf = ({ providers, database }: Config): string[] =>
  [...[...providers.values()].map(({ apikey }) => apikey), database.authToken ?? ''].filter(
    (secret) => secret.length >= 8,
  )

const formatLine = (level: LogLevel, evt: string, { ip, ...fields }: LogFields): string =>
  JSON.stringify({
    ts: new Date().toISOString(),
    ...(ip !== undefined && { ip }),
    evt,
    level,
    ...Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, cut(name, value)])),
  }).replace(
    // What JSON leaves as it is and a terminal would obey.
    /[\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

const cut = (name: string, value: LogFields[string]): LogFields[string] => {
  const max = name === 'user' ? maxUser : maxValue
  return typeof value === 'string' && value.length > max ? `${value.slice(0, max)}…` : value
}
