import type { GrantEntry } from '../config/config.ts'
import type { Permissions } from '../http/env.ts'
import { compileGlobs } from './glob.ts'

/** The union of entries. Without a role, nothing. */
export function merge(entries: readonly GrantEntry[]): Permissions {
  const roles = new Set(entries.map((entry) => entry.role))
  const role = roles.has('admin') ? 'admin' : roles.has('user') ? 'user' : undefined
  if (!role) return nobody
  const matches = compileGlobs(entries.flatMap((entry) => entry.models ?? []))
  return { role, allows: (provider, model) => matches(`${provider}/${model}`) }
}

/** What both may: Open WebUI speaks for a person, and neither lends the other anything. */
export function intersect(one: Permissions, other: Permissions): Permissions {
  if (!one.role || !other.role) return nobody
  return {
    role: one.role === 'admin' && other.role === 'admin' ? 'admin' : 'user',
    allows: (provider, model) => one.allows(provider, model) && other.allows(provider, model),
  }
}

const nobody: Permissions = { allows: () => false }
