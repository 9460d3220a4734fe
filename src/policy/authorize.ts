import { Failure } from '../http/errors.ts'
import type { Candidate, NoRoute, RouteResult } from '../upstream/upstream.ts'
import type { Grantee, Permissions, Policy } from './grants.ts'

/**
 * Keeps the candidates that this caller may use, in their order.
 * A model that does not exist and one that is not granted look the same to a user (hazards 179); an admin is told why.
 * @param model as the client wrote it
 * @throws Failure `no_role` or `model_not_found`
 */
export function authorize(
  policy: Policy,
  caller: Grantee,
  model: string,
  found: RouteResult,
): readonly [Candidate, ...Candidate[]] {
  const permissions = requireRole(policy, caller)
  const [first, ...rest] = found.candidates.filter((candidate) =>
    permissions.allows(candidate.provider.id, candidate.model),
  )
  if (first) return [first, ...rest]
  const cause = found.none ? describe(found.none) : 'not granted'
  const sentence = `no route found for model "${model}" for user "${caller.login}"`
  throw new Failure(
    'model_not_found',
    permissions.role === 'admin' ? `${sentence}: ${cause}` : sentence,
    { reason: found.none?.cause ?? 'not_granted' },
  )
}

/** @throws Failure `no_role` when no grant gives the caller one. */
export function requireRole(policy: Policy, caller: Grantee): Permissions {
  const permissions = policy.forCaller(caller)
  if (!permissions.role) throw new Failure('no_role', 'access denied: no role granted')
  return permissions
}

function describe({ cause, providers }: NoRoute): string {
  const names = providers.join(', ')
  switch (cause) {
    case 'not_listed':
      return 'not listed by any provider'
    case 'disabled':
      return `disabled (${names})`
    case 'dialect_not_spoken':
      return `dialect not spoken (${names})`
  }
}
