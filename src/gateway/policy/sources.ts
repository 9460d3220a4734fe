import type { GrantConfig } from '../../config/config.ts'
import type { Caller, Door } from '../../platform/caller.ts'

/** What of a caller grants look at; a `Caller` is one. */
export type Subject = Pick<Caller, 'login' | 'groups' | 'tags' | 'shared' | 'ownsGateway'>

/** From where a request comes; about the connection, not the credential. */
export interface Place {
  readonly door: Door
  readonly loopback: boolean
}

/** `group:name` → logins, lower-cased. */
export type Groups = ReadonlyMap<string, readonly string[]>

/** Login of a request that shows no credential and needs none, because a grant names this machine. */
export const unnamed = '(loopback)'

/** Does the grant hold at this door? */
export const holdsAt = ({ via }: GrantConfig, door: Door): boolean => via?.includes(door) ?? true

/** The first source of the grant that means this caller. */
export const sourceNaming = (
  grant: GrantConfig,
  who: Subject,
  place: Place,
  groups: Groups,
): string | undefined => grant.src.find((source) => names(source, grant, who, place, groups))

/**
 * Forms are kept apart, so that a login spelled `group:x`, `tag:x` or `(loopback)` does not become one: a tagged node
 * has no user, and a user no tags.
 */
function names(
  source: string,
  { shared }: GrantConfig,
  who: Subject,
  { loopback }: Place,
  groups: Groups,
): boolean {
  if (source === '*') return who.login !== unnamed && (!who.shared || (shared ?? false))
  if (source === '(loopback)') return loopback
  if (source === '(owner)') return who.ownsGateway ?? false
  if (source.startsWith('tag:')) return who.tags !== undefined && source === who.login
  if (who.tags !== undefined) return false
  if (source.startsWith('group:')) return isMember(source, who, groups)
  return source.toLowerCase() === who.login
}

const isMember = (group: string, who: Subject, groups: Groups): boolean =>
  who.groups.includes(group) || (groups.get(group)?.includes(who.login) ?? false)
