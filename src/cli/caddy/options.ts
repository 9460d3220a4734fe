import { resolve } from 'node:path'
import type { Address, CaddyOptions, Ports, Site } from '../../../caddy/options.ts'
import type { Bind, Config, ListenerConfig } from '../../config/config.ts'
import { addressSet, contains } from '../../http/client-address.ts'

/** What the command line says; addresses as typed. */
export interface CaddyFlags {
  readonly data: string
  readonly listen?: readonly string[]
  readonly host?: readonly string[]
  readonly internal?: true
  readonly httpsPort?: string
  readonly httpPort?: string
  readonly gateway?: string
  readonly trustedProxy?: readonly string[]
  readonly accessLog?: string
  readonly admin: string
}

export interface Derived {
  readonly options: CaddyOptions
  /** What would run, but not as its owner expects. */
  readonly warnings: readonly string[]
}

const defaultListen: Address = { kind: 'tcp', host: '127.0.0.1', port: 8081 }

/** Fills what the command line leaves open from Postern's own configuration. Throws `RangeError` for bad flags. */
export const deriveOptions = (config: Config, flags: CaddyFlags): Derived => {
  const listener = listenerForCaddy(config)
  addressSet(flags.trustedProxy ?? []) // throws for what is no address
  const options = {
    site: siteOf(flags),
    gateway: flags.gateway ? parseAddress(flags.gateway) : dialOf(listener.bind, flags.data),
    bodyLimit: config.limits.body,
    trustedProxies: flags.trustedProxy ?? [],
    accessLog: flags.accessLog === undefined ? undefined : resolve(flags.accessLog),
    admin: parseAddress(flags.admin),
  }
  return { options, warnings: warningsOf(config, listener, flags) }
}

const siteOf = ({ host = [], listen, internal, ...flags }: CaddyFlags): Site => {
  if (host.length === 0) {
    if (internal) throw new RangeError('--internal needs --host: the name to make certificates for')
    return { tls: 'none', listen: listen?.map(parseAddress) ?? [defaultListen] }
  }
  if (listen)
    throw new RangeError('--listen is for plain HTTP and --host for HTTPS: give one of them')
  const ports = portsOf(flags)
  return { tls: internal ? 'internal' : 'automatic', hosts: host, ...(ports && { ports }) }
}

const portsOf = ({ httpsPort, httpPort }: Pick<CaddyFlags, 'httpsPort' | 'httpPort'>) => {
  if (httpsPort === undefined && httpPort === undefined) return undefined
  const ports: Ports = { https: Number(httpsPort ?? 443), http: Number(httpPort ?? 80) }
  return ports
}

/** `127.0.0.1:8081`, `[::1]:8081`, `localhost:2019`, `unix:/run/x.sock`, and Caddy's own `unix//run/x.sock|0600`. */
export const parseAddress = (text: string): Address => {
  const path = /^unix[:/](.+?)(?:\|\d+)?$/.exec(text)?.[1]
  if (path !== undefined) return { kind: 'unix', path }
  const [, six, four, port] = /^(?:\[([\da-fA-F:]+)\]|([\w.-]+)):(\d{1,5})$/.exec(text) ?? []
  const host = six ?? four
  if (host === undefined) throw new RangeError(`"${text}" is neither address:port nor unix:/path`)
  return { kind: 'tcp', host, port: Number(port) }
}

/** The listener that believes a proxy on this machine, else the first. */
const listenerForCaddy = ({ listeners }: Config): ListenerConfig => {
  const chosen = listeners.find(trustsCaddy) ?? listeners[0]
  if (chosen === undefined) throw new RangeError('the configuration has no listener')
  return chosen
}

const trustsCaddy = ({ bind, trustedProxies }: ListenerConfig): boolean =>
  contains(addressSet(trustedProxies), bind.kind === 'unix' ? 'unix' : reachable(bind.host))

/** As the gateway listens on every address, or on one, Caddy on the same machine dials it here. */
const reachable = (host: string): string => {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

const dialOf = (bind: Bind, data: string): Address =>
  bind.kind === 'unix'
    ? { kind: 'unix', path: resolve(data, bind.path) }
    : { ...bind, host: reachable(bind.host) }

const warningsOf = (config: Config, listener: ListenerConfig, flags: CaddyFlags): string[] => {
  const warnings: string[] = []
  if (config.front !== 'caddy') warnings.push('"front" is not "caddy" in the configuration.')
  if (flags.gateway === undefined && !trustsCaddy(listener)) {
    const peer = listener.bind.kind === 'unix' ? 'unix' : reachable(listener.bind.host)
    warnings.push(
      `Listener "${listener.name}" does not believe Caddy, so that all callers look like one and no ban can hit. ` +
        `Add "${peer}" to its trusted_proxies.`,
    )
  }
  const unknown = (flags.host ?? []).filter((host) => !config.allowedHosts.includes(host))
  for (const host of unknown) {
    warnings.push(`"${host}" is not in allowed_hosts: the dashboard would not answer to it.`)
  }
  return warnings
}
