import { LRUCache } from 'lru-cache'
import type { GrantConfig, GrantEntry } from '../../config/config.ts'
import type { Caller, Door } from '../../platform/caller.ts'
import type { Log } from '../../platform/platform.ts'
import type { Permissions } from '../http/env.ts'
import { createCapabilityReader } from './capabilities.ts'
import { narrow } from './limits.ts'
import { type HasTags, intersect, merge } from './permissions.ts'
import { type Groups, holdsAt, type Place, type Subject, sourceNaming } from './sources.ts'

/** What decides about permissions; a `Caller` is one. */
export type Grantee = Subject &
  Pick<Caller, 'capabilities' | 'limits'> & { readonly through?: Grantee }

export interface Policy {
  forCaller(caller: Grantee, place: Place): Permissions
  /** Entries of every grant that holds at this door, whoever is named. */
  entriesAt(door: Door): readonly GrantEntry[]
}

export interface PolicyOptions {
  readonly grants: readonly GrantConfig[]
  readonly groups: Groups
  readonly log: Log
  /** Absent: no provider does. */
  readonly hasTags?: HasTags
}

/** All of a place that grants look at. */
type Standing = `${Door} ${boolean}`

/** Enough for every caller of a large team; beyond it the least recent are compiled again. */
const remembered = 1000

/** The policy of a configuration. Deny by default: no grant, no role, no model. */
export function compileGrants({
  grants,
  groups,
  log,
  hasTags = () => false,
}: PolicyOptions): Policy {
  const cache = new LRUCache<string, Permissions>({ max: remembered })
  /** Keys and users are the same objects with each request: they need not be written down to be found. */
  const byCaller = new WeakMap<Grantee, Partial<Record<Standing, Permissions>>>()
  const readCapabilities = createCapabilityReader(log)

  const keyOf = ({ login, groups, capabilities, through, ...who }: Grantee): unknown[] => [
    login,
    groups,
    who.tags !== undefined,
    who.shared,
    who.ownsGateway,
    capabilities && readCapabilities(capabilities).id,
    who.limits,
    through && keyOf(through),
  ]

  const compile = (caller: Grantee, place: Place): Permissions => {
    const named = grants.filter(
      (grant) =>
        holdsAt(grant, place.door) && sourceNaming(grant, caller, place, groups) !== undefined,
    )
    const granted = merge(
      caller.capabilities ? [...named, readCapabilities(caller.capabilities)] : named,
      hasTags,
    )
    const own = caller.limits ? narrow(granted, caller.limits, place, hasTags) : granted
    return caller.through ? intersect(own, compile(caller.through, place)) : own
  }

  const look = (caller: Grantee, place: Place): Permissions => {
    const key = JSON.stringify([place.door, place.loopback, keyOf(caller)])
    const known = cache.get(key)
    if (known) return known
    const permissions = compile(caller, place)
    cache.set(key, permissions)
    return permissions
  }

  const atDoor = (door: Door): readonly GrantEntry[] =>
    grants.filter((grant) => holdsAt(grant, door)).flatMap(({ entries }) => entries)
  const byDoor = { public: atDoor('public'), tailnet: atDoor('tailnet'), local: atDoor('local') }

  return {
    entriesAt: (door) => byDoor[door],
    forCaller(caller, place) {
      const standing: Standing = `${place.door} ${place.loopback}`
      const found = byCaller.get(caller)?.[standing]
      if (found) return found
      const permissions = look(caller, place)
      byCaller.set(caller, { ...byCaller.get(caller), [standing]: permissions })
      return permissions
    },
  }
}
