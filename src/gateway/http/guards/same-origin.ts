import type { Context, MiddlewareHandler } from 'hono'
import { Failure } from '../../../platform/failure.ts'
import { type Check, check } from '../check.ts'
import type { Env } from '../env.ts'
import { isFreelySent } from './foreign-page.ts'
import { allowedHostsHint, originAllowed } from './host-check.ts'

/**
 * For requests that change something and are proven by what a browser sends along by itself: only our own pages may
 * cause them. Browsers say so in Sec-Fetch-Site, and where they do not (plain HTTP), in Origin; whoever
 * says neither is refused.
 */
export const requireSameOrigin = (allowedHosts: readonly string[]): MiddlewareHandler<Env> =>
  check(sameOrigin(allowedHosts))

const sameOrigin =
  (allowedHosts: readonly string[]): Check =>
  (c) => {
    const site = c.req.header('sec-fetch-site')
    const own =
      site === undefined
        ? originAllowed(c.req.header('origin'), c.get('client').host, allowedHosts)
        : // `none`: the user, by reloading for example.
          site === 'same-origin' || site === 'none'
    if (own) return
    const hint = site === undefined ? allowedHostsHint(c.req.header('origin')) : ''
    throw new Failure(
      'origin_not_allowed',
      `This is accepted from pages of this address only.${hint}`,
    )
  }

const safe = new Set(['GET', 'HEAD', 'OPTIONS'])

/** The same, for pages that may be looked at from anywhere. */
export const requireOwnPages = (allowedHosts: readonly string[]): MiddlewareHandler<Env> => {
  const look = sameOrigin(allowedHosts)
  return check((c) => (safe.has(c.req.method) ? undefined : look(c)))
}

/**
 * For an API where being on the tailnet, or a password that the browser remembers, is proof enough: a page of another
 * site must not use it in its visitor's name. Programs say nothing of where they come from and pass.
 * @param granted the policy lets this page in (CORS)
 */
export const refuseForeignPages = (
  allowedHosts: readonly string[],
  granted: (c: Context<Env>) => boolean,
): MiddlewareHandler<Env> =>
  check(function refuseForeignPages(c) {
    const { headers } = c.req.raw
    const harmless = safe.has(c.req.method) || !isFreelySent(headers) || !isForeign(c, allowedHosts)
    if (!harmless && !granted(c)) {
      const { headers: given } = c.req.raw
      const hint = given.has('sec-fetch-site') ? '' : allowedHostsHint(c.req.header('origin'))
      const message = `A page of another site may not use this. A grant with set_cors can let it in.${hint}`
      throw new Failure('origin_not_allowed', message)
    }
  })

const isForeign = (c: Context<Env>, allowedHosts: readonly string[]): boolean => {
  const site = c.req.header('sec-fetch-site')
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  const origin = c.req.header('origin')
  return origin !== undefined && !originAllowed(origin, c.get('client').host, allowedHosts)
}

/** Browsers name their page in every POST; programs have none. */
export const isFromProgram = (c: Context<Env>): boolean =>
  c.req.header('origin') === undefined && c.req.header('sec-fetch-site') === undefined
