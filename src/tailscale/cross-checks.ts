import ipaddr from 'ipaddr.js'
import type { Config } from '../config/config.ts'
import { safeVersion } from './expose-preconditions.ts'
import type { TailnetFacts } from './facts.ts'
import { isAstray } from './forwards.ts'
import { addressOf, type Door, doorsOf } from './serve-config.ts'
import { type Listening, listenerAt, listening, mayLeadTo } from './serve-config-target.ts'
import type { Status } from './shapes.ts'
import { olderThan } from './version.ts'

/** What is wrong between the configuration and the tailscaled of this machine. */
export interface TailnetProblem {
  readonly severity: 'error' | 'warning'
  readonly message: string
  readonly remedy: string
  /** No reason to refuse a reload: under the configuration that would stay in force the same door is open, or wider. */
  readonly onlyAtStart?: true
}

/** What of the configuration tailscaled has a say in. */
export type Checked = Pick<Config, 'mode' | 'front' | 'listeners' | 'grants'> & {
  readonly users: { readonly size: number }
}

/**
 * Holds the configuration against what tailscaled is and does. What it does not tell
 * is not a problem but for a warning: passwords must work without it.
 * @param absolute makes the path of a socket file absolute
 */
export const crossCheck = (
  config: Checked,
  { status, serveConfig }: TailnetFacts,
  absolute: (path: string) => string,
): TailnetProblem[] => {
  const listeners = listening(config.listeners, absolute)
  const doors = serveConfig === undefined ? undefined : doorsOf(serveConfig)
  return [
    ...withoutUser(config),
    ...notRunning(config, status),
    ...(status === undefined ? [] : [...tooOld(config, status), ...userspace(config, status)]),
    ...(status === undefined ? [] : foreignAddress(config, status)),
    ...(status === undefined || doors === undefined ? [] : addressTaken(config, status, doors)),
    ...(doors ?? []).flatMap((door) => leadsAstray(config, door, listeners)),
    ...(doors === undefined ? [] : drifted(config, doors, listeners)),
  ]
}

const error = (message: string, remedy: string): TailnetProblem => ({
  severity: 'error',
  message,
  remedy,
})

const warning = (message: string, remedy: string): TailnetProblem => ({
  severity: 'warning',
  message,
  remedy,
})

const isPublic = ({ mode }: Checked): boolean => mode === 'funnel' || mode === 'both'

const withoutUser = (config: Checked): TailnetProblem[] => {
  if (!isPublic(config) || config.users.size > 0) return []
  const message = `mode "${config.mode}" opens the door to the internet, and no user is defined`
  return [error(message, 'Run `postern user add NAME`, or set "mode": "serve"')]
}

const notRunning = ({ mode }: Checked, status: Status | undefined): TailnetProblem[] => {
  if (mode === 'local' || status?.BackendState === 'Running') return []
  if (status === undefined) {
    const remedy = 'Start it, or name its socket in tailscale.socket; passwords work meanwhile'
    return [warning('tailscaled does not answer, so nobody is known by the tailnet', remedy)]
  }
  const message = `tailscaled is not connected (${status.BackendState}), so nobody comes by the tailnet`
  return [warning(message, 'Run `tailscale up`; nothing has to be restarted after it')]
}

const tooOld = (config: Checked, { Version }: Status): TailnetProblem[] => {
  if (!olderThan(Version, safeVersion)) return []
  const message = `tailscaled ${Version} is older than ${safeVersion}`
  const remedy = 'Update it: `tailscale update`'
  if (isPublic(config)) return [error(`${message}, and not safe on the internet`, remedy)]
  return [warning(`${message}: a bad request can stop it from afar`, remedy)]
}

/** Without a network device each connection to the node goes on to the same port of loopback, from 127.0.0.1. */
const userspace = ({ listeners, grants }: Checked, { TUN }: Status): TailnetProblem[] => {
  if (TUN) return []
  const why =
    'tailscaled runs without a network device, which opens every loopback port to the tailnet'
  const believing = listeners
    .filter(({ bind, identity }) => bind.kind === 'tcp' && isBeliever(identity))
    .map(({ name, identity }) => {
      const message = `${why}: anybody there could send listener "${name}" the identity that ${identity === 'serve' ? 'tailscaled' : 'Caddy'} vouches for`
      return error(message, 'Bind it to a socket file: "unix:tailnet.sock"')
    })
  if (!grants.some(({ src }) => src.includes('(loopback)'))) return believing
  const message = `${why}: to everybody there the grant for "(loopback)" would apply`
  return [...believing, error(message, 'Name logins in its "src" instead')]
}

const isBeliever = (identity: Listening['identity']): boolean =>
  identity === 'serve' || identity === 'caddy'

const foreignAddress = ({ listeners }: Checked, { TailscaleIPs }: Status): TailnetProblem[] => {
  if (TailscaleIPs === undefined || TailscaleIPs.length === 0) return []
  const own = TailscaleIPs.map(normal)
  return listeners.flatMap(({ name, bind, identity }) => {
    if (identity !== 'whois' || bind.kind === 'unix' || own.includes(normal(bind.host))) return []
    const message = `listener "${name}" binds ${bind.host}, which is not an address of this node: tailscaled cannot know who connects there`
    return [error(message, `Bind ${TailscaleIPs.join(' or ')}`)]
  })
}

/** tailscaled listens on the host itself only where it has a network device; a Service has other addresses. */
const addressTaken = (
  { listeners }: Checked,
  { TUN, TailscaleIPs = [] }: Status,
  doors: readonly Door[],
): TailnetProblem[] => {
  if (!TUN) return []
  const ports = new Set(doors.filter(({ of }) => !of.startsWith('svc:')).map(({ port }) => port))
  const own = TailscaleIPs.map(normal)
  return listeners.flatMap(({ name, bind }) => {
    if (bind.kind === 'unix' || !ports.has(bind.port)) return []
    const host = normal(bind.host)
    if (!own.includes(host) && !['0.0.0.0', '::'].includes(host)) return []
    const message =
      `listener "${name}" wants ${bind.host}:${bind.port}, and tailscaled serves port ${bind.port} of ` +
      `${TailscaleIPs.join(' and ')}: only one of them can have it`
    const remedy = `Bind 127.0.0.1 or another port, or free it: \`tailscale serve --https=${bind.port} off\``
    return [error(message, remedy)]
  })
}

const normal = (host: string): string =>
  ipaddr.isValid(host) ? ipaddr.process(host).toString() : host

/** A door that leads to a socket which takes those who come through it for others. */
const leadsAstray = (
  config: Checked,
  door: Door,
  listeners: readonly Listening[],
): TailnetProblem[] => {
  const to =
    listenerAt(door.leadsTo, listeners) ??
    listeners.find((each) => isAstray(door, each) && mayLeadTo(door.leadsTo, each))
  if (to === undefined) return []
  if (door.mount === '') return forwarded(config, door, to)
  if (isAstray(door, to)) return [throughProxy(door, to)]
  const found = to.identity === 'none' ? [asProxy(door, to)] : []
  if (!door.funnel || isPublic(config)) return found
  const message = `tailscaled lets the internet in at ${addressOf(door)}, to listener "${to.name}", and "mode" is "${config.mode}"`
  const remedy = `Close it with \`postern expose ${config.mode === 'serve' ? 'serve' : 'off'}\`, or set "mode": "both"`
  return [...found, { ...error(message, remedy), onlyAtStart: true }]
}

const asProxy = (door: Door, { name }: Listening): TailnetProblem =>
  warning(
    `tailscaled leads ${addressOf(door)} to listener "${name}", which knows nobody by the tailnet and sees one proxy`,
    'Lead it to a listener of identity "serve": `postern expose serve`',
  )

/** tailscaled takes away no header but its own, and connects from an address of this very node. */
const throughProxy = (door: Door, { name, identity }: Listening): TailnetProblem =>
  error(
    `tailscaled leads ${addressOf(door)} to listener "${name}", ${
      identity === 'whois'
        ? 'to which everyone who comes that way is this machine'
        : 'which would believe whom they claim to be'
    }; it believes nobody until that ends`,
    `Lead it to a listener of identity "serve": \`tailscale serve --${door.scheme}=${door.port} off\`, and \`postern expose serve\``,
  )

/** Bytes are passed on as they come: headers that tailscaled would have taken away, too. */
const forwarded = ({ grants }: Checked, door: Door, { name, identity }: Listening) => {
  const where = `tailscaled passes the bytes of port ${door.port} on to listener "${name}"`
  const option = door.scheme === 'tls' ? 'tls-terminated-tcp' : 'tcp'
  const remedy = `Turn it off (\`tailscale serve --${option}=${door.port} off\`), and run \`postern expose serve\``
  if (identity === 'serve' || identity === 'caddy') {
    const message = `${where}, which would believe whom they claim to come from; it believes nobody until that ends`
    return [error(message, remedy)]
  }
  if (identity === 'whois') {
    const message = `${where}, to which all of them are this machine; it believes nobody until that ends`
    return [error(message, remedy)]
  }
  if (identity === 'none' && grants.some(({ src }) => src.includes('(loopback)'))) {
    return [error(`${where}, where all look like this machine: a grant for "(loopback)"`, remedy)]
  }
  return [warning(`${where}, where all look like this machine`, remedy)]
}

/** What the configuration says and tailscaled does, when somebody has changed one without the other. */
const drifted = (
  { mode, front }: Checked,
  doors: readonly Door[],
  listeners: readonly Listening[],
): TailnetProblem[] => {
  const ours = doors.filter(({ leadsTo }) => listenerAt(leadsTo, listeners)?.identity === 'serve')
  if (mode === 'local') {
    return ours.map((door) => {
      const message = `tailscaled leads ${addressOf(door)} to us, and "mode" is "local": whoever comes there is refused`
      return warning(message, 'Run `postern expose off`, or `postern expose serve`')
    })
  }
  if (front !== 'tailscale') return []
  if (ours.length === 0) {
    const message = `"mode" is "${mode}", and tailscaled leads nobody to us`
    return [warning(message, `Run \`postern expose ${mode}\``)]
  }
  if (mode === 'serve' || ours.some(({ funnel }) => funnel)) return []
  const message = `"mode" is "${mode}", and tailscaled lets nobody in from the internet`
  return [warning(message, `Run \`postern expose ${mode}\``)]
}
