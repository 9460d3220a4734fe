import type { MiddlewareHandler } from 'hono'
import { Failure } from '../../../platform/failure.ts'
import { check } from '../check.ts'
import type { Env } from '../env.ts'

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** Answers what the adapter found wrong on the wire, and methods that nothing here speaks (TRACE would echo headers). */
export const requireSoundRequest = (): MiddlewareHandler<Env> =>
  check(function requireSoundRequest(c) {
    const { failure } = c.env.framing
    if (failure) throw failure
    if (!methods.has(c.req.method)) throw methodNotAllowed([...methods])
  })

/**
 * For paths that have plain HTTP only. Clients that try WebSocket first, Codex among them, fall back to HTTP when they
 * get this status, which has to name the protocol (RFC 9110 §15.5.22).
 */
export const refuseUpgrade = (): MiddlewareHandler<Env> =>
  check(function refuseUpgrade(c) {
    if (c.env.upgrade) throw plainHttpOnly
  })

const plainHttpOnly = new Failure(
  'upgrade_required',
  'This path has no WebSocket: send a plain HTTP request.',
  { headers: { upgrade: 'HTTP/1.1', connection: 'Upgrade' } },
)

export const methodNotAllowed = (allow: readonly string[]): Failure =>
  new Failure('method_not_allowed', `Use ${allow.join(', ')}.`, {
    headers: { allow: allow.join(', ') },
  })
