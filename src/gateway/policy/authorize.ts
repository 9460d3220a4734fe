import { Failure } from '../../platform/failure.ts'
import type { Candidate, NoRoute, RouteResult } from '../../platform/upstream.ts'
import type { Permissions } from '../http/env.ts'

/**
 * Keeps the candidates that this caller may use, in their order.
 * A model that does not exist and one that is not granted look the same to a user; an admin is told why.
 * @param model as the client wrote it
 * @throws Failure `model_not_found`
 */
export function authorize(
  permissions: Pick<Permissions, 'role' | 'allows'>,
  login: string,
  model: string,
  found: RouteResult,
): readonly [Candidate, ...Candidate[]] {
  const [first, ...rest] = found.candidates.filter((candidate) =>
    permissions.allows(candidate.provider.id, candidate.model),
  )
  if (first) return [first, ...rest]
  const cause = found.none ? describe(found.none) : 'not granted'
  const sentence = `no route found for model "${model}" for user "${login}"`
  throw new Failure(
    'model_not_found',
    permissions.role === 'admin' ? `${sentence}: ${cause}` : sentence,
    { reason: found.none?.cause ?? 'not_granted' },
  )
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
