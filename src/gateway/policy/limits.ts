import { compileGlobs } from '../../config/values/glob.ts'
import type { KeyLimits } from '../../platform/caller.ts'
import type { Permissions } from '../http/env.ts'
import { type HasTags, merge, namesOf } from './permissions.ts'
import type { Place } from './sources.ts'

/** What a limited key keeps of what its login may: never more than that. */
export function narrow(
  own: Permissions,
  limits: KeyLimits,
  { door }: Place,
  hasTags: HasTags,
): Permissions {
  if (!own.role || (limits.via && !limits.via.includes(door))) return merge([])
  // Who manages the gateway could grant a key the models that it was not made for.
  const mayManage = limits.role !== 'user' && !limits.models
  const covers = limits.models ? compileGlobs(limits.models) : () => true
  return {
    ...own,
    role: mayManage ? own.role : 'user',
    allows: (provider, model) =>
      own.allows(provider, model) && namesOf(provider, model, hasTags).some(covers),
    // Batches, assistants and their kin lead to models that no request names.
    allowsResource: (provider, family) => !limits.models && own.allowsResource(provider, family),
  }
}
