import type { MiddlewareHandler } from 'hono'
import type { GrantConfig } from '../config/config.ts'
import { check } from '../http/check.ts'
import type { Env } from '../http/env.ts'
import { Failure } from '../http/errors.ts'
import type { Dialect, RouteResult } from '../upstream/upstream.ts'
import { authorize } from './authorize.ts'
import type { Policy } from './grants.ts'

/** Lets on only callers whom some grant gives a role; Aperture's sentence for the others. */
export const requireRole = (policy: Policy): MiddlewareHandler<Env> =>
  check(function requireRole(c) {
    const { caller } = c.get('auth')
    const permissions = caller && policy.forCaller(caller, c.get('client'))
    if (!permissions?.role) throw new Failure('no_role', 'access denied: no role granted')
    c.set('permissions', permissions)
  })

/** Finds who serves the model and keeps those whom this caller may use. */
export const authorizeTarget = (
  find: (model: string, dialect: Dialect) => RouteResult | Promise<RouteResult>,
): MiddlewareHandler<Env> =>
  check(function authorizeTarget(c) {
    const { model, operation } = c.get('target')
    const keep = (found: RouteResult): void => {
      const login = c.get('auth').caller?.login ?? ''
      c.set('candidates', authorize(c.get('permissions'), login, model, found))
    }
    const found = find(model, operation.dialect)
    return found instanceof Promise ? found.then(keep) : keep(found)
  })

/** Does some grant speak of requests from this very machine? */
export const grantsLoopback = (grants: readonly GrantConfig[]): boolean =>
  grants.some(({ src }) => src.includes('(loopback)'))
