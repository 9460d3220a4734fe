import type { MiddlewareHandler } from 'hono'
import { check } from '../http/check.ts'
import type { Env, Target } from '../http/env.ts'
import { Failure } from '../http/errors.ts'
import { endpoints } from './list/visible.ts'
import type { Registry } from './registry.ts'
import { route } from './route.ts'
import type { Candidate } from './upstream.ts'

/**
 * Who may use a model, and asks for it in a dialect that none of its providers speaks, is told just that: which
 * dialects would do. To everybody else it stays a model that is not there.
 * @throws Failure `model_not_found`
 */
export const requireSpoken = (
  registry: Pick<Registry, 'providers'>,
  bareOnly: boolean,
): MiddlewareHandler<Env> =>
  check(function requireSpoken(c) {
    const target = c.get('target')
    if (target.model === undefined) return
    const { dialect } = target.operation
    const { none } = route(registry.providers(), target.model, dialect, bareOnly)
    if (none?.cause === 'dialect_not_spoken') {
      const { allows } = c.get('permissions')
      const known = none.inTheWay.filter(({ provider, model }) => allows(provider.id, model))
      if (known.length > 0) throw notSpoken(target, c.get('auth').caller?.login ?? '', known)
    }
  })

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
