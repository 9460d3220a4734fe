import ipaddr from 'ipaddr.js'
import type { Bind } from '../config.ts'

/** Longest path a unix socket may have on Linux, less what the data directory takes. */
const MAX_SOCKET_PATH = 90

export type ParsedBind =
  | { readonly bind: Bind }
  | { readonly bind?: undefined; readonly why: string }

/** Reads `127.0.0.1:8787`, `[::1]:8787` or `unix:name.sock`; addresses only, so that no resolver decides what is open. */
export function parseBind(text: string): ParsedBind {
  if (text.startsWith('unix:')) return parseSocket(text.slice('unix:'.length))
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text)
  if (!match) return { why: 'is not "address:port"' }
  const [, six, four, digits] = match
  const port = Number(digits)
  if (port > 65535) return { why: 'has a port above 65535' }
  if (six !== undefined && ipaddr.IPv6.isValid(six))
    return { bind: { kind: 'tcp', host: six, port } }
  if (four !== undefined && ipaddr.IPv4.isValidFourPartDecimal(four)) {
    return { bind: { kind: 'tcp', host: four, port } }
  }
  return { why: 'does not begin with an IP address' }
}

function parseSocket(path: string): ParsedBind {
  if (path === '') return { why: 'names no socket file' }
  if (/[\0\n\r]/.test(path)) return { why: 'has a control character in its path' }
  if (path.length > MAX_SOCKET_PATH)
    return { why: `has a path above ${MAX_SOCKET_PATH} characters` }
  return { bind: { kind: 'unix', path } }
}

/** Only this machine can connect: loopback, or a socket file. */
export const isLocalBind = (bind: Bind): boolean => bind.kind === 'unix' || isLoopbackBind(bind)

export const isLoopbackBind = (bind: Bind): boolean =>
  bind.kind === 'tcp' && ipaddr.process(bind.host).range() === 'loopback'

/** An address that tailscaled gives out: RFC 6598 space, or its own prefix of unique local ones. */
export const isTailnetBind = (bind: Bind): boolean => {
  if (bind.kind === 'unix') return false
  const address = ipaddr.process(bind.host)
  const range = address.kind() === 'ipv4' ? '100.64.0.0/10' : 'fd7a:115c:a1e0::/48'
  return address.match(ipaddr.parseCIDR(range) as never)
}

/** Would the second of two binds find its address in use? Port 0 asks for a free one each time. */
export function bindsCollide(a: Bind, b: Bind): boolean {
  if (a.kind === 'unix' || b.kind === 'unix') {
    return a.kind === 'unix' && b.kind === 'unix' && a.path === b.path
  }
  if (a.port !== b.port || a.port === 0) return false
  const hosts = [a, b].map(({ host }) => ipaddr.process(host).toString())
  return hosts[0] === hosts[1] || hosts.includes('0.0.0.0') || hosts.includes('::')
}

/** Does a URL's host name lead back to this machine? Takes the spelling that `URL.hostname` gives. */
export function isLoopbackHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (host === 'localhost' || host.endsWith('.localhost')) return true
  if (!ipaddr.isValid(host)) return false
  return ['loopback', 'unspecified'].includes(ipaddr.process(host).range())
}
