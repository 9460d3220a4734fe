import type { MiddlewareHandler } from 'hono'
import type { Env } from './env.ts'
import { Failure } from './errors.ts'
import { originAllowed } from './host-check.ts'

/**
 * For requests that change something and are proven by what a browser sends along by itself: only our own pages may
 * cause them (hazards 204). Browsers say so in Sec-Fetch-Site, and where they do not (plain HTTP), in Origin; whoever
 * says neither is refused.
 */
export const requireSameOrigin = (allowedHosts: readonly string[]): MiddlewareHandler<Env> =>
  async function requireSameOrigin(c, next) {
    const site = c.req.header('sec-fetch-site')
    const own =
      site === undefined
        ? originAllowed(c.req.header('origin'), c.var.client.host, allowedHosts)
        : // `none`: the user, by reloading for example.
          site === 'same-origin' || site === 'none'
    if (!own) {
      throw new Failure('origin_not_allowed', 'This is accepted from pages of this address only.')
    }
    await next()
  }
