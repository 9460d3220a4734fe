import type { MiddlewareHandler } from 'hono'
import { check } from './check.ts'
import type { Env } from './env.ts'
import { Failure } from './errors.ts'

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** Answers what the adapter found wrong on the wire, and methods that nothing here speaks (TRACE would echo headers). */
export const requireSoundRequest = (): MiddlewareHandler<Env> =>
  check(function requireSoundRequest(c) {
    const { failure } = c.env.framing
    if (failure) throw failure
    if (!methods.has(c.req.method)) throw methodNotAllowed([...methods])
  })

/** For paths that speak plain HTTP only. */
export const refuseUpgrade = (): MiddlewareHandler<Env> =>
  check(function refuseUpgrade(c) {
    if (c.env.upgrade) throw new Failure('invalid_request', 'WebSocket is not spoken on this path.')
  })

export const methodNotAllowed = (allow: readonly string[]): Failure =>
  new Failure('method_not_allowed', `Use ${allow.join(', ')}.`, {
    headers: { allow: allow.join(', ') },
  })
