import { resolve } from 'node:path'
import { type Address, dialAddress } from '../../../caddy/options.ts'
import type { Bind, Config, ListenerConfig, ListenerIdentity } from '../../config/config.ts'
import { addressSet, contains } from '../../gateway/http/guards/client-address.ts'

/** How people reach Caddy, as far as the command line says it. */
export type Way = 'host' | 'node' | 'listen' | 'unsaid'

/** The listeners that can stand behind each way, the best first. Caddy may not tell another kind who is calling. */
const fitting: Readonly<Record<Way, readonly ListenerIdentity[]>> = {
  host: ['none'],
  node: ['caddy'],
  listen: ['serve', 'none'],
  unsaid: ['serve', 'caddy', 'none'],
}

const missing: Readonly<Record<Way, string>> = {
  host:
    'a site for everybody needs a listener of identity "none": others believe what they are told of a caller, and here ' +
    'anybody could tell it',
  node: 'a machine of its own in the tailnet needs a listener of identity "caddy"',
  listen: 'plain HTTP from this machine needs a listener of identity "serve" or "none"',
  unsaid: 'no listener is one for Caddy: it needs identity "serve", "caddy" or "none"',
}

/**
 * The listener of Postern that Caddy connects to: the one at `gateway`, else the best there is, and of several of
 * identity `none` the one that believes a proxy on this machine. Throws `RangeError` when none of them fits `way`.
 */
export const chooseListener = (
  { listeners }: Config,
  way: Way,
  gateway: Address | undefined,
  data: string,
): ListenerConfig => {
  const named = listeners.find(({ bind }) => gateway && isAt(bind, gateway, data))
  const candidates = named ? [named] : listeners.toSorted((a, b) => trust(b) - trust(a))
  const chosen = fitting[way]
    .map((identity) => candidates.find((listener) => listener.identity === identity))
    .find((listener) => listener !== undefined)
  if (chosen) return chosen
  const but = named ? `, and "${named.name}" has "${named.identity}"` : ''
  throw new RangeError(`${missing[way]}${but}`)
}

const isAt = (bind: Bind, address: Address, data: string): boolean =>
  dialAddress(dialOf(bind, data)) === dialAddress(normal(address))

const normal = (address: Address): Address =>
  address.kind === 'unix'
    ? { kind: 'unix', path: resolve(address.path) }
    : { ...address, host: address.host === 'localhost' ? '127.0.0.1' : reachable(address.host) }

const trust = (listener: ListenerConfig): number => Number(trustsCaddy(listener))

/** Does it take the caller's address from a proxy on this machine? */
export const trustsCaddy = ({ bind, trustedProxies }: ListenerConfig): boolean =>
  contains(addressSet(trustedProxies), peerOf(bind))

/** What Caddy is to the listener: its name in `trusted_proxies`. */
export const peerOf = (bind: Bind): string => (bind.kind === 'unix' ? 'unix' : reachable(bind.host))

/** As the gateway listens on every address, or on one, Caddy on the same machine dials it here. */
const reachable = (host: string): string => {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

/** `data`: where sockets with a relative path lie. */
export const dialOf = (bind: Bind, data: string): Address =>
  bind.kind === 'unix'
    ? { kind: 'unix', path: resolve(data, bind.path) }
    : { ...bind, host: reachable(bind.host) }
