import type { Context, MiddlewareHandler } from 'hono'
import { Failure } from '../../../platform/failure.ts'
import { check } from '../check.ts'
import type { Env } from '../env.ts'

/**
 * Answers only to our own names, so that a web page whose name was re-pointed at this machine (DNS rebinding) gets
 * nothing. Addresses cannot be rebound and are let through.
 */
export const hostCheck = (allowedHosts: readonly string[]): MiddlewareHandler<Env> => {
  const allowed = new Set(['localhost', ...allowedHosts.map((host) => host.toLowerCase())])
  return check(function hostCheck(c) {
    // A browser gets through tailscaled only under a name it serves: by Host in the clear, by SNI and certificate else.
    const served = c.env.listener.identity === 'serve'
    if (!served && !isOwnHost(hostName(c.get('client').host), allowed)) {
      throw new Failure(
        'misdirected_request',
        'This address is not served here. Add it to allowed_hosts.',
      )
    }
  })
}

const isOwnHost = (host: string, allowed: ReadonlySet<string>): boolean =>
  allowed.has(host) || host.startsWith('[') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host)

/**
 * For callers who are known by where they come from, so that no credential ties them to a name: was a name of ours asked
 * for? Any page could else be loaded under a name of its own that leads here, and act as its visitor. A name without a
 * dot is nobody's to re-point; tailscaled answers for its own names before a socket file.
 * @param tailnet suffix of our tailnet's names, if it is known
 */
export const ownNameAsked = (
  allowedHosts: readonly string[],
  tailnet: () => string | undefined,
): ((c: Context<Env>) => boolean) => {
  const allowed = new Set(['localhost', ...allowedHosts.map((host) => host.toLowerCase())])
  return (c) => {
    const { identity, bind } = c.env.listener
    if (identity === 'serve' && bind.kind === 'unix') return true
    // Not X-Forwarded-Host: a page could send that itself.
    const name = hostName(c.req.raw.headers.get('host') ?? undefined)
    if (isOwnHost(name, allowed) || !name.includes('.')) return true
    // Behind a Caddy with a node of its own nobody tells which tailnet it is; Tailscale points no name beneath ts.net
    // at a machine that is not its owner's.
    return name.endsWith(`.${tailnet() ?? 'ts.net'}`)
  }
}

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
  const [, scheme, from = ''] = /^(https?):\/\/(.+)$/i.exec(origin ?? '') ?? []
  if (scheme === undefined) return false
  const usual = scheme.toLowerCase() === 'https' ? ':443' : ':80'
  const same = withoutPort(from, usual) === withoutPort(host ?? '', usual)
  return same || allowedHosts.includes(hostName(from))
}

/** Lower case, without this port: browsers leave it out where it is usual, and other programs need not. */
const withoutPort = (host: string, port: string): string => {
  const text = host.toLowerCase()
  return text.endsWith(port) ? text.slice(0, -port.length) : text
}

/** What to do about a page whose address we do not know as ours; empty where the origin names no host. */
export const allowedHostsHint = (origin: string | undefined): string => {
  const host = hostName(origin?.replace(/^https?:\/\//i, ''))
  return /^[a-z0-9.-]{1,253}$/.test(host)
    ? ` If "${host}" is this gateway, as behind a proxy that changes Host, add it to allowed_hosts.`
    : ''
}
