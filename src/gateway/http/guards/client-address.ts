import type { MiddlewareHandler } from 'hono'
import ipaddr from 'ipaddr.js'
import { LRUCache } from 'lru-cache'
import type { ListenerIdentity } from '../../../config/config.ts'
import type { Door } from '../../../platform/caller.ts'
import { check } from '../check.ts'
import type { Client, Env } from '../env.ts'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** IP addresses and CIDR ranges, compiled once. `unix` stands for a socket peer. */
export interface AddressSet {
  readonly unix: boolean
  readonly ranges: readonly (readonly [Address, number])[]
}

/** Proxies whose X-Forwarded-For is believed. */
export type TrustedSet = AddressSet

/**
 * Finds out from where a request comes and by which door: from the socket's peer, unless that is a proxy the listener
 * trusts, or the front it was declared for. X-Forwarded-For is the only header read for an address;
 * X-Real-IP and its kin are what attackers send.
 */
export const findClient = (): MiddlewareHandler<Env> => {
  const compiled = new WeakMap<readonly string[], TrustedSet>()
  const trustedOf = (list: readonly string[]): TrustedSet => {
    const known = compiled.get(list) ?? addressSet(list)
    compiled.set(list, known)
    return known
  }
  return check(function findClient(c) {
    const { listener, peer } = c.env
    const { headers, url } = c.req.raw
    const trusted = trustedOf(listener.trustedProxies)
    c.set('client', describeClient(listener.identity, peer, headers, trusted, url))
  })
}

const describeClient = (
  identity: ListenerIdentity,
  peer: string,
  headers: Headers,
  trusted: TrustedSet,
  url: string,
): Client => {
  if (identity === 'serve') return behindServe(headers)
  const place = clientAddress(peer, headers.get('x-forwarded-for'), trusted)
  const told = place.proxied && headers.get('x-forwarded-proto') === 'https'
  return {
    ...place,
    door: doorOf(identity, place, headers),
    host: headers.get('host') ?? '',
    // Whoever ends TLS before us is the only one to know of it.
    secure: told || url.startsWith('https:'),
    funnel: false,
  }
}

/** Caddy names somebody only who came by the tailnet; that it was Caddy is proven with the identity, not here. */
const doorOf = (identity: ListenerIdentity, place: Place, headers: Headers): Door => {
  if (identity === 'whois') return isTailnetAddress(place.ip) ? 'tailnet' : 'public'
  if (identity === 'caddy') return headers.get('x-webauth-user') ? 'tailnet' : 'public'
  return place.door
}

/**
 * tailscaled sets these headers itself, whatever the client sent: one address, the host (the Host header says
 * `localhost` when it connects to a socket file), the scheme when it ended TLS, and the mark of internet traffic
 * (tailscale 1.102 serve.go). Where the address is missing, something else is talking to us, and nobody is believed.
 */
const behindServe = (headers: Headers): Client => {
  const hop = hopIfAddress(headers.get('x-forwarded-for') ?? '')
  const funnel = headers.has('tailscale-funnel-request')
  return {
    ip: hop?.ip ?? unix.ip,
    key: hop?.key ?? unix.key,
    door: funnel || hop === undefined ? 'public' : 'tailnet',
    loopback: false,
    unbannable: hop === undefined || hop.loopback,
    proxied: true,
    host: headers.get('x-forwarded-host') ?? headers.get('host') ?? '',
    secure: headers.get('x-forwarded-proto') === 'https',
    funnel,
  }
}

/**
 * Compiles a list of IP addresses, CIDR ranges and `unix`.
 * @throws RangeError naming the entry that is none of these.
 */
export const addressSet = (list: readonly string[]): AddressSet => ({
  unix: list.includes('unix'),
  ranges: list.filter((entry) => entry !== 'unix').map(parseRange),
})

/** Is this canonical address (as in `Client.ip`) in the set? */
export const contains = (set: AddressSet, ip: string): boolean => {
  if (ip === 'unix') return set.unix
  if (set.ranges.length === 0) return false
  const address = parseAddress(ip)
  return address !== undefined && within(set, address)
}

/**
 * @param peer IP address of the socket's other end, or `unix`.
 * @param forwardedFor X-Forwarded-For; lines joined by commas, as `Headers` does.
 * @param trustedProxies of the listener.
 */
export const clientAddress = (
  peer: string,
  forwardedFor: string | null,
  trustedProxies: TrustedSet,
): Place => {
  const socket = hopOf(peer)
  const socketTrusted = isTrusted(trustedProxies, socket)
  const hop = lastUntrusted(socket, forwardedFor ?? '', trustedProxies)
  // A loopback peer that forwards for someone, or was declared to, is a proxy with the world behind it: it must not
  // pass for a person at this machine even if its address does.
  const loopback = socket.loopback && forwardedFor === null && !socketTrusted
  return {
    ip: hop.ip,
    key: hop.key,
    door: loopback ? 'local' : 'public',
    loopback,
    unbannable: hop.loopback || hop.address === undefined || isTrusted(trustedProxies, hop),
    proxied: socketTrusted,
  }
}

/** What an address alone tells. */
export type Place = Pick<Client, 'ip' | 'key' | 'door' | 'loopback' | 'unbannable' | 'proxied'>

/** Addresses that tailscaled gives out: RFC 6598 space, and its own prefix of unique local ones. */
const tailnetRanges = ['100.64.0.0/10', 'fd7a:115c:a1e0::/48'] as const

/** Could this canonical address be a node of a tailnet? A provider's own network uses the IPv4 range as well. */
export const isTailnetAddress = (ip: string): boolean => contains(tailnetSet, ip)

interface Hop {
  readonly ip: string
  readonly key: string
  readonly loopback: boolean
  /** Absent: a unix socket, or a peer whose address could not be read. */
  readonly address: Address | undefined
}

// The same clients come again and again; parsing costs a few microseconds each time. 4,096 hops are about 2 MB.
const hops = new LRUCache<string, Hop>({ max: 4096 })

const hopOf = (peer: string): Hop =>
  hopIfAddress(peer) ?? (peer === unix.ip ? unix : { ...unix, ip: 'unknown', key: 'unknown' })

/** Right-most hop not itself trusted. Behind a value that is not an address nothing can be believed: stop before it. */
const lastUntrusted = (socket: Hop, forwardedFor: string, trusted: TrustedSet): Hop => {
  let hop = socket
  let end = forwardedFor.length
  while (end > 0 && isTrusted(trusted, hop)) {
    const start = forwardedFor.lastIndexOf(',', end - 1)
    const next = hopIfAddress(withoutPort(forwardedFor.slice(start + 1, end).trim()))
    if (next === undefined) return hop
    hop = next
    end = start
  }
  return hop
}

/**
 * Azure's gateways write the client's port behind its address. Taken for no address, all clients would be the proxy, which is
 * never banned. https://learn.microsoft.com/azure/application-gateway/how-application-gateway-works#modifications-to-the-request
 */
const withoutPort = (hop: string): string =>
  /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/.exec(hop)?.[1] ??
  /^\[([0-9a-f:.]+)\](?::\d{1,5})?$/i.exec(hop)?.[1] ??
  hop

const unix: Hop = { ip: 'unix', key: 'unix', loopback: false, address: undefined }

const hopIfAddress = (text: string): Hop | undefined => {
  const known = hops.get(text)
  if (known !== undefined) return known
  const address = parseAddress(text)
  if (address === undefined) return undefined
  const hop = {
    ip: canonical(address),
    key: keyOf(address),
    loopback: address.range() === 'loopback',
    address,
  }
  hops.set(text, hop)
  return hop
}

/** IPv4 in four decimal parts only: `127.1` and `0x7f000001` are spellings that others read differently. */
const parseAddress = (text: string): Address | undefined => {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text)
  if (!ipaddr.IPv6.isValid(text)) return undefined
  // Anew from its parts: without the zone, which names an interface of ours and no client.
  const address = new ipaddr.IPv6(ipaddr.IPv6.parse(text).parts)
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address
}

const parseRange = (entry: string): readonly [Address, number] => {
  const [text = '', bits] = entry.split('/')
  const address = parseAddress(text)
  const longest = address?.kind() === 'ipv4' ? 32 : 128
  const length = bits === undefined ? longest : Number(bits)
  const inRange = Number.isInteger(length) && length >= 0 && length <= longest
  if (address === undefined || bits === '' || !inRange || entry.split('/').length > 2) {
    throw new RangeError(`"${entry}" is not an IP address or a CIDR range.`)
  }
  return [address, length]
}

const isTrusted = (trusted: TrustedSet, hop: Hop): boolean =>
  hop.address === undefined ? hop === unix && trusted.unix : within(trusted, hop.address)

const within = (set: AddressSet, address: Address): boolean =>
  set.ranges.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits))

const tailnetSet = addressSet(tailnetRanges)

const canonical = (address: Address): string =>
  address.kind() === 'ipv4' ? address.toString() : (address as ipaddr.IPv6).toRFC5952String()

/** One household or host owns a whole /64, so an IPv6 client is counted by it. */
const keyOf = (address: Address): string => {
  if (address.kind() === 'ipv4') return address.toString()
  const network = (address as ipaddr.IPv6).parts.slice(0, 4)
  return `${new ipaddr.IPv6([...network, 0, 0, 0, 0]).toRFC5952String()}/64`
}
