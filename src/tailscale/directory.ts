import { LRUCache } from 'lru-cache'
import type { Clock, LocalApi, Log } from '../platform/platform.ts'
import { parseStatus, parseWhois, type Status, type Whois } from './shapes.ts'

/** Who is behind an address of the tailnet, as tailscaled knows it. Free text in it is data, nothing more. */
export interface Peer {
  /** Full login as the tailnet has it, case included; `tagged-devices` for a tagged node. */
  readonly login: string
  readonly displayName: string
  /** Name of the device, without the tailnet's. */
  readonly node: string
  /** What the tailnet calls it for as long as it lives; empty when tailscaled did not tell. */
  readonly stableId: string
  /** Sorted; empty when a person owns the node. */
  readonly tags: readonly string[]
  /** Of another tailnet. */
  readonly shared: boolean
  /** Its owner owns this gateway's node as well. */
  readonly ownsGateway: boolean
  /**
   * tailscaled has no network device, and passes on whatever a node sends to a port: this one can speak to every port
   * of our loopback, from an address of loopback.
   */
  readonly reachesLoopback: boolean
  /** What the tailnet's policy grants it towards us, by capability. */
  readonly capabilities: Readonly<Record<string, readonly unknown[] | undefined>>
}

export interface Directory {
  /**
   * Who has this address. With a port, also who is behind it when tailscaled passes connections on without a network
   * device, and their address is this machine's. Undefined when tailscaled knows nobody, or does not answer in half a
   * second: then there is no identity, and nobody is to blame. Never rejects.
   */
  lookup(ip: string, port?: number): Peer | undefined | Promise<Peer | undefined>
  /** What the names of our tailnet end with, `tail1234.ts.net`; undefined until tailscaled was asked about somebody. */
  suffix(): string | undefined
  /** What our tailnet is called, `example.com`; as long unknown. */
  tailnet(): string | undefined
}

export interface DirectoryOptions {
  readonly localApi: LocalApi | undefined
  readonly clock: Clock
  readonly log: Log
}

/** ms that a request waits for tailscaled. */
const patience = 500
/** ms that an answer is believed. An address may be given to another node meanwhile. */
const knownFor = 30_000
/** ms for addresses that nobody has. */
const unknownFor = 5_000
/** ms without asking after a failure, so that a daemon that hangs does not hold up every request. */
const restAfterFailure = 1_000
const remembered = 4096

/** Asks tailscaled who is who; remembers answers a little while, within bounds, and asks once for many at once. */
export const createDirectory = ({ localApi, clock, log }: DirectoryOptions): Directory => {
  const perf = { now: () => clock.elapsed() }
  const known = new LRUCache<string, { readonly peer: Peer | undefined }>({
    max: remembered,
    ttlResolution: 0,
    perf,
  })
  const flights = new Map<string, Promise<Peer | undefined>>()
  let restUntil = Number.NEGATIVE_INFINITY
  let self: { readonly own: Own; readonly until: number } | undefined

  const get = (path: string) => {
    const signal = AbortSignal.timeout(patience)
    return (localApi as LocalApi)({ path: `/localapi/v0/${path}`, signal })
  }

  const ownNode = async (): Promise<Own> => {
    if (self !== undefined && clock.elapsed() < self.until) return self.own
    const { body } = await get('status?peers=false')
    const own = toOwn(parseStatus(body))
    self = { own, until: clock.elapsed() + knownFor }
    return own
  }

  const ask = async (address: string): Promise<Peer | undefined> => {
    const [{ status, body }, own] = await Promise.all([get(`whois?addr=${address}`), ownNode()])
    if (status === 404) return undefined
    if (status !== 200) throw new Error(`whois answered ${status}`)
    return toPeer(parseWhois(body), own)
  }

  const fly = async (address: string): Promise<Peer | undefined> => {
    try {
      const peer = await ask(address)
      known.set(address, { peer }, { ttl: peer ? knownFor : unknownFor })
      return peer
    } catch (error) {
      restUntil = clock.elapsed() + restAfterFailure
      log('warn', 'tailscale.whois', { reason: String(error) })
      return undefined
    } finally {
      flights.delete(address)
    }
  }

  return {
    lookup: (ip, port) => {
      const address = addressOf(ip, port)
      const entry = known.get(address)
      if (entry !== undefined) return entry.peer
      if (localApi === undefined || clock.elapsed() < restUntil) return undefined
      const flight = flights.get(address) ?? fly(address)
      flights.set(address, flight)
      return flight
    },
    suffix: () => self?.own.suffix,
    tailnet: () => self?.own.tailnet,
  }
}

/** Without `proto`, tailscaled looks for an unknown port among its UDP flows as well, and takes twice as long. */
const addressOf = (ip: string, port: number | undefined): string => {
  if (port === undefined) return encodeURIComponent(ip)
  const host = ip.includes(':') ? `[${ip}]` : ip
  return `${encodeURIComponent(`${host}:${port}`)}&proto=tcp`
}

/** This machine's own node. */
interface Own {
  /** The user who owns it; nobody does when it is tagged. */
  readonly owner: number | undefined
  readonly hasDevice: boolean
  readonly suffix: string | undefined
  readonly tailnet: string | undefined
}

const toOwn = ({ Self, TUN, CurrentTailnet }: Status): Own => ({
  owner: Self === undefined || Self.Tags?.length ? undefined : Self.UserID,
  hasDevice: TUN,
  suffix: suffixOf(Self?.DNSName ?? ''),
  tailnet: CurrentTailnet?.Name,
})

/** Of `gateway.tail1234.ts.net.` what comes after the first dot. */
const suffixOf = (name: string): string | undefined =>
  /^[^.]+\.(.+?)\.?$/.exec(name.toLowerCase())?.[1]

const toPeer = ({ Node, UserProfile, CapMap }: Whois, { owner, hasDevice }: Own): Peer => {
  const tags = [...(Node.Tags ?? [])].sort()
  return {
    login: UserProfile.LoginName,
    displayName: UserProfile.DisplayName ?? '',
    node: Node.ComputedName || (Node.Name.split('.')[0] ?? ''),
    stableId: Node.StableID ?? '',
    tags,
    shared:
      Node.Sharer !== undefined && Node.Sharer !== 0 ? true : (Node.Hostinfo?.ShareeNode ?? false),
    ownsGateway: tags.length === 0 && UserProfile.ID === owner,
    reachesLoopback: !hasDevice,
    capabilities: CapMap ?? {},
  }
}
