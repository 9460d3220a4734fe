import type { MiddlewareHandler } from 'hono'
import type { GrantConfig } from '../../config/config.ts'
import { Failure } from '../../platform/failure.ts'
import type { Candidate, Dialect, RouteResult } from '../../platform/upstream.ts'
import { check } from '../http/check.ts'
import type { Env, Permissions, Target } from '../http/env.ts'
import { authorize } from './authorize.ts'
import type { Policy } from './grants.ts'
import { allowedWithOthers } from './other-models.ts'

/** Lets on only callers whom some grant gives a role; Aperture's sentence for the others. */
export const requireRole = (policy: Policy): MiddlewareHandler<Env> =>
  check(function requireRole(c) {
    const { caller } = c.get('auth')
    const permissions = caller && policy.forCaller(caller, c.get('client'))
    if (!permissions?.role) throw new Failure('no_role', 'access denied: no role granted')
    c.set('permissions', permissions)
  })

export interface RouteFinder {
  find(model: string, dialect: Dialect): RouteResult | Promise<RouteResult>
  /** For a request that names no model. */
  findUnnamed(
    allows: Permissions['allows'],
    dialect: Dialect,
    optional: boolean,
  ): { readonly candidates: readonly Candidate[]; readonly choices: readonly string[] }
}

/** Finds the providers that serve the model and keeps those that this caller may use it from. */
export const authorizeTarget = ({ find, findUnnamed }: RouteFinder): MiddlewareHandler<Env> =>
  check(function authorizeTarget(c) {
    const target = c.get('target')
    const { model, operation } = target
    const permissions = c.get('permissions')
    const login = c.get('auth').caller?.login ?? ''
    const keep = (candidates: readonly [Candidate, ...Candidate[]]): void => {
      c.set('candidates', allowedWithOthers(target, candidates, permissions, login))
    }
    if (model === undefined) {
      const { dialect } = operation
      return keep(chosen(target, findUnnamed(permissions.allows, dialect, target.modelOptional)))
    }
    const found = find(model, operation.dialect)
    return found instanceof Promise
      ? found.then((result) => keep(authorize(permissions, login, model, result)))
      : keep(authorize(permissions, login, model, found))
  })

/** Names of models that a refusal lists. */
const MAX_CHOICES = 5

const chosen = (
  { modelOptional }: Target,
  { candidates: [first, ...rest], choices }: ReturnType<RouteFinder['findUnnamed']>,
): readonly [Candidate, ...Candidate[]] => {
  if (first) return [first, ...rest]
  const names = choices.slice(0, MAX_CHOICES).join(', ')
  const more = choices.length > MAX_CHOICES ? ', …' : ''
  const which =
    choices.length === 0
      ? 'GET /v1/models lists those that you may use'
      : `you may use ${names}${more} (GET /v1/models lists them)`
  const optional = modelOptional
    ? ' No provider of which you may use every model can choose one.'
    : ''
  throw new Failure('invalid_request', `The field "model" is missing: ${which}.${optional}`)
}

/** Does some grant speak of requests from this very machine? */
export const grantsLoopback = (grants: readonly GrantConfig[]): boolean =>
  grants.some(({ src }) => src.includes('(loopback)'))
