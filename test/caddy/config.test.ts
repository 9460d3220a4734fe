import type { Config, HeadersHandler, ReverseProxyHandler, Route } from 'caddy-json-config-types'
import { describe, expect, test } from 'vitest'
import { build } from '../../caddy/config.ts'
import type { Address, CaddyOptions } from '../../caddy/options.ts'
import { optionSets } from './option-sets.ts'

const plain = optionSets['loopback-behind-tailscale'] as CaddyOptions
const tcp = (host: string) => ({ kind: 'tcp', host, port: 8081 }) as const

const routesOf = (config: Config): readonly Route[] =>
  config.apps?.http?.servers?.postern?.routes ?? []
const handlersOf = (config: Config) => routesOf(config).flatMap(({ handle }) => handle)

describe.each(Object.entries(optionSets))('the configuration for %s', (name, options) => {
  const config = build(options)

  test('is the golden one', async () => {
    const text = `${JSON.stringify(config, null, 2)}\n`
    await expect(text).toMatchFileSnapshot(`../golden/caddy/${name}.json`)
  })

  test('deletes identity headers before, and never in the same handler as, it sets its own', () => {
    const handlers = handlersOf(config)
    const deletes = handlers.findIndex(
      (it) => it.handler === 'headers' && it.request?.delete !== undefined,
    )
    const proxy = handlers.findIndex((it) => it.handler === 'reverse_proxy')
    expect(deletes).toBeGreaterThanOrEqual(0)
    expect(proxy).toBeGreaterThan(deletes)
    expect((handlers[deletes] as HeadersHandler).request?.set).toBeUndefined()
    expect((handlers[proxy] as ReverseProxyHandler).headers?.request?.delete).toBeUndefined()
  })

  test('ends in an answer, so that nothing falls through to an empty 200', () => {
    const last = routesOf(config).at(-1)
    expect(last?.match).toBeUndefined()
    expect(last?.handle).toMatchObject([{ handler: 'static_response', status_code: 404 }])
  })

  test('sends everything to the gateway through one reverse proxy', () => {
    const proxies = handlersOf(config).filter(({ handler }) => handler === 'reverse_proxy')
    expect(proxies).toHaveLength(1)
  })

  test('sets no time limit on a body or an answer', () => {
    const server = config.apps?.http?.servers?.postern
    expect(server).not.toHaveProperty('read_timeout')
    expect(server).not.toHaveProperty('write_timeout')
    expect(JSON.stringify(config)).not.toMatch(/"(response_header_timeout|stream_timeout)"/)
  })
})

describe('trust', () => {
  const serverOf = (name: string) =>
    build(optionSets[name] as CaddyOptions).apps?.http?.servers?.postern

  test('believes loopback where tailscaled connects from it', () => {
    expect(serverOf('loopback-behind-tailscale')).toMatchObject({
      trusted_proxies: { ranges: ['127.0.0.0/8', '::1/128'] },
      trusted_proxies_strict: 1,
    })
  })

  test('believes a socket only where Caddy listens on one', () => {
    expect(serverOf('sockets-behind-tailscale')).toMatchObject({ trusted_proxies_unix: true })
    expect(serverOf('loopback-behind-tailscale')).not.toHaveProperty('trusted_proxies_unix')
  })

  test('believes nobody on a public address unless told', () => {
    expect(serverOf('public-host')).not.toHaveProperty('trusted_proxies')
    expect(serverOf('public-host-behind-cdn')).toMatchObject({
      trusted_proxies: { ranges: ['198.51.100.0/24', '2001:db8::/32'] },
      trusted_proxies_strict: 1,
    })
  })
})

describe('what Serve says of a caller', () => {
  const passes = ([, options]: [string, CaddyOptions]) =>
    !JSON.stringify(build(options)).includes('"*Tailscale*"')

  test('passes only where nobody but tailscaled can connect, to a gateway that nobody else is told', () => {
    const passing = Object.entries(optionSets).filter(passes)
    expect(passing.map(([name]) => name)).toEqual(['serve-on-a-socket', 'serve-on-loopback'])
    for (const [, options] of passing) {
      const servers = Object.values(build(options).apps?.http?.servers ?? {})
      const listen = servers.flatMap((server) => server.listen)
      expect(listen.filter((it) => !/^(unix\/\/.*\|0600|127\.0\.0\.1:\d+)$/.test(it))).toEqual([])
    }
  })

  const serve = optionSets['serve-on-a-socket'] as CaddyOptions

  test.each(['0.0.0.0', '192.168.1.4', '100.64.0.1'])('is never taken from %s', (host) => {
    const options: CaddyOptions = { ...serve, site: { tls: 'serve', listen: [tcp(host)] } }
    expect(() => build(options)).toThrow(RangeError)
  })

  test('is neither taken from other proxies nor sent over a network', () => {
    expect(() => build({ ...serve, trustedProxies: ['198.51.100.1'] })).toThrow(/no other proxy/)
    expect(() => build({ ...serve, gateway: tcp('192.168.1.4') })).toThrow(/over a network/)
  })
})

describe('a node of its own', () => {
  const node = optionSets['own-node-with-secret'] as CaddyOptions
  const proxy = (name: string) =>
    handlersOf(build(optionSets[name] as CaddyOptions)).at(-2) as ReverseProxyHandler

  test('asks who is calling after it wiped the header, and before it sets it', () => {
    const kinds = handlersOf(build(node)).map(({ handler }) => handler)
    expect(kinds.indexOf('authentication')).toBeGreaterThan(kinds.indexOf('headers'))
    expect(kinds.indexOf('reverse_proxy')).toBeGreaterThan(kinds.indexOf('authentication'))
  })

  test('shows the secret only to a gateway that asks for one, and writes none into the file', () => {
    const hop = { 'X-Gateway-Hop': ['{env.POSTERN_HOP_SECRET}'] }
    expect(proxy('own-node-with-secret').headers?.request?.set).toMatchObject(hop)
    expect(proxy('own-node').headers?.request?.set).not.toHaveProperty('X-Gateway-Hop')
  })

  test('is neither reached through other proxies nor tells names over a network', () => {
    expect(() => build({ ...node, trustedProxies: ['198.51.100.1'] })).toThrow(/no other proxy/)
    expect(() => build({ ...node, gateway: tcp('192.168.1.4') })).toThrow(/over a network/)
  })

  test.each(['', 'AI', 'ai.example.com', '-ai', '{env.HOME}', 'a'.repeat(64)])(
    'cannot be named %j',
    (name) => {
      const site = { tls: 'node', name, hop: true } as const
      expect(() => build({ ...node, site })).toThrow(/not a name for a machine/)
    },
  )

  test.each(['headscale.example.com', 'https://{env.X}', 'ftp://x'])(
    'cannot be controlled from %j',
    (controlUrl) => {
      const site = { tls: 'node', name: 'ai', hop: true, controlUrl } as const
      expect(() => build({ ...node, site })).toThrow(/control server/)
    },
  )
})

describe('where tailscaled forwards TCP to', () => {
  const forwarded = optionSets['forwarded-by-funnel'] as CaddyOptions
  const at = (address: Address): CaddyOptions => ({
    ...forwarded,
    site: { tls: 'internal', hosts: ['ai.home.arpa'], forwarded: address },
  })

  test('every connection must say where it comes from, before TLS', () => {
    expect(build(forwarded).apps?.http?.servers?.postern).toMatchObject({
      listen: ['127.0.0.1:8443'],
      listener_wrappers: [
        { wrapper: 'proxy_protocol', fallback_policy: 'REQUIRE' },
        { wrapper: 'tls' },
      ],
    })
    expect(JSON.stringify(build(forwarded))).not.toContain('"allow"')
  })

  test('is a port of loopback', () => {
    expect(() => build(at(tcp('127.0.0.1')))).not.toThrow()
    expect(() => build(at(tcp('0.0.0.0')))).toThrow(/loopback only/)
    expect(() => build(at({ kind: 'unix', path: '/run/x.sock' }))).toThrow(/loopback only/)
  })
})

describe('bad options are refused when the configuration is built', () => {
  const site = (host: string): CaddyOptions['site'] => ({ tls: 'none', listen: [tcp(host)] })

  test.each(['0.0.0.0', '192.168.1.4', '::', '127.0.0.1.evil.example', ''])(
    'plain HTTP on %j, which would carry passwords in the clear',
    (host) => {
      expect(() => build({ ...plain, site: site(host) })).toThrow(/passwords in the clear/)
    },
  )

  test.each(['127.0.0.1', '127.9.9.9', '::1', 'localhost'])('but not on %s', (host) => {
    expect(() => build({ ...plain, site: site(host) })).not.toThrow()
  })

  test('an admin API that others can reach', () => {
    expect(() => build({ ...plain, admin: tcp('0.0.0.0') })).toThrow(/admin API/)
  })

  test('a socket path that depends on where Caddy was started', () => {
    const gateway = { kind: 'unix', path: 'caddy.sock' } as const
    expect(() => build({ ...plain, gateway })).toThrow(/must be absolute: caddy.sock/)
  })

  test('HTTPS without a name, and a listener without an address', () => {
    expect(() => build({ ...plain, site: { tls: 'automatic', hosts: [] } })).toThrow(/host name/)
    expect(() => build({ ...plain, site: { tls: 'none', listen: [] } })).toThrow(/listen on/)
  })

  test.each([0, -1, 1.5, Number.NaN])('a body limit of %s', (bodyLimit) => {
    expect(() => build({ ...plain, bodyLimit })).toThrow(/body limit/)
  })
})
