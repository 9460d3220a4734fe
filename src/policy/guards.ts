import type { MiddlewareHandler } from 'hono'
import type { GrantConfig } from '../config/config.ts'
import type { Env } from '../http/env.ts'
import { Failure } from '../http/errors.ts'
import type { Dialect, RouteResult } from '../upstream/upstream.ts'
import { authorize } from './authorize.ts'
import type { Policy } from './grants.ts'

/** Lets on only callers whom some grant gives a role; Aperture's sentence for the others. */
export const requireRole = (policy: Policy): MiddlewareHandler<Env> =>
  async function requireRole(c, next) {
    const { caller } = c.get('auth')
    const permissions = caller && policy.forCaller(caller, c.get('client'))
    if (!permissions?.role) throw new Failure('no_role', 'access denied: no role granted')
    c.set('permissions', permissions)
    await next()
  }

/** Finds who serves the model and keeps those whom this caller may use. */
export const authorizeTarget = (
  find: (model: string, dialect: Dialect) => RouteResult | Promise<RouteResult>,
): MiddlewareHandler<Env> =>
  async function authorizeTarget(c, next) {
    const { model, operation } = c.get('target')
    const found = await find(model, operation.dialect)
    const login = c.get('auth').caller?.login ?? ''
    c.set('candidates', authorize(c.get('permissions'), login, model, found))
    await next()
  }

/** Does some grant speak of requests from this very machine? */
export const grantsLoopback = (grants: readonly GrantConfig[]): boolean =>
  grants.some(({ src }) => src.includes('(loopback)'))
