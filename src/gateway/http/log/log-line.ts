import type { Config } from '../../../config/config.ts'
import type { LogFields, LogLevel } from '../../../platform/platform.ts'

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** Is a line of this level wanted where the log is set to `least`? */
export const isLogged = (level: LogLevel, least: LogLevel): boolean =>
  levels.indexOf(level) >= levels.indexOf(least)

/** Longer values are cut: what a client sent must not fill the log. */
const maxValue = 512
const maxUser = 64

export interface LogLineOptions {
  readonly at: Date
  readonly level: LogLevel
  readonly evt: string
  readonly fields: LogFields
  /** Blanked out wherever they turn up. */
  readonly secrets: readonly string[]
}

/**
 * One event as one line of JSON. `ts`, then `ip` where there is one, then `evt`: fail2ban's expression relies on that
 * order (docs/fail2ban.md).
 */
export const logLine = ({ at, level, evt, fields, secrets }: LogLineOptions): string => {
  const line: Record<string, LogFields[string]> = { ts: at.toISOString() }
  if (fields.ip !== undefined) line.ip = fields.ip
  line.evt = evt
  line.level = level
  for (const name of Object.keys(fields)) {
    if (name !== 'ip') line[name] = cut(name, fields[name])
  }
  const text = printable(JSON.stringify(line))
  return secrets.reduce((clean, secret) => clean.replaceAll(secret, '[redacted]'), text)
}

/** What JSON leaves as it is and a terminal would obey. */
const printable = (line: string): string =>
  line.replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

const cut = (name: string, value: LogFields[string]): LogFields[string] => {
  const max = name === 'user' ? maxUser : maxValue
  return typeof value === 'string' && value.length > max ? `${value.slice(0, max)}…` : value
}

/** What must not turn up in a line: provider keys, headers added for providers, the database's token, what hooks are shown. */
export const secretsOf = ({
  providers,
  database,
  redis,
  listeners,
  webui,
  hooks,
  exporters,
  users,
  sessionSecrets,
}: Config): string[] =>
  [...providers.values()]
    .flatMap(({ apikey, addHeaders }) => [apikey, ...addHeaders.map(([, value]) => value)])
    .concat(database.authToken ?? '', redis?.password ?? '', webui?.speaksFor?.secret ?? '')
    .concat(listeners.map(({ hopSecret }) => hopSecret ?? ''))
    .concat((sessionSecrets ?? []).map((secret) => new TextDecoder().decode(secret)))
    .concat(exporters.s3?.accessSecret ?? '')
    .concat([...users.values()].map(({ totp }) => totp ?? ''))
    .concat([...hooks.values()].flatMap(({ apikey, secret, url }) => [apikey, secret ?? '', url]))
    .filter((secret) => secret.length >= 8)
