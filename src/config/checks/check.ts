import { error, type Finding, type Json, type Path, quote, warning } from '../problem.ts'
import { valueAt } from '../read/remainder.ts'
import type { ConfigFile } from '../schema.ts'
import { checkAperture } from './aperture.ts'
import { checkCaptures } from './captures.ts'
import { checkDoors } from './doors.ts'
import { checkExporters } from './exporters.ts'
import { checkGrants } from './grants.ts'
import { checkHooks } from './hooks.ts'
import { checkIssuers } from './issuers.ts'
import { checkListeners } from './listeners.ts'
import { checkProviders } from './providers.ts'
import { checkQuotas } from './quotas.ts'
import { checkSessions } from './sessions.ts'
import { checkUsers } from './users.ts'

/** What is declared, even where its own part is wrong: a mistake in a provider must not make its grants wrong too. */
export interface Declared {
  readonly providers: readonly string[]
  readonly users: readonly string[]
  /** There are issuers, whose tokens let callers in without a user. */
  readonly issuers: boolean
  /** Lower-cased. */
  readonly logins: ReadonlySet<string>
  readonly groups: readonly string[]
  readonly hooks: readonly string[]
  readonly quotas: readonly string[]
  /** Of `mcp` and `connectors`. */
  readonly toolServers: readonly string[]
  /** Names of listeners that name a proxy, well or not. */
  readonly proxied: ReadonlySet<string>
  /** All of them are well-formed, or there are none. */
  readonly grantsWhole: boolean
}

/**
 * What no single value can tell: names, and how the parts of a configuration fit together.
 * @param file what is left when bad parts are taken out
 * @param root the whole document
 * @param original from a path into `file` to the same place in `root`
 */
export function check(file: ConfigFile, root: Json, original: (path: Path) => Path): Finding[] {
  const declared: Declared = {
    providers: keysOf(root, 'providers'),
    users: keysOf(root, 'users'),
    issuers: (sizeOf(valueAt(root, ['issuers'])) ?? 0) !== 0,
    logins: new Set(keysOf(root, 'users').map((name) => loginOf(root, name))),
    groups: keysOf(root, 'groups'),
    hooks: keysOf(root, 'hooks'),
    quotas: keysOf(root, 'quotas'),
    toolServers: [...keysOf(root, 'mcp', 'servers'), ...keysOf(root, 'connectors', 'servers')],
    proxied: proxiedIn(valueAt(root, ['listeners'])),
    grantsWhole: sizeOf(valueAt(root, ['grants'])) === file.grants?.length,
  }
  return [
    ...checkUsers(file, declared),
    ...checkIssuers(file),
    ...checkListeners(file, declared),
    ...checkDoors(file, declared),
    ...checkProviders(file, declared),
    ...checkGrants(file, declared),
    ...checkQuotas(file, declared),
    ...checkHooks(file, declared, (path) => valueAt(root, original(path))),
    ...checkAperture(file),
    ...checkExporters(file),
    ...checkCaptures(file),
    ...checkSessions(file),
    ...checkLimits(file),
  ]
}

function loginOf(root: Json, name: string): string {
  const login = valueAt(root, ['users', name, 'login'])
  return (typeof login === 'string' ? login : name).toLowerCase()
}

const proxiedIn = (listeners: Json | undefined): ReadonlySet<string> => {
  const list: readonly Json[] = Array.isArray(listeners) ? listeners : []
  const proxied = list.filter((each) => (sizeOf(valueAt(each, ['trusted_proxies'])) ?? 0) !== 0)
  return new Set(proxied.map((each) => String(valueAt(each, ['name']))))
}

const sizeOf = (value: Json | undefined): number | undefined =>
  Array.isArray(value) ? value.length : value === undefined ? undefined : -1

function keysOf(root: Json, ...path: string[]): readonly string[] {
  const section = valueAt(root, path)
  return section && typeof section === 'object' && !Array.isArray(section)
    ? Object.keys(section)
    : []
}

function checkLimits({ auth_failures, rate_limits }: ConfigFile): Finding[] {
  const findings: Finding[] = []
  if (auth_failures.max_ban < auth_failures.ban) {
    const path = ['auth_failures', 'max_ban']
    findings.push(error(path, 'is shorter than "ban"', 'Raise "max_ban", or lower "ban"'))
  }
  for (const [index, { zone, match }] of rate_limits.entries()) {
    const first = rate_limits.findIndex((rule) => rule.zone === zone && rule.match === match)
    if (first === index) continue
    const message = `never counts: an earlier rule of zone ${quote(zone)} matches the same paths`
    findings.push(warning(['rate_limits', index], message, 'Give it another zone, or remove it'))
  }
  return findings
}
