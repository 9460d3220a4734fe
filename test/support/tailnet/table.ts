/**
 * What is asked of a real tailnet, to be recorded, and then of the made-up one, to be compared: one table for both.
 */
import type { FakeTailscaledOptions } from '../fake-tailscaled.ts'
import type { Answer, Ask, HeaderLines } from './http.ts'
import { capability, otherCapability, people, policy } from './people.ts'

/** Every way to claim to be someone else, or somewhere else. */
export const forged: HeaderLines = [
  ['Tailscale-User-Login', 'root@example.com'],
  ['tailscale-user-login', 'lower@example.com'],
  ['Tailscale_User_Login', 'underscore@example.com'],
  ['Tailscale-User_Login', 'mixed@example.com'],
  ['Tailscale-User-Name', 'Root'],
  ['Tailscale-User-Profile-Pic', 'https://example.net/root.png'],
  ['Tailscale-Headers-Info', 'forged'],
  ['Tailscale-App-Capabilities', '{"example.com/cap/gateway":[{"role":"admin"}]}'],
  ['Tailscale-Funnel-Request', '?0'],
  ['Tailscale-Ingress-Src', '198.51.100.9:9'],
  ['X-Forwarded-For', '198.51.100.9'],
  ['X-Forwarded-Host', 'forged.example.net'],
  ['X-Forwarded-Proto', 'gopher'],
  ['Forwarded', 'for=198.51.100.9'],
  ['X-Real-IP', '198.51.100.9'],
  ['X_Forwarded_For', '198.51.100.9'],
  ['X-Webauth-User', 'root'],
  ['Remote-User', 'root'],
]

const person = (index: number) => {
  const { email = '', displayName = '', pictureUrl } = people[index] ?? {}
  return { login: email, displayName, ...(pictureUrl !== undefined && { picture: pictureUrl }) }
}

/** By number of the node, which is its order of joining. */
const at = (id: number) => ({ addresses: [`100.64.0.${id}`, `fd7a:115c:a1e0::${id}`] })

const [, forEngineers, forMachines] = policy.grants
const engineer = { capMap: forEngineers?.app as Readonly<Record<string, readonly unknown[]>> }
const machine = { capMap: forMachines?.app as Readonly<Record<string, readonly unknown[]>> }

/** The tailnet of rig.ts, made up. */
export const recordedTailnet: FakeTailscaledOptions = {
  self: {
    name: 'gateway',
    ...at(1),
    ...person(0),
    ...engineer,
    nodeCapMap: {
      'default-auto-update': [false],
      'https://tailscale.com/cap/file-sharing': [],
      'https://tailscale.com/cap/is-admin': [],
      'https://tailscale.com/cap/ssh': [],
    },
  },
  people: [
    { name: 'laptop', ...at(2), ...person(0), ...engineer },
    { name: 'phone', ...at(3), ...person(1) },
    { name: 'runner', ...at(4), tags: ['tag:ci'], ...machine },
    { name: 'tablet', ...at(5), ...person(2) },
    { name: 'mask', ...at(6), ...person(3) },
  ],
  status: {},
}

const api = '/localapi/v0'
const host = ['Host', 'local-tailscaled.sock'] as const
const get = (path: string, ...headers: HeaderLines): Ask => ({
  path,
  headers: headers.some(([name]) => name === 'Host') ? headers : [host, ...headers],
})
const whois = (query: string) => get(`${api}/whois?${query}`)
const write = (body: string, ...headers: HeaderLines): Ask => ({
  method: 'POST',
  path: `${api}/serve-config`,
  headers: [host, ...headers],
  body,
})

/** Asked of the LocalAPI, in this order: the last ones replace what is served. */
export const localAsks: Readonly<Record<string, Ask>> = {
  'whois of an address': whois('addr=100.64.0.2'),
  'whois of an address and port': whois('addr=100.64.0.3:4711&proto=tcp'),
  'whois of an IPv6 address': whois('addr=fd7a:115c:a1e0::3'),
  'whois of an IPv6 address and port': whois('addr=%5Bfd7a:115c:a1e0::3%5D:4711'),
  'whois of IPv4 as IPv6': whois('addr=::ffff:100.64.0.3'),
  'whois of an address with a zone': whois('addr=fd7a:115c:a1e0::3%25eth0'),
  'whois of nobody': whois('addr=100.64.9.9'),
  'whois of the internet': whois('addr=203.0.113.9'),
  'whois of no address': whois(''),
  'whois of an empty address': whois('addr='),
  'whois of a name': whois('addr=alice'),
  'whois of half an address': whois('addr=100.64.0'),
  'whois of brackets without a port': whois('addr=%5Bfd7a:115c:a1e0::3%5D'),
  'whois of no key': whois('addr=nodekey:12'),
  'HEAD of a whois': { ...whois('addr=100.64.0.3'), method: 'HEAD' },
  'another Host': get(`${api}/status`, ['Host', 'localhost']),
  'another Host with a port': get(`${api}/status`, ['Host', 'local-tailscaled.sock:80']),
  'an Origin': get(`${api}/status`, ['Origin', 'null']),
  'an empty Origin': get(`${api}/status?peers=false`, ['Origin', '']),
  'a Referer': get(`${api}/status`, ['Referer', 'x']),
  'an empty Host': get(`${api}/status?peers=false`, ['Host', '']),
  'no such thing': get(`${api}/nothing`),
  'nothing of the API': get('/nothing'),
  'PUT of a config': { ...write('{}'), method: 'PUT' },
  'a config that is not what it was': write('{}', ['If-Match', '0'.repeat(64)]),
  'half a config': write('{'),
  'an empty body': write(''),
  'an array for a config': write('[]'),
  'a config of unknown words': write('{"Nope":1}'),
  'an empty config': get(`${api}/serve-config`),
  'a config known by its tag': write('{"TCP":{"80":{"HTTP":true}}}', [
    'If-Match',
    '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  ]),
  'that config': get(`${api}/serve-config`),
}

/** Where a front is asked: by scene.ts's doors, or the mount with the other capability. */
export type Door = 'loopback' | 'socket' | 'secure' | 'other' | 'dead'

export interface FrontRow {
  /** Name of a node, or an address of the internet. */
  readonly from: string
  readonly door: Door
  readonly ask: Ask
}

const gatewayHost = ['Host', 'gateway.tail.test'] as const
const row = (from: string, door: Door, headers: HeaderLines = [], rest: Ask = {}): FrontRow => ({
  from,
  door,
  ask: {
    headers: headers.some(([name]) => name === 'Host') ? headers : [gatewayHost, ...headers],
    ...rest,
  },
})
const path = (given: string) => row('phone', 'loopback', [], { path: given })

const hops: HeaderLines = [
  ['Connection', 'X-Forwarded-For, Tailscale-User-Login, x-secret'],
  ['X-Secret', '1'],
  ['Keep-Alive', 'timeout=5'],
  ['TE', 'trailers, deflate'],
  ['Proxy-Authorization', 'x'],
  ['Proxy-Connection', 'x'],
  ['User-Agent', 'me'],
  ['Accept-Encoding', 'br'],
]
const twice: HeaderLines = [
  ['x-dup', '1'],
  ['X-DUP', '2'],
  ['TAILSCALE-USER-LOGIN', 'c'],
]
const proxies: HeaderLines = [
  ['X-Forwarded-Port', '9'],
  ['X-Forwarded-Server', '9'],
  ['True-Client-IP', '9'],
  ['Via', '1.1 x'],
  ['Tailscale.User.Login', 'dots'],
  ['~x!y', 'tilde'],
  ['X-Latin', 'Caf\xe9'],
]

/** Asked by way of `tailscale serve` and Funnel of a program that tells what it saw. */
export const frontRows: Readonly<Record<string, FrontRow>> = {
  'no headers': row('phone', 'loopback'),
  'over TLS': row('phone', 'secure'),
  'on a socket': row('phone', 'socket'),
  'a grant without the accepted': row('laptop', 'other'),
  'a grant beyond ASCII': row('runner', 'other'),
  'no grant': row('phone', 'other'),
  'from the internet': row('203.0.113.7', 'secure', forged),
  'from the internet by IPv6': row('2001:db8::7', 'secure'),
  'from the internet, hops': row('203.0.113.7', 'secure', [
    ['Connection', 'Tailscale-Funnel-Request, X-Forwarded-For'],
  ]),
  'from the internet, another Host': row('203.0.113.7', 'secure', [['Host', 'other.example']]),
  'another Host over TLS': row('phone', 'secure', [['Host', 'other.example']]),
  'another Host': row('phone', 'loopback', [['Host', 'other.example']]),
  'Host localhost': row('phone', 'socket', [['Host', 'localhost']]),
  'Host in short': row('phone', 'loopback', [['Host', 'gateway']]),
  'Host in capitals': row('phone', 'loopback', [['Host', 'GATEWAY.TAIL.TEST']]),
  'Host with a port': row('phone', 'loopback', [['Host', 'gateway.tail.test:80']]),
  'a target with a host': path('http://other.example/x'),
  'a target with our host': path('http://gateway.tail.test/x'),
  'dots and slashes': path('//v1/../x/./%2e%2e/%41?b=2&a=1'),
  'a query that Go cannot read': path('/a?x=1;y=2&b=%zz&z=1&a=3'),
  'an empty query': path('/a?'),
  hops: row('phone', 'loopback', hops),
  'more than once': row('phone', 'loopback', twice),
  'other proxies': row('phone', 'loopback', proxies),
  'an upgrade that is not taken': row('phone', 'loopback', [
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
    ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ]),
  'a range': row('phone', 'loopback', [['Range', 'bytes=0-1']]),
  'a body': row('phone', 'loopback', [], { method: 'POST', body: '{"a":1}' }),
  'a body in chunks': row('phone', 'loopback', [['Transfer-Encoding', 'chunked']], {
    method: 'POST',
  }),
  'POST of nothing': row('phone', 'loopback', [['Content-Length', '0']], { method: 'POST' }),
  HEAD: row('phone', 'loopback', [], { method: 'HEAD' }),
  'nobody there': row('phone', 'dead'),
}

/** Of the moment, or of the way that bytes are framed. */
const framing = ['date', 'content-length', 'transfer-encoding', 'connection', 'keep-alive']

/** An answer as a fixture keeps it: headers in order of name, JSON as JSON. */
export const recordOf = ({ status, headers, body }: Answer) => {
  const lines = headers
    .filter(([name]) => !framing.includes(name.toLowerCase()))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  const isJson = lines.some(([, value]) => value === 'application/json')
  return {
    status,
    headers: lines,
    body: isJson && body !== '' ? (JSON.parse(body) as unknown) : body,
  }
}

/** Asks a whole table, one after the other, and makes one record of it. */
export const recordAll = async <T>(
  table: Readonly<Record<string, T>>,
  ask: (row: T) => Promise<Answer>,
) => {
  const record: Record<string, unknown> = {}
  for (const [title, given] of Object.entries(table)) {
    record[title] = recordOf(await ask(given))
  }
  return record
}

/** Handlers' accepted capabilities, by door. */
export const acceptedAt = (door: Door): readonly string[] => [
  door === 'other' ? otherCapability : capability,
]
