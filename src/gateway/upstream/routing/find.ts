import type { Dialect, RouteResult } from '../../../platform/upstream.ts'
import type { Registry } from '../registry.ts'
import { route } from './route.ts'

/**
 * Routes by what is known. A model that nobody lists may be new, and a server that was not there at the last look may
 * speak the dialect after all: then the providers are looked at once more.
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
    return mayBeNew(found) ? again(model, dialect, found) : found
  }
}

/** Could another look at the providers change this? */
export const mayBeNew = ({ none }: RouteResult): boolean =>
  none?.cause === 'not_listed' ||
  (none?.cause === 'dialect_not_spoken' && none.inTheWay.some(({ provider }) => provider.undecided))
