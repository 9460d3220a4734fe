import { quote } from '../../../config/problem.ts'
import { nearest } from '../../../config/values/nearest.ts'
import type { NoRoute } from '../../../platform/upstream.ts'
import type { Reason } from '../explain.ts'

/** Why the model leads nowhere, whoever asks. */
export function listingReasons(
  model: string,
  { cause, providers }: NoRoute,
  models: readonly string[],
): Reason[] {
  const names = providers.map(quote).join(', ')
  switch (cause) {
    case 'not_listed': {
      const bare = models.map((name) => name.slice(name.indexOf('/') + 1))
      const meant = nearest(model, model.includes('/') ? [...models, ...bare] : bare)
      const hint = meant === undefined ? '' : `; did you mean ${quote(meant)}?`
      return [{ code: cause, text: `no provider lists ${quote(model)}${hint}` }]
    }
    case 'disabled':
      return [{ code: cause, text: `its provider is disabled: ${names}` }]
    case 'dialect_not_spoken':
      return [{ code: cause, text: `its provider understands no request: ${names}` }]
  }
}
