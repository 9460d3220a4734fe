import type { MiddlewareHandler } from 'hono'
import ipaddr from 'ipaddr.js'
import { LRUCache } from 'lru-cache'
import type { Client, Env } from './env.ts'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** IP addresses and CIDR ranges, compiled once. `unix` stands for a socket peer. */
export interface AddressSet {
  readonly unix: boolean
  readonly ranges: readonly (readonly [Address, number])[]
}

/** Proxies whose X-Forwarded-For is believed. */
export type TrustedSet = AddressSet

/**
 * Finds out who is calling: the socket's peer, unless that is a proxy the listener trusts (identity.md 1.4).
 * X-Forwarded-For is the only header read for it; X-Real-IP and its kin are what attackers send (hazards 73).
 */
export const findClient = (): MiddlewareHandler<Env> => {
  const compiled = new WeakMap<readonly string[], TrustedSet>()
  const trustedOf = (list: readonly string[]): TrustedSet => {
    const known = compiled.get(list) ?? addressSet(list)
    compiled.set(list, known)
    return known
  }
  return async function findClient(c, next) {
    const trusted = trustedOf(c.env.listener.trustedProxies)
    const forwardedFor = c.req.raw.headers.get('x-forwarded-for')
    c.set('client', clientAddress(c.env.peer, forwardedFor, trusted))
    await next()
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
): Client => {
  const socket = hopOf(peer)
  const socketTrusted = isTrusted(trustedProxies, socket)
  const hop = lastUntrusted(socket, forwardedFor ?? '', trustedProxies)
  // A loopback peer that forwards for someone, or was declared to, is a proxy with the world behind it: it must not
  // pass for a person at this machine even if its address does (hazards 71).
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

/** Right-most hop not itself trusted. Behind a value that is no address nothing can be believed: stop before it. */
const lastUntrusted = (socket: Hop, forwardedFor: string, trusted: TrustedSet): Hop => {
  let hop = socket
  let end = forwardedFor.length
  while (end > 0 && isTrusted(trusted, hop)) {
    const start = forwardedFor.lastIndexOf(',', end - 1)
    const next = hopIfAddress(forwardedFor.slice(start + 1, end).trim())
    if (next === undefined) return hop
    hop = next
    end = start
  }
  return hop
}

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

const canonical = (address: Address): string =>
  address.kind() === 'ipv4' ? address.toString() : (address as ipaddr.IPv6).toRFC5952String()

/** One household or host owns a whole /64, so an IPv6 client is counted by it. */
const keyOf = (address: Address): string => {
  if (address.kind() === 'ipv4') return address.toString()
  const network = (address as ipaddr.IPv6).parts.slice(0, 4)
  return `${new ipaddr.IPv6([...network, 0, 0, 0, 0]).toRFC5952String()}/64`
}
