import type { Context, Handler, MiddlewareHandler } from 'hono'
import { check } from '../../gateway/http/check.ts'
import type { Env } from '../../gateway/http/env.ts'
import { Failure } from '../../platform/failure.ts'
import type { Family } from '../../platform/metric.ts'
import { contentType, format } from './text.ts'

/** Asked by a program on this very machine, on a socket that stands for nothing else, without a credential. */
const isLocal = (c: Context<Env>): boolean => {
  const { failure } = c.get('auth')
  const unclaimed = failure === undefined || failure === 'missing'
  return unclaimed && c.get('client').loopback && c.env.listener.identity === 'none'
}

/**
 * Two ways in: from this machine by our own name (so that no web page gets at them by a name of its own), or by the
 * guards that stand for everybody else.
 */
export const localOr = (
  host: MiddlewareHandler<Env>,
  guards: readonly MiddlewareHandler<Env>[],
): MiddlewareHandler<Env>[] => [
  (c, next) => (isLocal(c) ? host(c, next) : next()),
  ...guards.map(
    (guard): MiddlewareHandler<Env> =>
      (c, next) =>
        isLocal(c) ? next() : guard(c, next),
  ),
]

/** A capability of its own, for admins too. */
export const requireMetrics = (): MiddlewareHandler<Env> =>
  check(function requireMetrics(c) {
    if (!c.get('permissions').readMetrics) {
      throw new Failure(
        'not_allowed',
        'A grant with "read_metrics": true is needed for this, for admins too.',
      )
    }
  })

/** The page that Prometheus reads. */
export const showMetrics =
  (collect: () => readonly Family[]): Handler<Env> =>
  (c) =>
    c.body(format(collect()), 200, { 'content-type': contentType, 'cache-control': 'no-store' })
