import type { Handler } from 'hono'
import type { Store } from '../../../platform/platform.ts'
import type { Env } from '../env.ts'

/** The process lives. Nothing else is asked, so that a slow part does not get the whole restarted. */
export const health = (): Handler<Env> => (c) => c.json({ status: 'ok' })

export interface ReadinessOptions {
  readonly store: Pick<Store, 'healthy'>
  readonly draining: () => boolean
  /** What is not as it should be although requests are answered. */
  readonly degraded: () => readonly Degraded[]
}

export interface Degraded {
  readonly part: string
  readonly detail: string
}

/** Should new requests be sent here? Names the part that says no, and the parts that are less than they should be. */
export const readiness =
  ({ store, draining, degraded }: ReadinessOptions): Handler<Env> =>
  (c) => {
    if (draining()) return c.json({ status: 'draining', failing: 'shutdown' }, 503)
    if (!store.healthy()) return c.json({ status: 'unavailable', failing: 'database' }, 503)
    const less = degraded()
    return c.json({ status: 'ok', ...(less.length > 0 && { degraded: less }) })
  }
