import { error, type Finding, quote, warning } from '../problem.ts'
import type { ConfigFile } from '../schema.ts'
import { isLoopbackBind, isTailnetBind } from '../values/bind.ts'
import type { Declared } from './check.ts'

type Listener = ConfigFile['listeners'][number]

/** What the doors of `mode` need, and what a listener may believe only where nobody else can connect. */
export function checkDoors(file: ConfigFile, declared: Declared): Finding[] {
  return [
    ...file.listeners.flatMap((listener, index) => [
      ...boundTooWide(listener, index),
      ...hopSecret(listener, index),
    ]),
    ...modeAndListeners(file, declared),
    ...withoutTls(file, declared),
    ...withoutCredentials(file, declared),
    ...webuiSecrets(file),
  ]
}

function boundTooWide({ bind, identity }: Listener, index: number): Finding[] {
  const path = ['listeners', index, 'bind']
  if (identity === 'whois') {
    if (isTailnetBind(bind)) return []
    const message = 'identity "whois" believes tailscaled about peers of the tailnet only'
    const remedy = 'Bind this machine’s own tailnet address: `tailscale ip -4` prints it'
    return [error(path, message, remedy)]
  }
  if (identity === 'none' || bind.kind === 'unix' || isLoopbackBind(bind)) return []
  const message = `identity ${quote(identity)} believes headers, and other machines could connect here`
  return [error(path, message, 'Bind "unix:name.sock", or 127.0.0.1')]
}

const SHORTEST_SECRET = 32

function hopSecret({ bind, identity, hop_secret }: Listener, index: number): Finding[] {
  const path = ['listeners', index]
  if (identity !== 'caddy') {
    if (hop_secret === undefined) return []
    const message = 'is read by listeners of identity "caddy" only'
    return [warning([...path, 'hop_secret'], message, 'Remove it')]
  }
  if (hop_secret !== undefined && hop_secret.length < SHORTEST_SECRET) {
    const message = `has less than ${SHORTEST_SECRET} characters`
    return [error([...path, 'hop_secret'], message, 'Make one with `openssl rand -hex 32`')]
  }
  if (bind.kind === 'unix' || hop_secret !== undefined) return []
  const message = 'every program of this machine could connect here and name anybody'
  const remedy = 'Bind "unix:caddy.sock", or set "hop_secret" here and in Caddy'
  return [error([...path, 'bind'], message, remedy)]
}

/** A mode that nothing serves would look open and be shut, and one that is shut has no use for such a listener. */
function modeAndListeners({ mode, listeners }: ConfigFile, declared: Declared): Finding[] {
  const identified = listeners.filter(({ identity }) => identity !== 'none')
  if (mode === 'local') {
    return identified.map(({ name, identity }) => {
      const path = ['listeners', listeners.findIndex((it) => it.name === name), 'identity']
      const message = `${quote(identity)} lets nobody in while "mode" is "local"`
      return warning(path, message, 'Set "mode", with `postern expose serve` for example')
    })
  }
  const wanted = mode === 'funnel' ? ['serve'] : ['serve', 'whois', 'caddy']
  if (!identified.some(({ identity }) => wanted.includes(identity))) {
    const message = `mode ${quote(mode)} has no listener that could tell who comes by the tailnet`
    const remedy =
      'Set "front": "tailscale" and leave out "listeners", or add { "name": "tailnet", "bind": "unix:tailnet.sock", ' +
      '"identity": "serve" }'
    return [error(['mode'], message, remedy)]
  }
  return mode === 'serve' ? openBeside(listeners, declared) : []
}

/** We speak plain HTTP, so what is shown to us can be read on the way: by everyone, where the way is not this machine's. */
function withoutTls({ mode, listeners }: ConfigFile, { proxied }: Declared): Finding[] {
  return listeners.flatMap(({ bind, identity, name }, index) => {
    const isPrivate = bind.kind === 'unix' || isLoopbackBind(bind) || isTailnetBind(bind)
    // Who names a proxy has one in front that ends TLS.
    if (identity !== 'none' || isPrivate || proxied.has(name)) return []
    const message = `listener ${quote(name)} takes passwords and keys from any network without TLS, where they can be read on the way`
    const remedy =
      'Bind 127.0.0.1 and put Caddy or tailscaled in front, or name the proxy that ends TLS in "trusted_proxies"'
    const problem = isPublic(mode) ? error : warning
    return [problem(['listeners', index, 'bind'], message, remedy)]
  })
}

const isPublic = (mode: ConfigFile['mode']): boolean => mode === 'funnel' || mode === 'both'

function openBeside(listeners: readonly Listener[], { proxied }: Declared): Finding[] {
  return listeners.flatMap(({ bind, identity, name }, index) => {
    if (identity !== 'none' || bind.kind === 'unix' || isLoopbackBind(bind)) return []
    // Else `withoutTls` says more of it.
    if (!proxied.has(name) && !isTailnetBind(bind)) return []
    const message = `listener ${quote(name)} takes passwords from any network, while "mode" is "serve"`
    const remedy = 'Bind 127.0.0.1, or set "mode": "both" if that is meant'
    return [warning(['listeners', index, 'bind'], message, remedy)]
  })
}

function withoutCredentials({ mode }: ConfigFile, declared: Declared): Finding[] {
  if (!isPublic(mode) || declared.users.length > 0 || declared.issuers) return []
  const message = `mode ${quote(mode)} opens the door to the internet, and no user is defined`
  return [error(['mode'], message, 'Run `postern user add NAME`, or set "mode": "serve"')]
}

/** HS256 takes any key; one that can be guessed lets anybody speak for everybody (RFC 7518 section 3.2). */
function webuiSecrets({ webui }: ConfigFile): Finding[] {
  const secret = webui?.speaks_for?.secret
  if (secret === undefined || secret.length >= SHORTEST_SECRET) return []
  const message = `has less than ${SHORTEST_SECRET} characters`
  return [error(['webui', 'speaks_for', 'secret'], message, 'Make one with `openssl rand -hex 32`')]
}
