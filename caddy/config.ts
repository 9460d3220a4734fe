import type { Apps, Config, Server, TailscaleApp } from 'caddy-json-config-types'
import { errorRoutes } from './errors.ts'
import { loggerName, logging } from './logging.ts'
import {
  type CaddyOptions,
  isPlain,
  listenAddress,
  type NamedSite,
  type NodeSite,
  refuseBadOptions,
  type Site,
} from './options.ts'
import { routes } from './routes.ts'

const loopbackRanges = ['127.0.0.0/8', '::1/128']

/**
 * Caddy's configuration in front of one Postern. Everything goes to the gateway, Open WebUI too, so that
 * there is one policy; Caddy adds TLS, clean headers and a first body limit, and decides nothing.
 *
 * Throws `RangeError` for options that would be unsafe.
 */
export const build = (options: CaddyOptions): Config => {
  refuseBadOptions(options)
  return {
    admin: { listen: listenAddress(options.admin) },
    logging: logging(options.accessLog),
    apps: apps(options),
  }
}

const apps = (options: CaddyOptions): Apps => {
  const { site } = options
  const servers = { postern: server(options) }
  if (isPlain(site)) return { http: { servers } }
  if (site.tls === 'node') return { http: { servers }, tailscale: { nodes: nodes(site) } }
  const ports = site.ports && { http_port: site.ports.http, https_port: site.ports.https }
  return { http: { ...ports, servers }, ...certificates(site) }
}

const nodes = ({ name, controlUrl }: NodeSite): TailscaleApp['nodes'] => ({
  [name]: { hostname: name, ...(controlUrl !== undefined && { control_url: controlUrl }) },
})

const certificates = ({ tls, hosts }: NamedSite): Apps => {
  if (tls === 'internal') {
    return {
      tls: { automation: { policies: [{ subjects: hosts, issuers: [{ module: 'internal' }] }] } },
      // Changing the machine's trust store is the owner's decision, and would ask for a password.
      pki: { certificate_authorities: { local: { install_trust: false } } },
    }
  }
  const subjects = hosts.filter((host) => host.endsWith('.ts.net'))
  if (subjects.length === 0) return {}
  return {
    tls: { automation: { policies: [{ subjects, get_certificate: [{ via: 'tailscale' }] }] } },
  }
}

const server = (options: CaddyOptions): Server => ({
  ...sockets(options.site),
  ...trust(options),
  // The only time limit: a body may come, and an answer go, as slowly as it likes. The gateway decides.
  read_header_timeout: '30s',
  // Written out because the default shrinks to 16 KiB after 2.11.4.
  max_header_bytes: 65_536,
  ...(options.accessLog !== undefined && { logs: { default_logger_name: loggerName } }),
  routes: routes(options),
  errors: { routes: errorRoutes(options.site) },
})

const sockets = (site: Site): Pick<Server, 'listen'> & Partial<Server> => {
  const automatic_https = { disable: true }
  if (isPlain(site)) return { listen: site.listen.map(listenAddress), automatic_https }
  if (site.tls === 'node') return { listen: [`tailscale/${site.name}:80`], automatic_https }
  if (site.forwarded === undefined) return { listen: [`:${site.ports?.https ?? 443}`] }
  return {
    listen: [listenAddress(site.forwarded)],
    // `allow` would mean that a connection may, not must, say where it comes from.
    listener_wrappers: [
      { wrapper: 'proxy_protocol', timeout: '5s', fallback_policy: 'REQUIRE' },
      { wrapper: 'tls' },
    ],
    automatic_https: { disable_redirects: true },
  }
}

/** Whose X-Forwarded-For counts. It is read from the right: a client can write only the left of it. */
const trust = ({ site, trustedProxies }: CaddyOptions): Partial<Server> => {
  const plain = isPlain(site)
  const ranges = [...(plain ? loopbackRanges : []), ...trustedProxies]
  if (ranges.length === 0) return {}
  return {
    trusted_proxies: { source: 'static', ranges },
    trusted_proxies_strict: 1,
    ...(plain && site.listen.some(({ kind }) => kind === 'unix') && { trusted_proxies_unix: true }),
    client_ip_headers: ['X-Forwarded-For'],
  }
}
