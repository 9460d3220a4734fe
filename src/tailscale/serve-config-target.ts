import ipaddr from 'ipaddr.js'
import type { Bind, ListenerConfig } from '../config/config.ts'

/** A socket of ours, as tailscaled finds it: the path of a socket file is absolute. */
export interface Listening extends Pick<ListenerConfig, 'name' | 'identity'> {
  readonly bind: Bind
}

/** The listeners of a configuration, with absolute paths. */
export const listening = (
  listeners: readonly ListenerConfig[],
  absolute: (path: string) => string,
): Listening[] =>
  listeners.map(({ name, identity, bind }) => ({
    name,
    identity,
    bind: bind.kind === 'unix' ? { kind: 'unix', path: absolute(bind.path) } : bind,
  }))

/** How tailscaled is told to lead to it. */
export const targetOf = ({ bind }: Listening): string => {
  if (bind.kind === 'unix') return `unix:${bind.path}`
  return `http://${bind.host.includes(':') ? `[${bind.host}]` : bind.host}:${bind.port}`
}

/** Which listener a target of tailscaled's leads to; undefined: another program, or none. */
export const listenerAt = (
  target: string,
  listeners: readonly Listening[],
): Listening | undefined => {
  if (target.startsWith('unix:')) {
    const path = target.slice('unix:'.length).replaceAll(/\/+/g, '/')
    return listeners.find(({ bind }) => bind.kind === 'unix' && bind.path === path)
  }
  const place = placeOf(target)
  return place && listeners.find(({ bind }) => isAt(bind, place))
}

/**
 * The same, where a wrong no would be worse than a wrong yes: what a name leads to is for the resolver to say, so one at the
 * listener's port may lead to it, and what another path leads to for the file system, so one to a socket of the same name may.
 */
export const mayLeadTo = (target: string, listener: Listening): boolean => {
  if (listenerAt(target, [listener]) !== undefined) return true
  const { bind } = listener
  if (target.startsWith('unix:')) {
    return bind.kind === 'unix' && nameOf(target) === nameOf(bind.path)
  }
  const place = bind.kind === 'tcp' ? placeOf(target) : undefined
  return place !== undefined && isAtPort(bind, place) && !ipaddr.isValid(place.host)
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

const isAtPort = (bind: Bind, { port }: Place): boolean => bind.kind === 'tcp' && bind.port === port

interface Place {
  readonly host: string
  readonly port: number
}

/** `3000`, `localhost:3000`, `http://127.0.0.1:3000/path`, `https+insecure://[::1]:3000`. */
const placeOf = (target: string): Place | undefined => {
  if (/^\d+$/.test(target)) return { host: '127.0.0.1', port: Number(target) }
  const [, scheme = 'http', bracketed, plain, port] =
    /^(?:([a-z+-]+):\/\/)?(?:\[([^\]]+)\]|([^:/[\]]+))(?::(\d+))?(?:\/.*)?$/i.exec(target) ?? []
  const host = bracketed ?? plain
  if (host === undefined) return undefined
  return { host, port: Number(port ?? (scheme.startsWith('https') ? 443 : 80)) }
}

const isAt = (bind: Bind, { host, port }: Place): boolean => {
  if (bind.kind === 'unix' || bind.port !== port) return false
  const own = ipaddr.process(bind.host)
  if (host === 'localhost') return ['loopback', 'unspecified'].includes(own.range())
  if (!ipaddr.isValid(host)) return false
  const other = ipaddr.process(host)
  if (own.range() === 'unspecified' || own.toString() === other.toString()) return true
  // To connect to `0.0.0.0` is to connect to this machine.
  return other.range() === 'unspecified' && own.range() === 'loopback'
}
