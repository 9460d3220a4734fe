import ipaddr from 'ipaddr.js'
import type { Machine, MachineFacts } from '../../platform/machine.ts'

/** The host of a URL without brackets. */
export const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[|\]$/g, '')

export const originPort = (url: string): number => {
  const { port, protocol } = new URL(url)
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || (ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback')

/** Of Docker's and Podman's own networks, where only containers are. */
const bridge = /^(?:docker|br-|podman|cni|veth|virbr)/

/** Where others reach this machine: its network and the tailnet. IPv4, and few: one way in is enough. */
const outwardAddresses = ({ addresses }: MachineFacts): string[] =>
  addresses
    .filter(({ interface: name, address }) => !bridge.test(name) && ipaddr.IPv4.isValid(address))
    .map(({ address }) => address)
    .slice(0, 8)

/** Where something that is meant for loopback can be reached from elsewhere. */
export const reachedFromOutside = async (
  url: string,
  machine: Machine | undefined,
): Promise<string[]> => {
  if (machine === undefined || !isLoopback(hostOf(url))) return []
  const facts = await machine.facts().catch(() => undefined)
  const candidates = facts ? outwardAddresses(facts) : []
  const reached = await Promise.all(
    candidates.map((address) => machine.connects(address, originPort(url))),
  )
  return candidates.filter((_, at) => reached[at])
}
