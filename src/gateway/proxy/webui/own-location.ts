import { isLoopbackHost } from '../../../config/values/bind.ts'
import type { HeaderList } from '../../../platform/upstream.ts'

const places = new Set(['location', 'content-location'])

/**
 * Where an answer of Open WebUI leads to Open WebUI's own address, which no browser can reach, it leads to the same path at
 * ours. Relative ones do so already, and other addresses are not ours to change.
 */
export const withOwnLocation = (headers: HeaderList, webui: string): [string, string][] =>
  headers.map(([name, value]) => [name, places.has(name) ? rewritten(value, webui) : value])

const rewritten = (location: string, webui: string): string => {
  if (!/^(?:https?:)?\/\//i.test(location)) return location
  const to = URL.parse(location, webui)
  if (to === null || !isSame(to, new URL(webui))) return location
  return to.pathname + to.search + to.hash
}

/** The same port of this machine has several names. */
const isSame = (to: URL, own: URL): boolean => {
  if (to.host === own.host) return true
  return isLoopbackHost(to.hostname) && isLoopbackHost(own.hostname) && portOf(to) === portOf(own)
}

const portOf = ({ port, protocol }: URL): string => port || (protocol === 'https:' ? '443' : '80')
