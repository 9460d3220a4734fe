import type { Registry } from './registry.ts'
import { route } from './route.ts'
import type { Dialect, RouteResult } from './upstream.ts'

/** Routes by what is known; a model that nobody lists may be new, so the providers are looked at once more. */
export const findRoute =
  (registry: Pick<Registry, 'providers' | 'lookAgain'>) =>
  (model: string, dialect: Dialect): RouteResult | Promise<RouteResult> => {
    const found = route(registry.providers(), model, dialect)
    return found.none?.cause === 'not_listed' ? again(registry, model, dialect, found) : found
  }

async function again(
  registry: Pick<Registry, 'providers' | 'lookAgain'>,
  model: string,
  dialect: Dialect,
  found: RouteResult,
): Promise<RouteResult> {
  return (await registry.lookAgain()) ? route(registry.providers(), model, dialect) : found
}
