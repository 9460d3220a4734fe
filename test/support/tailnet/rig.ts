import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { type Authority, makeAuthority } from './authority.ts'
import { type Headscale, type Owner, startHeadscale, tailnetDomain } from './headscale.ts'
import { type Answer, type Ask, askOver, headerOf } from './http.ts'
import { relayTo } from './ingress.ts'
import { startNode, type TailnetNode } from './node.ts'
import { people, policy } from './people.ts'

/** The machines of the tailnet. `gateway` and `laptop` have one owner; `runner` has none, only a tag. */
export const owners = {
  gateway: { user: 'alice' },
  laptop: { user: 'alice' },
  phone: { user: 'bob' },
  runner: { tags: ['tag:ci'] },
  tablet: { user: 'rene' },
  mask: { user: 'impostor' },
} as const satisfies Record<string, Owner>

export type NodeName = keyof typeof owners

/** The name that every caller uses. */
export const gatewayName = `gateway.${tailnetDomain}`

/** A ServeConfig as tailscaled takes it. */
export type ServeConfig = Readonly<Record<string, unknown>>

export interface Through {
  /** Default 80, with TLS 443. */
  readonly port?: number
  /** Speak TLS, trusting the rig's authority only. */
  readonly tls?: boolean
}

export interface Outside {
  /** Address and port of the caller on the internet. */
  readonly from: string
  /** What was asked for; default the gateway's name at 443. */
  readonly target?: string
  /** The node that plays the relay; default `laptop`, which has the gateway's owner. */
  readonly relay?: NodeName
}

/** A whole tailnet on this machine. */
export interface Rig {
  readonly nodes: Readonly<Record<NodeName, TailnetNode>>
  readonly headscale: Headscale
  readonly authority: Authority
  /** A folder for sockets and the like; goes with the rig. */
  readonly folder: string
  /** Replaces what the gateway serves. Rejects with the daemon's answer. */
  serve(config: ServeConfig): Promise<void>
  /** The IPv4 address of a node. */
  addressOf(name: NodeName): Promise<string>
  /** A request from a node to the gateway, by way of the tailnet. */
  ask(from: NodeName, ask: Ask, through?: Through): Promise<Answer>
  /** A request from the internet: what a Funnel relay does, done by a node of the gateway's owner. */
  funnel(ask: Ask, outside: Outside): Promise<Answer>
  /** Settled when every node knows the gateway and the gateway every node. */
  connected(): Promise<void>
  /** Ends all of it and removes what it wrote. */
  stop(): Promise<void>
}

/** The gateway lets its owner's nodes play the relay, and serves a certificate that it will never try to renew. */
const gatewayEnv = (authorityFile: string): NodeJS.ProcessEnv => ({
  TS_ALLOW_SELF_INGRESS: '1',
  SSL_CERT_FILE: authorityFile,
  TS_CERT_SHARE_MODE: 'ro',
})

type Stop = () => Promise<void>

export interface RigOptions {
  /** Network device of the gateway; default none, as of all the others. See `NodeOptions`. */
  readonly device?: string
}

/** Starts headscale and the nodes, joined and connected. Rejects, with nothing left behind, when one fails. */
export const startRig = async ({ device }: RigOptions = {}): Promise<Rig> => {
  const folder = await mkdtemp(join(tmpdir(), 'tailnet-')) // short: a socket's path has 107 bytes at most
  await chmod(folder, 0o711) // other users may speak to the daemons, as they may on any machine
  const stops: Stop[] = [() => rm(folder, { recursive: true, force: true })]
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end()
  }
  try {
    const authority = await makeAuthority(folder)
    await writeFile(join(folder, 'authority.pem'), authority.certificate)
    const headscale = await startHeadscale(join(folder, 'hs'), policy)
    stops.push(headscale.stop)
    for (const person of people) await headscale.createUser(person)
    const nodes = await startNodes(folder, headscale, stops, device)
    await giveCertificate(nodes.gateway, authority)
    const rig = { nodes, headscale, authority, folder, stop, ...waysIn(nodes, authority) }
    await rig.connected()
    return rig
  } catch (error) {
    await stop()
    throw error
  }
}

/** The daemons start side by side; they join one by one, so that each has the same address every time. */
const startNodes = async (
  folder: string,
  headscale: Headscale,
  stops: Stop[],
  device: string | undefined,
) => {
  const gatewayOptions = { env: gatewayEnv(join(folder, 'authority.pem')), device }
  const start = async (name: string) => {
    const own = name === 'gateway' ? gatewayOptions : {}
    const node = await startNode({ name, folder: join(folder, name), ...own })
    stops.push(node.stop)
    return node
  }
  const outcomes = await Promise.allSettled(Object.keys(owners).map(start))
  const started = outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
  const nodes = Object.fromEntries(started.map((node) => [node.name, node]))
  for (const [name, owner] of Object.entries(owners)) {
    await nodes[name]?.up(headscale.url, await headscale.preauthKey(owner))
  }
  return nodes as Record<NodeName, TailnetNode>
}

const giveCertificate = async (gateway: TailnetNode, authority: Authority) => {
  const leaf = await authority.issue(gatewayName)
  const certs = join(gateway.folder, 'certs')
  await mkdir(certs, { recursive: true })
  await writeFile(join(certs, `${gatewayName}.crt`), leaf.certificate)
  await writeFile(join(certs, `${gatewayName}.key`), leaf.key, { mode: 0o600 })
}

const waysIn = (nodes: Record<NodeName, TailnetNode>, authority: Authority) => {
  const secure = (socket: Duplex): Duplex =>
    connectTls({ socket, servername: gatewayName, ca: authority.certificate })
  const withHost = (ask: Ask): Ask => ({ headers: [['Host', gatewayName]], ...ask })
  return {
    serve: (config: ServeConfig) => program(nodes.gateway, config),
    addressOf: async (name: NodeName) => (await statusOf(nodes[name])).TailscaleIPs[0] ?? '',
    ask: async (from: NodeName, ask: Ask, { tls = false, port = tls ? 443 : 80 }: Through = {}) => {
      const plain = await nodes[from].dial(gatewayName, port)
      return askOver(tls ? secure(plain) : plain, withHost(ask))
    },
    funnel: async (ask: Ask, { from, target = `${gatewayName}:443`, relay = 'laptop' }: Outside) =>
      askOver(secure(await relayTo(await peerApi(nodes[relay]), from, target)), withHost(ask)),
    connected: () => connected(nodes),
  }
}

interface Peer {
  readonly HostName: string
  readonly Online: boolean
  readonly PeerAPIURL: readonly string[]
}

interface Status {
  readonly TailscaleIPs: readonly string[]
  /** Null while there is none. */
  readonly Peer: Readonly<Record<string, Peer>> | null
}

const statusOf = async (node: TailnetNode): Promise<Status> =>
  JSON.parse((await node.local({ path: '/localapi/v0/status' })).body) as Status

const peersOf = async (node: TailnetNode): Promise<readonly Peer[]> =>
  Object.values((await statusOf(node)).Peer ?? {})

const peerApi = async (relay: TailnetNode) => {
  const peer = (await peersOf(relay)).find(({ HostName }) => HostName === 'gateway')
  const url = new URL(peer?.PeerAPIURL[0] ?? 'none:')
  return relay.dial(url.hostname, Number(url.port))
}

const program = async (gateway: TailnetNode, config: ServeConfig) => {
  const path = '/localapi/v0/serve-config'
  const etag = headerOf((await gateway.local({ path })).headers, 'etag') ?? ''
  const answer = await gateway.local({
    method: 'POST',
    path,
    headers: [
      ['Host', 'local-tailscaled.sock'],
      ['If-Match', etag],
    ],
    body: JSON.stringify(config),
  })
  if (answer.status !== 200) throw new Error(`serve-config: ${answer.status} ${answer.body}`)
}

const connectedWithinMs = 20_000

const connected = async (nodes: Record<NodeName, TailnetNode>) => {
  const { gateway, ...callers } = nodes
  const deadline = performance.now() + connectedWithinMs
  const knows = async (node: TailnetNode, name: string) =>
    (await peersOf(node)).some((peer) => peer.HostName === name && peer.Online)
  for (const caller of Object.values(callers)) {
    while (!((await knows(caller, gateway.name)) && (await knows(gateway, caller.name)))) {
      if (performance.now() > deadline) throw new Error(`${caller.name} does not see the gateway`)
      await sleep(50)
    }
  }
}
