import type { MiddlewareHandler } from 'hono'
import type { Auth, Env } from '../../gateway/http/env.ts'
import { Failure } from '../../platform/failure.ts'
import type { Metrics } from './metrics.ts'

/** Counts what was answered, whatever it was. */
export const observe = (metrics: Metrics): MiddlewareHandler<Env> =>
  async function observe(c, next) {
    await next()
    metrics.answered(c.res.status)
    if (c.error instanceof Failure) metrics.refused(c.error.code)
    const auth: Auth | undefined = c.get('auth')
    if (auth === undefined || auth.caller !== undefined) return
    const refused = c.error instanceof Failure && c.error.reason === auth.failure
    if (refused || auth.guess?.fresh !== undefined) metrics.authFailure(auth.failure)
  }
