import { apertureCostBasis } from '../../config/build/cost-basis.ts'
import { dialectsOf } from '../../config/build/providers.ts'
import { setAt } from '../../config/edit.ts'
import type { Path } from '../../config/problem.ts'
import type { ConfigFile } from '../../config/schema.ts'
import { loadCatalogue } from '../../gateway/prices/catalogue.ts'
import { entriesOf, isObject, readAt } from './json.ts'
import type { Change } from './take-out.ts'

/**
 * What has to be written so that the file means here what it means in Aperture, where the two differ about what is not
 * written.
 */
export const silences = (text: string): readonly Change[] => [
  ...(entriesOf(text, ['providers']).length === 0 ? [noProvider] : []),
  ...entriesOf(text, ['providers']).flatMap(([id, provider]) =>
    isObject(provider) && isEmpty(provider.models) && provider.disabled !== true
      ? [{ path: ['providers', id, 'disabled'], reason: noModels, put: true }]
      : [],
  ),
  ...(readAt(text, ['grants']) === undefined
    ? [{ path: ['grants'], reason: 'without grants, Aperture lets no caller in', put: [] }]
    : []),
]

const noProvider: Change = {
  path: ['providers', 'none'],
  reason: 'without a provider, Postern would offer the model servers that it finds on this machine',
  put: { baseurl: 'http://provider.invalid', disabled: true },
}

const noModels =
  'Aperture offers no model of it; Postern would ask it for its list. Remove this line if that is wanted'

/** A star is a name like any other to Aperture, and to Postern the whole list. */
const isEmpty = (models: unknown): boolean =>
  models === undefined || (Array.isArray(models) && models.every((model) => model === '*'))

/** `auto_cost_basis`: whose list prices Aperture would infer, where they have a price for what the provider offers. */
export const costBases = async (
  { providers, auto_cost_basis }: ConfigFile,
  at: number,
): Promise<readonly Change[]> => {
  if (!auto_cost_basis) return []
  const catalogue = await loadCatalogue()
  return Object.entries(providers).flatMap(([id, provider]) => {
    if (provider.cost_basis !== '') return []
    const basis = apertureCostBasis(provider.baseurl, dialectsOf(provider.compatibility))
    const names = [...provider.models, ...provider.model_cost_map.map(({ as }) => as)]
    if (!basis || !names.some((name) => catalogue.find(basis, name, at))) return []
    const path = ['providers', id, 'cost_basis']
    return [{ path, reason: 'what Aperture infers from its flags', put: basis }]
  })
}

export type Mode = 'local' | 'serve' | 'both'

/** Aperture is a node of the tailnet itself; here tailscaled leads to us. */
export const doorOf = (text: string, mode: Mode): readonly Change[] => {
  const path: Path = ['mode']
  if (mode === 'local' || readAt(text, path) !== undefined) return []
  const reason =
    mode === 'both'
      ? '"both" opens the door to the internet, and no user is defined: run `postern user add NAME`, then set it'
      : 'callers come by the tailnet'
  return [
    { path, reason, put: 'serve' },
    { path: ['front'], reason: 'tailscaled leads to Postern', put: 'tailscale' },
  ]
}

/** Several at once; the text stays as it is where there is nothing to write. */
export const written = (text: string, changes: readonly Change[]): string =>
  changes.reduce(
    (result, { path, put }) => (put === undefined ? result : setAt(result, path, put)),
    text,
  )
