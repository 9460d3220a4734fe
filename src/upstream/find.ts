import type { Registry } from './registry.ts'
import { route } from './route.ts'
import type { Dialect, RouteResult } from './upstream.ts'

/**
 * Routes by what is known; a model that nobody lists may be new, so the providers are looked at once more.
 * @param bareOnly see `route`
 */
export const findRoute = (
  registry: Pick<Registry, 'providers' | 'lookAgain'>,
  bareOnly = false,
): ((model: string, dialect: Dialect) => RouteResult | Promise<RouteResult>) => {
  const look = (model: string, dialect: Dialect) =>
    route(registry.providers(), model, dialect, bareOnly)
  const again = async (model: string, dialect: Dialect, found: RouteResult) =>
    (await registry.lookAgain()) ? look(model, dialect) : found
  return (model, dialect) => {
    const found = look(model, dialect)
    return found.none?.cause === 'not_listed' ? again(model, dialect, found) : found
  }
}
