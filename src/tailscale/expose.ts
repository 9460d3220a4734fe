import { addressOf, type Door, doorsOf, portOf, type ServeConfig } from './serve-config.ts'
import { type Listening, listenerAt } from './serve-config-target.ts'

/** The one door that `postern expose` opens: `/` of one port of this node, to one socket of ours. */
export interface Opening {
  /** The node's full name, without the dot at its end. */
  readonly host: string
  readonly port: number
  readonly scheme: 'https' | 'http'
  /** `unix:/abs/path`, or `http://127.0.0.1:port`. */
  readonly target: string
  readonly funnel: boolean
  /** Capabilities that tailscaled is to pass on. */
  readonly acceptAppCaps: readonly string[]
}

/** A door that was opened, by which it is known again. */
export type OpenedDoor = Pick<Door, 'host' | 'port' | 'mount' | 'leadsTo'>

export type IsOurs = (door: Door) => boolean

/**
 * Ours are the doors that were remembered when they were opened, and those that lead to a socket which is there for
 * tailscaled alone. Never a Service, nor what somebody's running command serves.
 */
export const oursAmong =
  (opened: readonly OpenedDoor[], listeners: readonly Listening[]): IsOurs =>
  (door) => {
    if (door.of !== 'node' || door.mount === '') return false
    if (listenerAt(door.leadsTo, listeners)?.identity === 'serve') return true
    return opened.some(
      ({ host, port, mount, leadsTo }) =>
        host === door.host &&
        port === door.port &&
        mount === door.mount &&
        leadsTo === door.leadsTo,
    )
  }

/** The port belongs to somebody else. */
export class Occupied extends Error {
  readonly doors: readonly Door[]

  constructor(port: number, doors: readonly Door[]) {
    const named = doors.map((door) => `${addressOf(door)} (${owner(door)} → ${door.leadsTo})`)
    super(`port ${port} is not ours: tailscaled serves ${named.join(', ')} there`)
    this.name = 'Occupied'
    this.doors = doors
  }
}

const owner = ({ of }: Door): string =>
  of === 'node' ? 'in the background' : of === 'foreground' ? 'a running command' : of

/** Doors of others that share the port with it. A Service has addresses of its own. */
const inTheWay = (config: ServeConfig, { port }: Opening, isOurs: IsOurs): Door[] =>
  doorsOf(config).filter(
    (door) => door.port === port && !isOurs(door) && ['node', 'foreground'].includes(door.of),
  )

/** tailscaled refuses to change a port from HTTP to HTTPS in one step: ours has to be closed first. */
export const changesType = (config: ServeConfig, { port, scheme }: Opening): boolean =>
  doorsOf(config).some((door) => door.of === 'node' && door.port === port && door.scheme !== scheme)

/**
 * The configuration with this door open, and no other of ours.
 * @throws Occupied
 */
export const withDoor = (config: ServeConfig, opening: Opening, isOurs: IsOurs): ServeConfig => {
  const others = inTheWay(config, opening, isOurs)
  if (others.length > 0) throw new Occupied(opening.port, others)
  const { host, port, scheme, target, funnel, acceptAppCaps } = opening
  const rest = withoutDoors(config, isOurs)
  const hostPort = `${host}:${port}`
  const handler = {
    Proxy: target,
    ...(acceptAppCaps.length > 0 && { AcceptAppCaps: [...acceptAppCaps] }),
  }
  // A flag may be left over from what was served here before; this one is set or not, whatever it was.
  const flags = only(rest.AllowFunnel, (at) => at !== hostPort)
  return compact({
    ...rest,
    TCP: { ...rest.TCP, [port]: scheme === 'http' ? { HTTP: true } : { HTTPS: true } },
    Web: { ...rest.Web, [hostPort]: { Handlers: { '/': handler } } },
    AllowFunnel: funnel ? { ...flags, [hostPort]: true } : flags,
  })
}

/**
 * The configuration without our doors. Where the last handler of a port goes, the port goes; a way in from the internet
 * that was open for our door is closed, even when others are served beside it.
 */
export const withoutDoors = (config: ServeConfig, isOurs: IsOurs): ServeConfig => {
  const ours = doorsOf(config).filter((door) => door.of === 'node' && isOurs(door))
  if (ours.length === 0) return config
  const touched = new Set(ours.map(({ host, port }) => `${host}:${port}`))
  const webs = Object.entries(config.Web ?? {}).map(([hostPort, web]) => {
    const goes = (mount: string) =>
      ours.some((door) => `${door.host}:${door.port}` === hostPort && door.mount === mount)
    return [hostPort, { ...web, Handlers: only(web.Handlers, (mount) => !goes(mount)) }] as const
  })
  const left = webs.filter(([at, { Handlers }]) => !touched.has(at) || sizeOf(Handlers) > 0)
  const ports = new Set(left.map(([hostPort]) => portOf(hostPort)))
  const gone = new Set(ours.map(({ port }) => port).filter((port) => !ports.has(port)))
  return compact({
    ...config,
    TCP: only(config.TCP, (port) => !gone.has(Number(port))),
    Web: Object.fromEntries(left),
    AllowFunnel: only(config.AllowFunnel, (hostPort) => !touched.has(hostPort)),
  })
}

type Entries<T> = Readonly<Record<string, T>> | null | undefined

const only = <T>(entries: Entries<T>, keep: (key: string) => boolean): Record<string, T> =>
  Object.fromEntries(Object.entries(entries ?? {}).filter(([key]) => keep(key)))

const sizeOf = (entries: Entries<unknown>): number => Object.keys(entries ?? {}).length

/** As tailscaled writes it: what is empty is not there. */
const compact = (config: ServeConfig): ServeConfig =>
  Object.fromEntries(
    Object.entries(config).filter(
      ([key, value]) =>
        !['TCP', 'Web', 'AllowFunnel'].includes(key) || sizeOf(value as Entries<unknown>) > 0,
    ),
  )

/**
 * The same by the command line of Tailscale, for who may not write himself. `--set-path` is said although it is the
 * default: without it, `off` takes every handler of the port away, others' too.
 */
export const commandsFor = (
  config: ServeConfig,
  opening: Opening | undefined,
  isOurs: IsOurs,
  socket?: string,
): string[][] => {
  const tailscale = ['tailscale', ...(socket === undefined ? [] : [`--socket=${socket}`])]
  const replaced = ({ host, port, scheme, mount }: Door): boolean =>
    opening !== undefined &&
    [host, port, scheme, mount].join() === [opening.host, opening.port, opening.scheme, '/'].join()
  const off = doorsOf(config)
    .filter((door) => isOurs(door) && !replaced(door))
    .map(({ scheme, port, mount }) => [
      ...tailscale,
      'serve',
      `--${scheme}=${port}`,
      `--set-path=${mount}`,
      'off',
    ])
  return opening === undefined ? off : [...off, [...tailscale, ...openCommand(opening)]]
}

/** `funnel` knows no `--accept-app-caps`; the gateway asks whois for the same. */
const openCommand = ({ funnel, scheme, port, target, acceptAppCaps }: Opening): string[] => [
  funnel ? 'funnel' : 'serve',
  '--bg',
  '--yes',
  `--${scheme}=${port}`,
  ...(funnel || acceptAppCaps.length === 0 ? [] : [`--accept-app-caps=${acceptAppCaps.join(',')}`]),
  target,
]
