import type { CaddyOptions } from '../../caddy/options.ts'

const tcp = (port: number, host = '127.0.0.1') => ({ kind: 'tcp', host, port }) as const
const socket = (path: string) => ({ kind: 'unix', path }) as const

const base: Omit<CaddyOptions, 'site'> = {
  gateway: tcp(8787),
  bodyLimit: 33_554_432,
  trustedProxies: [],
  accessLog: undefined,
  admin: tcp(2019, 'localhost'),
}

/** The ways Caddy stands in front; each has a golden file of its name. */
export const optionSets: Readonly<Record<string, CaddyOptions>> = {
  'loopback-behind-tailscale': {
    ...base,
    site: { tls: 'none', listen: [tcp(8081), tcp(8081, '::1')] },
    accessLog: '/var/log/caddy/postern.jsonl',
  },
  'sockets-behind-tailscale': {
    ...base,
    site: { tls: 'none', listen: [socket('/run/caddy/edge.sock')] },
    gateway: socket('/run/postern/caddy.sock'),
    admin: socket('/run/caddy/admin.sock'),
  },
  'public-host': {
    ...base,
    site: { tls: 'automatic', hosts: ['ai.example.com', 'box.tail1234.ts.net'] },
    gateway: socket('/run/postern/caddy.sock'),
    accessLog: '/var/log/caddy/postern.jsonl',
  },
  'public-host-behind-cdn': {
    ...base,
    site: { tls: 'automatic', hosts: ['ai.example.com'] },
    trustedProxies: ['198.51.100.0/24', '2001:db8::/32'],
  },
  'internal-certificate': {
    ...base,
    site: { tls: 'internal', hosts: ['ai.home.arpa'], ports: { https: 8443, http: 8080 } },
  },
  'serve-on-a-socket': {
    ...base,
    site: { tls: 'serve', listen: [socket('/run/caddy/edge.sock')] },
    gateway: socket('/run/postern/tailnet.sock'),
    admin: socket('/run/caddy/admin.sock'),
  },
  'serve-on-loopback': {
    ...base,
    site: { tls: 'serve', listen: [tcp(8081)] },
    gateway: tcp(8789),
  },
  'certificate-from-tailscale': {
    ...base,
    site: { tls: 'automatic', hosts: ['box.tail1234.ts.net'] },
    gateway: socket('/run/postern/caddy.sock'),
  },
  'forwarded-by-funnel': {
    ...base,
    site: { tls: 'automatic', hosts: ['box.tail1234.ts.net'], forwarded: tcp(8443) },
    gateway: socket('/run/postern/caddy.sock'),
  },
  'own-node': {
    ...base,
    site: { tls: 'node', name: 'ai', hop: false },
    gateway: socket('/run/postern/caddy.sock'),
  },
  'own-node-with-secret': {
    ...base,
    site: { tls: 'node', name: 'ai', controlUrl: 'https://headscale.example.com', hop: true },
  },
}

/** Can stock Caddy run it? */
export const isStock = ({ site }: CaddyOptions): boolean => site.tls !== 'node'
