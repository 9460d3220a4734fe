import type { Caller, Capabilities } from '../../../platform/caller.ts'
import type { Platform } from '../../../platform/platform.ts'
import type { Directory, Peer } from '../../../tailscale/directory.ts'
import { decodeWords } from '../../../tailscale/encoded-word.ts'
import type { Forwards } from '../../../tailscale/forwards.ts'
import type { Bindings, Client } from '../../http/env.ts'
import { namedByCaddy } from './caddy.ts'

/** A request as far as the tailnet's identity can show in it. */
export interface TailnetRequest {
  readonly listener: Bindings['listener']
  readonly peer: string
  readonly peerPort: number
  readonly client: Client
  readonly headers: Headers
  /** Absent on hosts whose connections are not their own, where nothing can lead astray. */
  readonly connection?: Bindings['connection']
}

/** A caller, nobody, or a header that says another than tailscaled does. */
export type TailnetIdentity = Caller | undefined | 'mismatch'

export interface TailnetScheme {
  /** Who is calling by way of the tailnet. Undefined: nobody that could be proven; nothing else may follow from it. */
  identify(request: TailnetRequest): TailnetIdentity | Promise<TailnetIdentity>
}

export interface TailnetSchemeOptions {
  readonly directory: Directory
  /** Capabilities whose entries count as grants. */
  readonly capabilities: readonly string[]
  readonly fingerprint: Platform['fingerprint']
  /** Absent: every door of tailscaled leads where it should. */
  readonly forwards?: Pick<Forwards, 'trusts'>
}

/**
 * Which proof counts is declared with the listener, and is never another's:
 * `serve`: the header that tailscaled set, and its answer about the one forwarded address, agree.
 * `whois`: tailscaled's answer about the socket's peer. `caddy`: one header, from a peer that has proven to be Caddy.
 */
export const createTailnetScheme = (options: TailnetSchemeOptions): TailnetScheme => {
  const callers = new WeakMap<Peer, Caller>()
  const callerOf = (peer: Peer): Caller => {
    const caller = callers.get(peer) ?? toCaller(peer, options.capabilities)
    callers.set(peer, caller)
    return caller
  }

  const behindServe = ({ listener, client, headers }: TailnetRequest) => {
    const conclude = (peer: Peer | undefined): TailnetIdentity => {
      const login = headers.get('tailscale-user-login')
      if (peer === undefined) return undefined
      // Any node could be the sender, and say what tailscaled says. A socket file is out of its reach.
      if (peer.reachesLoopback && listener.bind.kind === 'tcp') return undefined
      // A tagged node has no user: tailscaled says nothing of one, and no other header may.
      if (peer.tags.length > 0)
        return login === null ? withHeader(callerOf(peer), headers) : undefined
      if (login === null || peer.login === '') return undefined
      return agrees(login, peer.login) ? withHeader(callerOf(peer), headers) : 'mismatch'
    }
    return after(options.directory.lookup(client.ip), conclude)
  }

  const atTailnetAddress = ({ peer, peerPort }: TailnetRequest) =>
    after(options.directory.lookup(peer, peerPort), (known) => known && callerOf(known))

  /** What `Tailscale-App-Capabilities` adds: grants whose destination is a Service, which whois does not tell. */
  const withHeader = (caller: Caller, headers: Headers): Caller => {
    const told = headers.get('tailscale-app-capabilities')
    return told === null ? caller : merged(caller, told, options.capabilities)
  }

  const bySource = (request: TailnetRequest): TailnetIdentity | Promise<TailnetIdentity> => {
    switch (request.listener.identity) {
      case 'none':
        return undefined
      case 'serve':
        return behindServe(request)
      case 'whois':
        return atTailnetAddress(request)
      case 'caddy':
        return namedByCaddy(request, options.fingerprint)
    }
  }

  return {
    identify: (request) => {
      const { listener, connection } = request
      if (request.client.door !== 'tailnet' || listener.identity === 'none') return undefined
      const trusted = !connection || (options.forwards?.trusts(listener, connection) ?? true)
      return after(trusted, (isTrusted) => {
        if (isTrusted) return bySource(request)
        // The next one may be one of tailscaled's own.
        connection?.retire()
        return undefined
      })
    },
  }
}

const after = <A, B>(value: A | Promise<A>, next: (value: A) => B | Promise<B>): B | Promise<B> =>
  value instanceof Promise ? value.then(next) : next(value)

/** Compared as written first: a login that merely looks encoded is itself. */
const agrees = (header: string, login: string): boolean =>
  header === login || decodeWords(header) === login

const toCaller = (peer: Peer, names: readonly string[]): Caller => {
  const tagged = peer.tags.length > 0
  const capabilities = capabilitiesOf(peer.capabilities, names)
  return {
    login: tagged ? peer.tags.join(',') : peer.login.toLowerCase(),
    kind: tagged ? 'node' : 'user',
    credentialId: peer.node,
    groups: [],
    node: peer.node,
    ...(peer.stableId !== '' && { nodeId: peer.stableId }),
    ...(tagged ? { tags: peer.tags } : { displayName: peer.displayName }),
    ...(peer.shared && { shared: true }),
    ...(peer.ownsGateway && { ownsGateway: true }),
    ...(capabilities && { capabilities }),
  }
}

/** A domain and a path. Those of Tailscale itself say what a node may do on the network, and mean nothing to a hook. */
const ofOthers = /^(?:https?:\/\/)?(?!tailscale\.com\/)[a-z0-9-]+(?:\.[a-z0-9-]+)+\//i

const capabilitiesOf = (
  granted: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Capabilities | undefined => {
  const entries = names.flatMap((name) => {
    const values = Object.hasOwn(granted, name) ? granted[name] : undefined
    return Array.isArray(values) ? (values as unknown[]) : []
  })
  const others = Object.entries(granted).filter(
    (named): named is [string, unknown[]] =>
      !names.includes(named[0]) && ofOthers.test(named[0]) && Array.isArray(named[1]),
  )
  if (entries.length === 0 && others.length === 0) return undefined
  return { entries, ...(others.length > 0 && { others: new Map(others) }) }
}

const headersMerged = new WeakMap<Caller, Map<string, Caller>>()
const maxVariants = 8

/** The same header comes with every request of a caller; what was made of it is kept with the caller. */
const merged = (caller: Caller, header: string, names: readonly string[]): Caller => {
  const variants = headersMerged.get(caller) ?? new Map<string, Caller>()
  headersMerged.set(caller, variants)
  const known = variants.get(header)
  if (known) return known
  const made = merge(caller, header, names)
  if (variants.size < maxVariants) variants.set(header, made)
  return made
}

const merge = (caller: Caller, header: string, names: readonly string[]): Caller => {
  const told = capabilitiesOf(parseObject(decodeWords(header)), names)
  if (!told) return caller
  const known = caller.capabilities ?? { entries: [] }
  const entries = added(known.entries, told.entries)
  const others = new Map(known.others)
  for (const [name, values] of told.others ?? []) {
    others.set(name, added(others.get(name) ?? [], values))
  }
  return { ...caller, capabilities: { entries, ...(others.size > 0 && { others }) } }
}

/** whois and the header tell the same grant; it counts once. */
const added = (known: readonly unknown[], told: readonly unknown[]): readonly unknown[] => {
  const texts = new Set(known.map((value) => JSON.stringify(value)))
  return [...known, ...told.filter((value) => !texts.has(JSON.stringify(value)))]
}

const parseObject = (text: string): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
