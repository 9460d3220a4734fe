import { error, type Finding, quote, warning } from '../problem.ts'
import type { ConfigFile } from '../schema.ts'
import { bindsCollide, isLocalBind } from '../values/bind.ts'
import type { Declared } from './check.ts'

type Listener = ConfigFile['listeners'][number]

export function checkListeners(file: ConfigFile, declared: Declared): Finding[] {
  const { listeners } = file
  return [
    ...listeners.flatMap((listener, index) => [
      ...twice(listener, listeners.slice(0, index), index),
      ...open(listener, index, declared),
      ...proxies(listener, index),
      ...groupOfAddress(listener, index),
    ]),
    ...behindCaddy(file),
  ]
}

function twice(listener: Listener, earlier: readonly Listener[], index: number): Finding[] {
  const findings: Finding[] = []
  if (earlier.some(({ name }) => name === listener.name)) {
    const message = `two listeners are named ${quote(listener.name)}`
    findings.push(error(['listeners', index, 'name'], message, 'Rename one of them'))
  }
  const other = earlier.find(({ bind }) => bindsCollide(bind, listener.bind))
  if (other) {
    const message = `listener ${quote(other.name)} already has this address`
    findings.push(error(['listeners', index, 'bind'], message, 'Use another port, or remove one'))
  }
  return findings
}

function open(listener: Listener, index: number, declared: Declared): Finding[] {
  if (isLocalBind(listener.bind) || listener.identity !== 'none') return []
  if (declared.users.length > 0 || declared.issuers) return []
  const message = 'other machines can connect here, and no user is defined'
  const remedy = 'Run `postern user add NAME`, or bind 127.0.0.1'
  return [error(['listeners', index, 'bind'], message, remedy)]
}

function proxies({ bind, trusted_proxies }: Listener, index: number): Finding[] {
  const isSocket = bind.kind === 'unix'
  return trusted_proxies.flatMap((proxy, at) => {
    if ((proxy === 'unix') === isSocket) return []
    const message = isSocket
      ? `${quote(proxy)} never connects to a unix socket`
      : '"unix" never connects to an address'
    const remedy = isSocket ? 'Write "unix"' : 'Write the address of the proxy'
    return [warning(['listeners', index, 'trusted_proxies', at], message, remedy)]
  })
}

function groupOfAddress({ bind, group }: Listener, index: number): Finding[] {
  if (group === undefined || bind.kind === 'unix') return []
  const message = 'is about a unix socket, and this listener has an address'
  return [warning(['listeners', index, 'group'], message, 'Remove it')]
}

/** Without a trusted proxy, everyone who comes through Caddy has Caddy's address: loopback. */
function behindCaddy({ front, listeners, grants = [] }: ConfigFile): Finding[] {
  const told = listeners.some(
    ({ trusted_proxies, identity }) => trusted_proxies.length > 0 || identity !== 'none',
  )
  if (front !== 'caddy' || told) return []
  const remedy =
    'Add "trusted_proxies": ["127.0.0.1", "::1"] to the listener that Caddy connects to'
  const grant = grants.findIndex(({ src }) => src.includes('(loopback)'))
  if (grant === -1) {
    const message = 'no listener trusts Caddy: limits and bans would take all callers for one'
    return [warning(['front'], message, remedy)]
  }
  const message = 'no listener trusts Caddy: whoever comes through it would count as this machine'
  return [error(['grants', grant, 'src'], message, remedy)]
}
