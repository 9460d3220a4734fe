import type { Opening } from './expose.ts'
import type { Status } from './shapes.ts'
import { olderThan } from './version.ts'

/** Why a door cannot be opened, and what to do. */
export interface Obstacle {
  readonly message: string
  readonly remedy: string
}

/** 1.102.0 and .1 refuse everything that comes by Funnel; what is older can be stopped from afar by a bad request. */
export const safeVersion = '1.102.2'

const dnsPage = 'https://login.tailscale.com/admin/dns'

/** What the tailnet and the node lack for this door. Empty: nothing. */
export const obstacles = (
  status: Status,
  opening: Pick<Opening, 'port' | 'scheme' | 'funnel'>,
): Obstacle[] => {
  if (status.BackendState !== 'Running' || status.Self === undefined) return [notConnected(status)]
  return [
    ...withoutName(status),
    ...(opening.scheme === 'https' ? withoutCertificates(status) : []),
    ...(opening.funnel ? withoutFunnel(status, opening) : []),
  ]
}

const notConnected = ({ BackendState }: Status): Obstacle => ({
  message: `tailscaled is not connected to a tailnet (${BackendState})`,
  remedy: 'Run `tailscale up`',
})

const withoutName = ({ CurrentTailnet, Self }: Status): Obstacle[] => {
  if (CurrentTailnet?.MagicDNSEnabled !== false && Self?.DNSName) return []
  const remedy = `Turn MagicDNS on: ${dnsPage}`
  return [{ message: 'MagicDNS is off in this tailnet, so the node has no name', remedy }]
}

const withoutCertificates = ({ CertDomains, Self }: Status): Obstacle[] => {
  if (Object.hasOwn(Self?.CapMap ?? {}, 'https') || (CertDomains ?? []).length > 0) return []
  const remedy =
    `Turn HTTPS certificates on (${dnsPage}), or serve the tailnet without them: \`postern expose serve --http\` ` +
    '(WireGuard encrypts all the same)'
  return [{ message: 'this tailnet gives out no HTTPS certificates', remedy }]
}

const withoutFunnel = (status: Status, { port, scheme }: { port: number; scheme: string }) => {
  const found: Obstacle[] = []
  const { Version: version, Self } = status
  const capabilities = Object.keys(Self?.CapMap ?? {})
  if (olderThan(version, safeVersion)) {
    const message = `tailscaled ${version} is older than ${safeVersion}, and not safe on the internet`
    found.push({ message, remedy: 'Update it: `tailscale update`' })
  }
  if (scheme === 'http') {
    const remedy = 'Leave out --http'
    found.push({ message: 'the internet is let in by HTTPS only', remedy })
  }
  if (!capabilities.includes('funnel')) {
    const remedy =
      'Add "nodeAttrs": [{ "target": ["autogroup:member"], "attr": ["funnel"] }] to the policy file ' +
      '(for a tagged node: its tag as target), or run `tailscale funnel 443` once and follow its link'
    found.push({ message: 'the policy of this tailnet does not let this node use Funnel', remedy })
  }
  const ports = funnelPorts(capabilities)
  if (!allows(ports, port)) {
    const message = `port ${port} is not open to Funnel`
    found.push({ message, remedy: `Choose one of ${ports.replaceAll(',', ', ')}` })
  }
  return found
}

const usualPorts = '443,8443,10000'
const attribute = 'https://tailscale.com/cap/funnel-ports?'

/** The node is told in the query of a capability's name (tailscale 1.102 ipn.CheckFunnelPort). */
const funnelPorts = (capabilities: readonly string[]): string => {
  const told = capabilities.find((name) => name.startsWith(attribute))
  return new URLSearchParams(told?.slice(attribute.length)).get('ports') || usualPorts
}

const allows = (ports: string, port: number): boolean =>
  ports.split(',').some((range) => {
    const [first, last = first] = range.split('-')
    return Number(first) <= port && port <= Number(last)
  })
