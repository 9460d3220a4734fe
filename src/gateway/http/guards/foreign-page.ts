import type { Context } from 'hono'
import type { Env } from '../env.ts'
import { originAllowed } from './host-check.ts'

/**
 * Did a page of another site make its visitor's browser send this? Such a request says nothing of the visitor: five
 * pictures with a wrong password in their address are not five guesses of the one who looks at them.
 *
 * Browsers say so in `Sec-Fetch-Site` (no page can set it), or in `Origin`. Over plain HTTP they leave both out for
 * pictures, scripts and links: there `Referer` is left, and an `Accept` that only an element of a page has. Programs that
 * write any of these by themselves gain nothing by it: what a page may have caused gets fewer checks, not more.
 * @param granted the policy lets this page in (CORS)
 */
export const foreignPage =
  (allowedHosts: readonly string[], granted: (c: Context<Env>) => boolean) =>
  (c: Context<Env>): boolean => {
    const { headers } = c.req.raw
    const site = headers.get('sec-fetch-site')
    if (site === 'same-origin' || site === 'none') return false
    const origin = headers.get('origin')
    if (origin !== null && !isOfWeb(origin)) return false
    const own = (from: string) => originAllowed(from, c.get('client').host, allowedHosts)
    if (site !== null) return !granted(c)
    if (origin !== null) return !own(origin) && !granted(c)
    return isBrowser(headers) && (isElement(headers) || isReferredFrom(headers, own))
  }

/** A page has an address of the web, or none (`null`); `app://notes` and `chrome-extension://…` are programs. */
export const isOfWeb = (origin: string): boolean =>
  origin === 'null' || /^https?:\/\//i.test(origin)

const isBrowser = (headers: Headers): boolean => /^Mozilla\//.test(headers.get('user-agent') ?? '')

/** What browsers ask for in place of `<img>`, `<link rel=stylesheet>`, `<video>` and `<audio>`. */
const isElement = (headers: Headers): boolean =>
  /^(?:image|video|audio)\/|^text\/css\b/.test(headers.get('accept') ?? '')

const isReferredFrom = (headers: Headers, own: (origin: string) => boolean): boolean => {
  const referer = headers.get('referer')
  if (referer === null) return false
  return !own(URL.parse(referer)?.origin ?? '')
}

/**
 * May a page have put the credential there without asking anyone? A browser sends the query of an address, and the user
 * and password in it (as Basic), wherever a page points it; every other carrier takes a CORS preflight first.
 */
export const isFreelySent = (headers: Headers): boolean =>
  !asked.some((name) => headers.has(name)) && !/^bearer /i.test(headers.get('authorization') ?? '')

const asked = ['x-api-key', 'api-key', 'x-goog-api-key'] as const
