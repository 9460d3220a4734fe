import type { MiddlewareHandler } from 'hono'
import type { Clock, Log } from '../../../platform/platform.ts'
import type { Env } from '../env.ts'

export interface AccessLogOptions {
  readonly log: Log
  readonly clock: Clock
  /** Default true. */
  readonly enabled: boolean
}

/** One line per request, written when its answer begins. The query stays out: Gemini clients put keys there. */
export const accessLog = ({ log, clock, enabled }: AccessLogOptions): MiddlewareHandler<Env> =>
  async function accessLog(c, next) {
    await next()
    if (!enabled) return
    log('info', 'access', {
      ip: c.get('client')?.ip ?? c.env.peer,
      rid: c.get('requestId'),
      user: c.get('auth')?.caller?.login,
      method: c.req.method,
      route: c.req.path,
      status: c.res.status,
      ms: Math.round((clock.elapsed() - c.get('startedAt')) * 100) / 100,
      listener: c.env.listener.name,
    })
  }
