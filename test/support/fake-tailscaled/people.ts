import { createHash } from 'node:crypto'
import { isIPv4 } from 'node:net'

/** One machine of the made-up tailnet, and who is behind it. */
export interface FakeNode {
  /** `laptop`, or with its dots a machine of another tailnet: `laptop.other.ts.net`. */
  readonly name: string
  /** The first one is what `X-Forwarded-For` says. */
  readonly addresses: readonly string[]
  /** Its owner's full login; leave it out when `tags` are there. */
  readonly login?: string
  /** Default: the login. */
  readonly displayName?: string
  readonly picture?: string
  readonly tags?: readonly string[]
  /** What the tailnet's policy grants it towards us; none at all is `null` in a whois. */
  readonly capMap?: Readonly<Record<string, readonly unknown[]>>
  /** Capabilities of the node itself, such as `https` and `funnel` of our own. */
  readonly nodeCapMap?: Readonly<Record<string, readonly unknown[]>>
  /** It is of a user whom our node was shared with. */
  readonly shareeNode?: boolean
  /** The user (by number) who shared it with us. */
  readonly sharer?: number
}

/** The made-up tailnet. Anything may be put in and taken out while it runs. */
export interface Tailnet {
  /** What MagicDNS appends. */
  readonly domain: string
  readonly self: FakeNode
  readonly people: FakeNode[]
}

const taggedId = 2147455555
const created = '2026-01-01T00:00:00Z'
const version = '1.102.3-ERR-BuildInfo'

/** The version that the fixtures are of, and its capability version. */
export const recorded = { version, cap: 142 } as const

const hex = (text: string) => createHash('sha256').update(text).digest('hex')
const bits = (address: string) => `${address}/${isIPv4(address) ? 32 : 128}`
const nodesOf = ({ self, people }: Tailnet) => [self, ...people]

export const fullName = ({ domain }: Tailnet, { name }: FakeNode): string =>
  name.includes('.') ? name : `${name}.${domain}`

/** The node that has this address. */
export const nodeAt = (tailnet: Tailnet, address: string): FakeNode | undefined =>
  nodesOf(tailnet).find(({ addresses }) => addresses.includes(address))

/** The node that has this key. */
export const nodeOfKey = (tailnet: Tailnet, key: string): FakeNode | undefined =>
  nodesOf(tailnet).find((node) => keyOf(node) === key)

const keyOf = ({ name }: FakeNode) => `nodekey:${hex(name)}`

const profileOf = (tailnet: Tailnet, node: FakeNode) => {
  if (node.tags?.length || node.login === undefined) {
    return { ID: taggedId, LoginName: 'tagged-devices', DisplayName: 'Tagged Devices' }
  }
  const logins = [...new Set(nodesOf(tailnet).map(({ login }) => login))].filter(Boolean)
  return {
    ID: logins.indexOf(node.login) + 1,
    LoginName: node.login,
    DisplayName: node.displayName ?? node.login,
    ...(node.picture !== undefined && { ProfilePicURL: node.picture }),
  }
}

const idOf = (tailnet: Tailnet, node: FakeNode) => nodesOf(tailnet).indexOf(node) + 1
const tagsOf = ({ tags }: FakeNode) => tags?.length && { Tags: tags }

const describe = (tailnet: Tailnet, node: FakeNode) => {
  const [host] = node.name.split('.')
  const addresses = node.addresses.map(bits)
  return {
    ID: idOf(tailnet, node),
    StableID: String(idOf(tailnet, node)),
    Name: `${fullName(tailnet, node)}.`,
    User: profileOf(tailnet, node).ID,
    ...(node.sharer !== undefined && { Sharer: node.sharer }),
    Key: keyOf(node),
    Machine: `mkey:${hex('mkey')}`,
    DiscoKey: `discokey:${hex('discokey')}`,
    Addresses: addresses,
    AllowedIPs: addresses,
    Hostinfo: {
      IPNVersion: version,
      OS: 'linux',
      Hostname: host,
      Userspace: true,
      ...(node.shareeNode && { ShareeNode: true }),
    },
    Created: created,
    Cap: recorded.cap,
    ...tagsOf(node),
    Online: true,
    MachineAuthorized: true,
    ...(node.nodeCapMap && { CapMap: node.nodeCapMap }),
    ComputedName: host,
    ComputedNameWithHost: host,
  }
}

/** The answer to `whois` for a node. */
export const whoisOf = (tailnet: Tailnet, node: FakeNode) => ({
  Node: describe(tailnet, node),
  UserProfile: profileOf(tailnet, node),
  CapMap: node.capMap ?? null,
})

const deprecated =
  'HTTPS://TAILSCALE.COM/s/DEPRECATED-NODE-CAPS#see-https://github.com/tailscale/tailscale/issues/11508'

const peerStatus = (tailnet: Tailnet, node: FakeNode) => ({
  ID: String(idOf(tailnet, node)),
  NodeID: idOf(tailnet, node),
  PublicKey: keyOf(node),
  HostName: node.name.split('.')[0],
  DNSName: `${fullName(tailnet, node)}.`,
  OS: 'linux',
  UserID: profileOf(tailnet, node).ID,
  ...(node.sharer !== undefined && { AltSharerUserID: node.sharer }),
  TailscaleIPs: node.addresses,
  AllowedIPs: node.addresses.map(bits),
  ...tagsOf(node),
  Addrs: null,
  CurAddr: '',
  Relay: 'lo',
  PeerRelay: '',
  RxBytes: 0,
  TxBytes: 0,
  Created: created,
  LastWrite: '0001-01-01T00:00:00Z',
  LastSeen: '0001-01-01T00:00:00Z',
  LastHandshake: '0001-01-01T00:00:00Z',
  Online: true,
  ExitNode: false,
  ExitNodeOption: false,
  Active: false,
  PeerAPIURL: node.addresses.map((ip) => `http://${isIPv4(ip) ? ip : `[${ip}]`}:40000`),
  TaildropTarget: 0,
  NoFileSharingReason: '',
  ...(node.nodeCapMap && {
    Capabilities: [deprecated, ...Object.keys(node.nodeCapMap)],
    CapMap: node.nodeCapMap,
  }),
  InNetworkMap: true,
  InMagicSock: true,
  InEngine: false,
  ...(node.shareeNode && { ShareeNode: true }),
})

const byKey = (tailnet: Tailnet) =>
  Object.fromEntries(
    tailnet.people.map((node) => [keyOf(node), peerStatus(tailnet, node)] as const),
  )

/** The answer to `status`; without peers it has no `Peer` and only our own `User`. */
export const statusOf = (tailnet: Tailnet, peers: boolean) => {
  const profiles = (peers ? nodesOf(tailnet) : [tailnet.self]).map((node) =>
    profileOf(tailnet, node),
  )
  return {
    Version: version,
    TUN: false,
    BackendState: 'Running',
    HaveNodeKey: true,
    AuthURL: '',
    TailscaleIPs: tailnet.self.addresses,
    Self: peerStatus(tailnet, tailnet.self),
    Health: [],
    MagicDNSSuffix: tailnet.domain,
    CurrentTailnet: {
      Name: '127.0.0.1',
      MagicDNSSuffix: tailnet.domain,
      MagicDNSEnabled: true,
    },
    CertDomains: null,
    Peer: peers ? byKey(tailnet) : null,
    User: Object.fromEntries(profiles.map((profile) => [profile.ID, profile])),
    ClientVersion: null,
    ExtraRecords: null,
  }
}
