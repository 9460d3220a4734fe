import type { Config } from '../../config/config.ts'
import type { Door } from '../../platform/caller.ts'
import { type Subject, unnamed } from './sources.ts'

/** Whom a word on the command line means: a user by name first, then as `src` would read it. */
export function subjectOf(who: string, { users }: Config): Subject {
  const user = users.get(who)
  if (user) return { login: user.login, groups: user.groups }
  if (who === unnamed) return { login: unnamed, groups: [] }
  if (who === '(owner)') return { login: who, groups: [], ownsGateway: true }
  if (who.startsWith('group:')) return { login: '', groups: [who] }
  if (!who.startsWith('tag:')) return { login: who.toLowerCase(), groups: [] }
  const tags = [...new Set(who.split(',').map((tag) => prefixed(tag.trim())))].sort()
  return { login: tags.join(','), groups: [], tags }
}

const prefixed = (tag: string): string => (tag.startsWith('tag:') ? tag : `tag:${tag}`)

/** The doors by which such a caller can come at all. */
export function doorsOf(who: string, { tags, ownsGateway }: Subject): readonly Door[] {
  if (who === unnamed) return ['local']
  if (tags !== undefined || ownsGateway) return ['tailnet']
  return ['public', 'tailnet', 'local']
}
