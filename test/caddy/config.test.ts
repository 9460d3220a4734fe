import type { Config, HeadersHandler, ReverseProxyHandler, Route } from 'caddy-json-config-types'
import { describe, expect, test } from 'vitest'
import { build } from '../../caddy/config.ts'
import type { CaddyOptions } from '../../caddy/options.ts'
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
