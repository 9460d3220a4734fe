import type { Context, MiddlewareHandler } from 'hono'
import { Failure } from '../../../platform/failure.ts'
import type { Candidate, RouteResult } from '../../../platform/upstream.ts'
import { check } from '../../http/check.ts'
import type { Env, Target } from '../../http/env.ts'
import { endpoints } from '../list/visible.ts'
import type { Registry } from '../registry.ts'
import { mayBeNew } from './find.ts'
import { route } from './route.ts'

/**
 * Who may use a model, and asks for it in a dialect that none of its providers speaks, is told just that: which
 * dialects would do. To everybody else it stays a model that is not there.
 * @throws Failure `model_not_found`
 */
export const requireDialect = (
  registry: Pick<Registry, 'providers' | 'lookAgain'>,
  bareOnly: boolean,
): MiddlewareHandler<Env> => {
  const judge = (c: Context<Env>, { none }: RouteResult): void => {
    if (none?.cause !== 'dialect_not_spoken') return
    const { allows } = c.get('permissions')
    const known = none.inTheWay.filter(({ provider, model }) => allows(provider.id, model))
    if (known.length > 0) {
      throw notSpoken(c.get('target'), c.get('auth').caller?.login ?? '', known)
    }
  }
  return check(function requireDialect(c) {
    const { model, operation } = c.get('target')
    if (model === undefined) return
    const look = () => route(registry.providers(), model, operation.dialect, bareOnly)
    const found = look()
    const isWaiting = found.none?.cause === 'dialect_not_spoken' && mayBeNew(found)
    return isWaiting ? registry.lookAgain().then(() => judge(c, look())) : judge(c, found)
  })
}

const notSpoken = (
  { model, operation }: Target,
  login: string,
  known: readonly Candidate[],
): Failure => {
  const spoken = known.map(({ provider }) => {
    const paths = [...provider.dialects].map((dialect) => endpoints[dialect])
    return `provider "${provider.id}" speaks ${paths.join(', ') || 'none'}`
  })
  const cause = `dialect not spoken: ${spoken.join('; ')}; not ${endpoints[operation.dialect]}`
  const message = `no route found for model "${model}" for user "${login}": ${cause}`
  return new Failure('model_not_found', message, { reason: 'dialect_not_spoken' })
}
