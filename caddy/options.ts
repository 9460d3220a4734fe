import type { NetworkAddress } from 'caddy-json-config-types'

/** A TCP address or a unix socket (absolute path). */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** Who ends TLS, who may connect, and with that what Caddy may say of a caller. */
export type Site = PlainSite | NamedSite | NodeSite

/** Plain HTTP for a TLS terminator on this machine. Loopback or a socket only. */
export interface PlainSite {
  /**
   * `none`: nothing is handed on of who is calling. `serve`: only tailscaled connects here, so what Serve and Funnel say
   * of a caller passes, to a gateway's listener of identity `serve`. Whoever else can connect can be anybody.
   */
  readonly tls: 'none' | 'serve'
  readonly listen: readonly Address[]
}

export interface NamedSite {
  /**
   * `automatic`: public names; certificates from Let's Encrypt, for `*.ts.net` from tailscaled. `internal`: of Caddy's own
   * authority, for names that no public one would sign.
   */
  readonly tls: 'automatic' | 'internal'
  readonly hosts: readonly string[]
  readonly ports?: Ports
  /**
   * Where tailscaled forwards TCP to, with `--proxy-protocol`, instead of `ports`. Each connection must begin with a PROXY
   * header, which alone tells the caller's address. Loopback only.
   */
  readonly forwarded?: Address
}

/**
 * Caddy is a machine of the tailnet by itself (caddy-tailscale), at port 80: WireGuard encrypts. It names the caller to a
 * gateway's listener of identity `caddy`, and lets in nobody without a name.
 */
export interface NodeSite {
  readonly tls: 'node'
  /** Of the machine. It joins with the key in `$TS_AUTHKEY`. */
  readonly name: string
  /** Absent: Tailscale's own. */
  readonly controlUrl?: string
  /** Show the gateway the secret in `$POSTERN_HOP_SECRET`. */
  readonly hop: boolean
}

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

/** Does a proxy on this machine hand over requests that are no longer encrypted? */
export const isPlain = (site: Site): site is PlainSite =>
  site.tls === 'none' || site.tls === 'serve'

/** Throws `RangeError` for what would be unsafe, or what Caddy would refuse less clearly. */
export const refuseBadOptions = (options: CaddyOptions): void => {
  const { site, gateway, admin, bodyLimit } = options
  if (!Number.isSafeInteger(bodyLimit) || bodyLimit < 1) {
    throw new RangeError(`body limit must be a positive number of bytes, not ${bodyLimit}`)
  }
  const listen = isPlain(site) ? site.listen : []
  for (const address of [...listen, gateway, admin]) refuseBadAddress(address)
  refuseBadSite(options)
  if (!isPrivate(admin)) {
    throw new RangeError('who reaches the admin API owns the proxy: loopback or a socket only')
  }
}

const refuseBadSite = ({ site, gateway, trustedProxies }: CaddyOptions): void => {
  if (site.tls === 'node') refuseBadNode(site)
  else if (isPlain(site)) refusePublicPlaintext(site.listen)
  else refuseBadNames(site)
  if (site.tls !== 'node' && site.tls !== 'serve') return
  if (trustedProxies.length > 0) {
    throw new RangeError('callers come by the tailnet here: no other proxy may speak for them')
  }
  if (!isPrivate(gateway)) {
    throw new RangeError(
      `${dialAddress(gateway)} would be told who is calling over a network: loopback or a socket only`,
    )
  }
}

const refuseBadNode = ({ name, controlUrl }: NodeSite): void => {
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) {
    throw new RangeError(`"${name}" is not a name for a machine: small letters, digits and dashes`)
  }
  if (controlUrl !== undefined && !/^https?:\/\/[^\s{}]+$/.test(controlUrl)) {
    throw new RangeError(`"${controlUrl}" is not the URL of a control server`)
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
const refuseBadNames = ({ hosts, ports, forwarded }: NamedSite): void => {
  if (hosts.length === 0) throw new RangeError('HTTPS needs at least one host name')
  const bad = hosts.find((host) => !/^(\*\.)?[\p{L}\p{N}-]+(\.[\p{L}\p{N}-]+)*$/u.test(host))
  if (bad !== undefined) throw new RangeError(`"${bad}" is not a host name`)
  for (const port of Object.values(ports ?? {})) refuseBadPort(port)
  if (forwarded === undefined) return
  refuseBadAddress(forwarded)
  // Caddy does not insist on the header on a socket, and tailscaled sends none there.
  if (forwarded.kind === 'unix' || !isPrivate(forwarded)) {
    throw new RangeError(
      `whoever connects to ${dialAddress(forwarded)} tells a caller's address: a port of loopback only`,
    )
  }
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
