import type { MiddlewareHandler } from 'hono'
import type { Env } from './env.ts'
import { Failure } from './errors.ts'

/**
 * Answers only to our own names, so that a web page whose name was re-pointed at this machine (DNS rebinding) gets
 * nothing. Addresses cannot be rebound and are let through.
 */
export const hostCheck = (allowedHosts: readonly string[]): MiddlewareHandler<Env> => {
  const allowed = new Set(['localhost', ...allowedHosts.map((host) => host.toLowerCase())])
  return async function hostCheck(c, next) {
    // A browser gets through tailscaled only under a name it serves: by Host in the clear, by SNI and certificate else.
    const served = c.env.listener.identity === 'serve'
    if (!served && !isOwnHost(hostName(c.var.client.host), allowed)) {
      throw new Failure(
        'misdirected_request',
        'This address is not served here. Add it to allowed_hosts.',
      )
    }
    await next()
  }
}

const isOwnHost = (host: string, allowed: ReadonlySet<string>): boolean =>
  allowed.has(host) || host.startsWith('[') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host)

/** Lower-cased host without port; empty when there is none. */
export const hostName = (host: string | undefined): string =>
  (host ?? '').toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '')

/**
 * May a page of this origin open a WebSocket here? Browsers send cookies along and ask nobody, so the answer is ours
 * (RFC 6455 §10.2): same host as the request, or a host we answer to.
 */
export const originAllowed = (
  origin: string | undefined,
  host: string | undefined,
  allowedHosts: readonly string[],
): boolean => {
  if (!origin || !/^https?:\/\//.test(origin)) return false
  const from = origin.replace(/^https?:\/\//, '').toLowerCase()
  return from === (host ?? '').toLowerCase() || allowedHosts.includes(hostName(from))
}
