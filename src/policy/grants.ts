import { LRUCache } from 'lru-cache'
import type { GrantConfig } from '../config/config.ts'
import type { Permissions } from '../http/env.ts'
import { compileGlobs } from './glob.ts'

/** What of a caller grants look at. `login` is lower-case; `loopback` is about the connection, not the credential. */
export interface Grantee {
  readonly login: string
  readonly groups: readonly string[]
  readonly loopback: boolean
}

export interface Policy {
  forCaller(caller: Grantee): Permissions
}

/** Enough for every caller of a large team; beyond it the least recent are compiled again. */
const remembered = 1000

/**
 * Compiles the grants of a configuration. Deny by default: no grant, no role, no model.
 * @param groups `group:name` → logins, lower-cased
 */
export function compileGrants(
  grants: readonly GrantConfig[],
  groups: ReadonlyMap<string, readonly string[]>,
): Policy {
  const compiled = grants.map((grant) => ({ names: compileSources(grant.src, groups), grant }))
  const cache = new LRUCache<string, Permissions>({ max: remembered })
  return {
    forCaller(caller) {
      const key = JSON.stringify([caller.login, caller.loopback, caller.groups])
      let permissions = cache.get(key)
      if (!permissions) {
        permissions = merge(compiled.filter(({ names }) => names(caller)).map(({ grant }) => grant))
        cache.set(key, permissions)
      }
      return permissions
    },
  }
}

/** Forms are kept apart, so that a login spelled `group:x` or `(loopback)` does not become one. */
function compileSources(
  sources: readonly string[],
  groups: ReadonlyMap<string, readonly string[]>,
): (caller: Grantee) => boolean {
  const everyone = sources.includes('*')
  const loopback = sources.includes('(loopback)')
  const named = sources.filter((source) => source.startsWith('group:'))
  const logins = new Set([
    ...sources
      .filter((source) => source !== '(loopback)' && !named.includes(source))
      .map((source) => source.toLowerCase()),
    ...named.flatMap((group) => groups.get(group) ?? []),
  ])
  return (caller) =>
    everyone ||
    logins.has(caller.login) ||
    (loopback && caller.loopback) ||
    caller.groups.some((group) => named.includes(group))
}

function merge(grants: readonly GrantConfig[]): Permissions {
  const entries = grants.flatMap((grant) => grant.entries)
  const roles = new Set(entries.map((entry) => entry.role))
  const role = roles.has('admin') ? 'admin' : roles.has('user') ? 'user' : undefined
  if (!role) return nobody
  const matches = compileGlobs(entries.flatMap((entry) => entry.models))
  return { role, allows: (provider, model) => matches(`${provider}/${model}`) }
}

const nobody: Permissions = { allows: () => false }
