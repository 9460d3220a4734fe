import type { MiddlewareHandler } from 'hono'
import type { Log, LogLevel } from '../../platform/platform.ts'
import { requestHeaders } from '../dialect/request-headers.ts'
import { check, pass } from '../http/check.ts'
import type { Env } from '../http/env.ts'

/** Read by the gateway, or about this hop only. */
const forUs =
  /^(?:host|connection|content-length|transfer-encoding|accept-encoding|expect|te|upgrade|keep-alive|origin|referer|cookie|authorization|x-api-key|api-key|x-goog-api-key|traceparent|tracestate|sec-.*|x-forwarded-.*|x-real-ip|forwarded|tailscale-.*|x-webauth-.*|x-postern-.*)$/

const MOST_NAMES = 32

/**
 * Logs the names of the client's headers that no provider of the dialect gets: a feature that was requested in a header
 * and is silently missing is hard to find. At level `debug` only.
 */
export const logDropped = (level: LogLevel, log: Log): MiddlewareHandler<Env> => {
  if (level !== 'debug') return pass
  return check(function logDropped(c) {
    const { dialect } = c.get('target').operation
    const { names, prefixes, own } = requestHeaders[dialect]
    const dropped = [...c.req.raw.headers.keys()].filter(
      (name) =>
        !forUs.test(name) &&
        !names.has(name) &&
        !own.has(name) &&
        !prefixes.some((prefix) => name.startsWith(prefix)),
    )
    if (dropped.length === 0) return
    const rid = c.get('requestId')
    log('debug', 'headers.dropped', {
      rid,
      dialect,
      names: dropped.slice(0, MOST_NAMES).join(', '),
    })
  })
}
