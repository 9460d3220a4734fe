import { resolve } from 'node:path'
import type { Address, CaddyOptions, Ports, Site } from '../../../caddy/options.ts'
import type { Config, ListenerConfig } from '../../config/config.ts'
import { addressSet } from '../../gateway/http/guards/client-address.ts'
import { chooseListener, dialOf, type Way } from './listener.ts'
import { warningsOf } from './warnings.ts'

/** What the command line says; addresses as typed. */
export interface CaddyFlags {
  readonly data: string
  readonly listen?: readonly string[]
  /** `true`: the names of the tailnet that the configuration knows. */
  readonly host?: readonly string[] | true
  readonly internal?: true
  readonly proxyProtocol?: string
  readonly httpsPort?: string
  readonly httpPort?: string
  readonly node?: string
  readonly controlUrl?: string
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

const defaultNode = 'postern'
const defaultListen: Address = { kind: 'tcp', host: '127.0.0.1', port: 8081 }
/** Not a port: whoever can connect here can be anybody. */
const defaultForServe: Address = { kind: 'unix', path: '/run/caddy/edge.sock' }

/** Fills what the command line leaves open from Postern's own configuration. Throws `RangeError` for bad flags. */
export const deriveOptions = (config: Config, flags: CaddyFlags): Derived => {
  const gateway = flags.gateway === undefined ? undefined : parseAddress(flags.gateway)
  const listener = chooseListener(config, wayOf(flags), gateway, flags.data)
  addressSet(flags.trustedProxy ?? []) // throws for what is not an address
  const options = {
    site: siteOf(config, listener, flags),
    gateway: gateway ?? dialOf(listener.bind, flags.data),
    bodyLimit: config.limits.body,
    trustedProxies: flags.trustedProxy ?? [],
    accessLog: flags.accessLog === undefined ? undefined : resolve(flags.accessLog),
    admin: parseAddress(flags.admin),
  }
  const known = gateway === undefined ? listener : undefined
  return { options, warnings: warningsOf(config, known, options) }
}

const wayOf = ({ host, node, listen, ...flags }: CaddyFlags): Way => {
  const given = Object.entries({ host, node, listen }).filter(([, flag]) => flag !== undefined)
  if (given.length > 1) {
    const ways = '--listen is for plain HTTP, --host for HTTPS, --node for a machine of its own'
    throw new RangeError(`${ways}: give one of them`)
  }
  for (const flag of ['internal', 'proxyProtocol', 'httpsPort', 'httpPort'] as const) {
    if (flags[flag] !== undefined && host === undefined) {
      throw new RangeError(`${spelled[flag]} needs --host: the names to serve HTTPS for`)
    }
  }
  return (given[0]?.[0] as Way | undefined) ?? 'unsaid'
}

const spelled = {
  internal: '--internal',
  proxyProtocol: '--proxy-protocol',
  httpsPort: '--https-port',
  httpPort: '--http-port',
} as const

const siteOf = (config: Config, listener: ListenerConfig, flags: CaddyFlags): Site => {
  if (listener.identity === 'caddy') return nodeOf(config, listener, flags)
  if (flags.controlUrl !== undefined) {
    throw new RangeError('--control-url is for --node: who controls the tailnet to join')
  }
  if (flags.host !== undefined) return namedOf(config, flags.host, flags)
  const listen = flags.listen?.map(parseAddress)
  return listener.identity === 'serve'
    ? { tls: 'serve', listen: listen ?? [defaultForServe] }
    : { tls: 'none', listen: listen ?? [defaultListen] }
}

const nodeOf = ({ mode }: Config, { hopSecret }: ListenerConfig, flags: CaddyFlags): Site => {
  if (mode === 'funnel') {
    throw new RangeError(
      'mode "funnel" believes nobody for coming by the tailnet, and Funnel does not lead to a machine of Caddy’s own',
    )
  }
  const { node = defaultNode, controlUrl } = flags
  const hop = hopSecret !== undefined
  return { tls: 'node', name: node, hop, ...(controlUrl !== undefined && { controlUrl }) }
}

const namedOf = (
  { allowedHosts }: Config,
  host: readonly string[] | true,
  flags: CaddyFlags,
): Site => {
  const { internal, proxyProtocol } = flags
  const hosts = host === true ? allowedHosts.filter((name) => name.endsWith('.ts.net')) : host
  if (hosts.length === 0) {
    throw new RangeError('--host without a name takes those of allowed_hosts that end in .ts.net')
  }
  const ports = portsOf(flags)
  if (proxyProtocol !== undefined && ports) {
    throw new RangeError('--proxy-protocol says where to listen: no --https-port or --http-port')
  }
  return {
    tls: internal ? 'internal' : 'automatic',
    hosts,
    ...(ports && { ports }),
    ...(proxyProtocol !== undefined && { forwarded: parseAddress(proxyProtocol) }),
  }
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
