import { Failure } from '../../platform/failure.ts'
import type { Candidate } from '../../platform/upstream.ts'
import type { Permissions, Target } from '../http/env.ts'

/**
 * Keeps the candidates at which the caller may also use every other model that the body names: a provider that falls
 * back to one would serve it (BerriAI/litellm#4321). A provider whose owner says so takes any.
 * @throws Failure `model_not_found`, as for a model that is asked for by name
 */
export const allowedWithOthers = (
  { otherModels: { names, unreadable } }: Pick<Target, 'otherModels'>,
  candidates: readonly [Candidate, ...Candidate[]],
  { allows }: Pick<Permissions, 'allows'>,
  login: string,
): readonly [Candidate, ...Candidate[]] => {
  if (names.length === 0 && unreadable === undefined) return candidates
  const takesAll = ({ provider: { id, otherModels } }: Candidate): boolean =>
    otherModels === 'any' || (unreadable === undefined && names.every((model) => allows(id, model)))
  const [first, ...rest] = candidates.filter(takesAll)
  if (first) return [first, ...rest]
  throw refusal(names, unreadable, candidates[0], allows, login)
}

const refusal = (
  names: readonly string[],
  unreadable: string | undefined,
  { provider }: Candidate,
  allows: Permissions['allows'],
  login: string,
): Failure => {
  if (unreadable !== undefined) {
    const message =
      `The field "${unreadable}" may lead to models that the gateway cannot check. ` +
      'A provider with "other_models": "any" accepts it.'
    return new Failure('invalid_request', message)
  }
  const missing = names.find((model) => !allows(provider.id, model)) ?? names[0]
  const message = `no route found for model "${missing}" for user "${login}"`
  return new Failure('model_not_found', message, { reason: 'other_model_not_granted' })
}
