import type { Candidate, Dialect, Provider } from '../../../platform/upstream.ts'
import { DEFAULT_MODEL } from '../../http/env.ts'
import { type Allows, visible } from '../list/visible.ts'
import { route } from './route.ts'

/** Where a request leads that names no model. */
export interface Unnamed {
  readonly candidates: readonly Candidate[]
  /** Models that it could have named, as `provider/model`. */
  readonly choices: readonly string[]
}

/**
 * The one model that this caller may use in this dialect, where there is exactly one; else, where the API has the model
 * optional, the providers of which this caller may use any model, which then choose theirs.
 */
export const unnamed = (
  providers: readonly Provider[],
  allows: Allows,
  dialect: Dialect,
  optional: boolean,
): Unnamed => {
  const speaking = providers.filter(({ dialects }) => dialects.has(dialect))
  const offers = visible(speaking, allows)
  const models = new Set(offers.map(({ model }) => model))
  const [only, ...more] = models
  if (only !== undefined && more.length === 0) {
    const { candidates } = route(providers, only, dialect)
    const allowed = candidates.filter(({ provider, model }) => allows(provider.id, model))
    return { candidates: allowed, choices: [] }
  }
  const choices = offers.map(({ provider, model }) => `${provider.id}/${model}`)
  if (!optional) return { candidates: [], choices }
  const choosing = speaking
    .filter(({ id, disabled }) => !disabled && allows(id, DEFAULT_MODEL))
    .toSorted((a, b) => b.preference - a.preference)
  return { candidates: choosing.map((provider) => ({ provider, model: DEFAULT_MODEL })), choices }
}
