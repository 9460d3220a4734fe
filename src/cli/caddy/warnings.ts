import { type CaddyOptions, dialAddress, isPlain } from '../../../caddy/options.ts'
import type { Config, ListenerConfig } from '../../config/config.ts'
import { peerOf, trustsCaddy } from './listener.ts'

/**
 * What would run, but not as its owner expects: one sentence or two each.
 * @param listener undefined when Caddy connects elsewhere, as to a container: who believes it there is not known here.
 */
export const warningsOf = (
  config: Config,
  listener: ListenerConfig | undefined,
  options: CaddyOptions,
): readonly string[] => [
  ...(config.front === 'caddy' ? [] : ['"front" is not "caddy" in the configuration.']),
  ...doors(config, options),
  ...strangers(options),
  ...(listener ? addresses(listener) : []),
  ...names(config, options),
]

const doors = ({ mode }: Config, { site }: CaddyOptions): string[] => {
  const isPublic = site.tls === 'automatic' || site.tls === 'internal'
  if (mode === 'serve' && isPublic) {
    return ['"mode" is "serve", but whoever reaches this site may come in with a password.']
  }
  if (mode !== 'local' || site.tls === 'none' || isPublic) return []
  return ['"mode" is "local": nobody is let in who comes by the tailnet. Set "mode" to "serve".']
}

/** On a port anybody can say who they are: other programs, and, where tailscaled has no network device, the tailnet. */
const strangers = ({ site }: CaddyOptions): string[] => {
  if (site.tls !== 'serve') return []
  const ports = site.listen.filter(({ kind }) => kind === 'tcp').map(dialAddress)
  return ports.map(
    (port) =>
      `Every program of this machine that connects to ${port} can be anybody. ` +
      'A socket is for tailscaled alone: --listen unix:/run/caddy/edge.sock',
  )
}

const addresses = (listener: ListenerConfig): string[] => {
  if (listener.identity === 'serve' || trustsCaddy(listener)) return []
  return [
    `Listener "${listener.name}" does not believe Caddy, so that all callers look like one and no ban can hit. ` +
      `Add "${peerOf(listener.bind)}" to its trusted_proxies.`,
  ]
}

const names = ({ allowedHosts }: Config, { site }: CaddyOptions): string[] => {
  if (isPlain(site)) return []
  const unknown =
    site.tls === 'node'
      ? [site.name].filter((name) => !allowedHosts.some((host) => host.split('.')[0] === name))
      : site.hosts.filter((host) => !allowedHosts.includes(host))
  return unknown.map(
    (host) => `"${host}" is not in allowed_hosts: the dashboard would not answer to it.`,
  )
}
