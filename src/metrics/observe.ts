import type { MiddlewareHandler } from 'hono'
import type { Auth, Env } from '../http/env.ts'
import { Failure } from '../http/errors.ts'
import type { Store } from '../platform.ts'
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

/** Counts the rows on their way to the ledger. */
export const counting = (
  store: Pick<Store, 'recordUsage'>,
  metrics: Metrics,
): Pick<Store, 'recordUsage'> => ({
  recordUsage: (row, ...more) => {
    metrics.row(row)
    return store.recordUsage(row, ...more)
  },
})
