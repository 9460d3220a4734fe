import type { NetworkAddress } from 'caddy-json-config-types'

/** A TCP address or a unix socket (absolute path). */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** Who proves the server's name. */
export type Site =
  /** Plain HTTP for a TLS terminator on this machine, such as tailscaled. Loopback or a socket only. */
  | { readonly tls: 'none'; readonly listen: readonly Address[] }
  /** Public names: certificates from Let's Encrypt, for `*.ts.net` from tailscaled. */
  | { readonly tls: 'automatic'; readonly hosts: readonly string[]; readonly ports?: Ports }
  /** Certificates of Caddy's own authority, for names that no public one would sign. */
  | { readonly tls: 'internal'; readonly hosts: readonly string[]; readonly ports?: Ports }

/** Where HTTPS is spoken and where HTTP is redirected from; 443 and 80 unless given. */
export interface Ports {
  readonly https: number
  readonly http: number
}

export interface CaddyOptions {
  readonly site: Site
  /** Where Postern listens. */
  readonly gateway: Address
  /** Bytes of a request body under `/v1` and `/v1beta`. Elsewhere, for WebUI's uploads, no limit here. */
  readonly bodyLimit: number
  /** Addresses or CIDR ranges of proxies before Caddy; those on this machine follow from `site`. */
  readonly trustedProxies: readonly string[]
  /** File of the access log; none: no access log. */
  readonly accessLog: string | undefined
  readonly admin: Address
}

/** Throws `RangeError` for what would be unsafe, or what Caddy would refuse less clearly. */
export const refuseBadOptions = ({ site, gateway, admin, bodyLimit }: CaddyOptions): void => {
  if (!Number.isSafeInteger(bodyLimit) || bodyLimit < 1) {
    throw new RangeError(`body limit must be a positive number of bytes, not ${bodyLimit}`)
  }
  const listen = site.tls === 'none' ? site.listen : []
  for (const address of [...listen, gateway, admin]) refuseBadAddress(address)
  if (site.tls === 'none') refusePublicPlaintext(site.listen)
  else refuseBadNames(site)
  if (!isPrivate(admin)) {
    throw new RangeError('who reaches the admin API owns the proxy: loopback or a socket only')
  }
}

const refuseBadAddress = (address: Address): void => {
  if (address.kind === 'tcp') refuseBadPort(address.port)
  // `|` begins the permissions in Caddy's notation.
  else if (!/^\/[^|]+$/.test(address.path)) {
    throw new RangeError(`socket path must be absolute: ${address.path}`)
  }
}

const refuseBadPort = (port: number): void => {
  if (Number.isInteger(port) && port > 0 && port < 65_536) return
  throw new RangeError(`${port} is not a port`)
}

/** Caddy would take a URL for a name that never matches. */
const refuseBadNames = ({ hosts, ports }: Exclude<Site, { tls: 'none' }>): void => {
  if (hosts.length === 0) throw new RangeError('HTTPS needs at least one host name')
  const bad = hosts.find((host) => !/^(\*\.)?[\p{L}\p{N}-]+(\.[\p{L}\p{N}-]+)*$/u.test(host))
  if (bad !== undefined) throw new RangeError(`"${bad}" is not a host name`)
  for (const port of Object.values(ports ?? {})) refuseBadPort(port)
}

/** Passwords cross these listeners: in the clear they may not leave the machine. */
const refusePublicPlaintext = (listen: readonly Address[]): void => {
  if (listen.length === 0) throw new RangeError('nothing to listen on')
  const open = listen.find((address) => !isPrivate(address))
  if (open) {
    throw new RangeError(
      `plain HTTP on ${dialAddress(open)} would carry passwords in the clear: listen on loopback or a socket, or name a host for HTTPS`,
    )
  }
}

const isPrivate = (address: Address): boolean =>
  address.kind === 'unix' || /^(localhost|::1|127(\.\d{1,3}){3})$/.test(address.host)

/** An address in Caddy's notation. */
export const dialAddress = (address: Address): NetworkAddress => {
  if (address.kind === 'unix') return `unix/${address.path}`
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `${host}:${address.port}`
}

/** A socket is made for its owner; root, which tailscaled runs as, may connect all the same. */
export const listenAddress = (address: Address): NetworkAddress =>
  address.kind === 'unix' ? `${dialAddress(address)}|0600` : dialAddress(address)
