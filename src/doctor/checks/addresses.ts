import ipaddr from 'ipaddr.js'
import type { Config } from '../../config/config.ts'
import type { MachineFacts } from '../machine.ts'

/** The host of a URL without brackets. */
export const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[|\]$/g, '')

export const originPort = (url: string): number => {
  const { port, protocol } = new URL(url)
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || (ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback')

/** Does this URL lead to one of our own listeners? */
export const isSelf = (url: string, { listeners }: Pick<Config, 'listeners'>): boolean => {
  const host = hostOf(url)
  return listeners.some(({ bind }) => {
    if (bind.kind === 'unix' || bind.port !== originPort(url)) return false
    return bind.host === host || (isLoopback(host) && isOpenTo(bind.host))
  })
}

/** Does a socket that is bound to this address hear loopback? */
const isOpenTo = (bound: string): boolean => isLoopback(bound) || ['0.0.0.0', '::'].includes(bound)

/** Of Docker's and Podman's own networks, where only containers are. */
const bridge = /^(?:docker|br-|podman|cni|veth|virbr)/

/** Where others reach this machine: its network and the tailnet. IPv4, and few: one way in is enough. */
export const outwardAddresses = ({ addresses }: MachineFacts): string[] =>
  addresses
    .filter(({ interface: name, address }) => !bridge.test(name) && ipaddr.IPv4.isValid(address))
    .map(({ address }) => address)
    .slice(0, 8)
