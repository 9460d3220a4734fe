import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Checked, crossCheck } from '../../src/tailscale/cross-checks.ts'
import type { TailnetFacts } from '../../src/tailscale/facts.ts'
import { parseServeConfig } from '../../src/tailscale/serve-config.ts'
import { parseStatus } from '../../src/tailscale/shapes.ts'

const recorded = new URL('../support/tailnet/fixtures/status.json', import.meta.url)
const host = 'gateway.tail.test'

const status = (overrides: object = {}) =>
  parseStatus(
    JSON.stringify({
      ...(JSON.parse(readFileSync(recorded, 'utf8')) as object),
      TUN: true,
      Version: '1.102.3',
      ...overrides,
    }),
  )
const served = (value: unknown) => parseServeConfig(JSON.stringify(value))
const web = (target: string, funnel = false, port = 443) => ({
  TCP: { [port]: { HTTPS: true } },
  Web: { [`${host}:${port}`]: { Handlers: { '/': { Proxy: target } } } },
  ...(funnel && { AllowFunnel: { [`${host}:${port}`]: true } }),
})

const common = { hopSecret: undefined, trustedProxies: [] }
const tcp = (address: string, port: number) => ({ kind: 'tcp' as const, host: address, port })
const local = { ...common, name: 'local', identity: 'none', bind: tcp('127.0.0.1', 8787) } as const
const tailnet = {
  ...common,
  name: 'tailnet',
  identity: 'serve',
  bind: { kind: 'unix', path: 'tailnet.sock' },
} as const
const onLoopback = { ...tailnet, bind: tcp('127.0.0.1', 8788) }
const ours = 'unix:/data/tailnet.sock'

const base: Checked = {
  mode: 'serve',
  front: 'tailscale',
  listeners: [local, tailnet],
  grants: [],
  users: { size: 1 },
}
const loopbackGrant = { ...base, grants: [{ src: ['(loopback)'], entries: [] }] }
const both: Checked = { ...base, mode: 'both' }
const all = (config: Checked, facts: Partial<TailnetFacts> = {}) =>
  crossCheck(
    config,
    { status: status(), serveConfig: served(web(ours, config.mode === 'both')), ...facts },
    (path) => `/data/${path}`,
  )
const said = (...given: Parameters<typeof all>) =>
  all(...given).map(({ severity, message, remedy }) => `${severity}: ${message}. ${remedy}`)

describe('configuration and tailscaled', () => {
  it.each([
    ['serve, and served', base, {}],
    ['both, and open to the internet', both, {}],
    [
      'local, and nothing served',
      { ...base, mode: 'local' } as Checked,
      { serveConfig: served({}) },
    ],
    [
      'local, and no tailscaled',
      { ...base, mode: 'local' } as Checked,
      { status: undefined, serveConfig: undefined },
    ],
    ['no network device, sockets only', base, { status: status({ TUN: false }) }],
    [
      'somebody else’s doors',
      base,
      {
        serveConfig: served({
          ...web(ours),
          Services: { 'svc:x': web('http://127.0.0.1:1', false, 8787) },
        }),
      },
    ],
    [
      'Caddy in front, who is led to',
      { ...base, front: 'caddy' } as Checked,
      {
        serveConfig: served(web('http://127.0.0.1:8081')),
      },
    ],
  ])('agree: %s', (_, config, facts) => {
    expect(said(config, facts)).toEqual([])
  })

  const open = { serveConfig: served(web(ours, true)) }
  it.each([
    [
      'serve',
      /error: tailscaled lets the internet in at https:\/\/gateway\.tail\.test\/, to listener "tailnet", and "mode" is "serve"\. .*expose serve/,
    ],
    ['local', /error: .*"mode" is "local"\. .*expose off/],
  ] as const)('mode %s and a way in from the internet', (mode, pattern) => {
    const [first] = said({ ...base, mode }, open)
    expect(first).toMatch(pattern)
    expect(all({ ...base, mode }, open)[0]?.onlyAtStart).toBe(true)
  })

  it('a door to a listener that knows nobody', () => {
    const facts = { serveConfig: served(web('http://localhost:8787')) }
    expect(said({ ...base, mode: 'local' }, facts)).toEqual([
      expect.stringMatching(
        /^warning: tailscaled leads https:.* to listener "local".*identity "serve"/,
      ),
    ])
  })

  it('funnel and nobody who could sign in', () => {
    expect(said({ ...both, users: { size: 0 } })).toEqual([
      expect.stringMatching(/^error: mode "both".*no user.*postern user add/),
    ])
  })

  it.each([
    [both, /^error: tailscaled 1\.100\.0 is older than 1\.102\.2, and not safe/],
    [base, /^warning: tailscaled 1\.100\.0 is older than 1\.102\.2/],
  ])('an old tailscaled', (config, pattern) => {
    expect(said(config, { status: status({ Version: '1.100.0' }) })).toEqual([
      expect.stringMatching(pattern),
    ])
  })

  it.each([
    [
      'a listener that believes',
      { ...base, listeners: [local, onLoopback] },
      'http://127.0.0.1:8788',
      /listener "tailnet".*tailscaled vouches.*unix:/,
    ],
    ['a grant for loopback', loopbackGrant, ours, /grant for "\(loopback\)".*logins/],
  ])('no network device, and %s', (_, config, target, pattern) => {
    const serveConfig = served(web(target))
    expect(said(config, { serveConfig })).toEqual([])
    expect(said(config, { serveConfig, status: status({ TUN: false }) })).toEqual([
      expect.stringMatching(pattern),
    ])
  })

  it.each([
    ['100.64.0.1', []],
    ['fd7a:115c:a1e0:0::1', []],
    ['100.64.0.9', [/error: listener "direct" binds 100\.64\.0\.9.*Bind 100\.64\.0\.1 or fd7a/]],
  ])('a listener that asks whois, at %s', (address, patterns) => {
    const direct = {
      ...common,
      name: 'direct',
      identity: 'whois',
      bind: tcp(address, 8080),
    } as const
    const found = said({ ...base, listeners: [local, tailnet, direct] })
    expect(found).toEqual(patterns.map((pattern) => expect.stringMatching(pattern)))
  })

  it.each([
    ['0.0.0.0', 443, true],
    ['::', 443, true],
    ['100.64.0.1', 443, true],
    ['127.0.0.1', 443, false],
    ['192.168.1.2', 443, false],
    ['0.0.0.0', 8443, false],
  ])('an address that both want: %s:%i', (address, port, taken) => {
    const wide = { ...common, name: 'wide', identity: 'none', bind: tcp(address, port) } as const
    const config = { ...base, listeners: [wide, tailnet] }
    const pattern =
      /error: listener "wide" wants .*:443, and tailscaled serves port 443 of 100\.64\.0\.1 and/
    expect(said(config)).toEqual(taken ? [expect.stringMatching(pattern)] : [])
    expect(said(config, { status: status({ TUN: false }) })).toEqual([])
  })

  it.each([
    [{ status: undefined }, /^warning: tailscaled does not answer/],
    [{ status: status({ BackendState: 'NeedsLogin' }) }, /^warning: .*NeedsLogin.*tailscale up/],
  ])('a tailscaled that is away is never a reason to refuse', (facts, pattern) => {
    expect(said(base, facts)).toEqual([expect.stringMatching(pattern)])
  })

  it.each([
    ['serve', 'unix:/data/tailnet.sock', base, /^error: .*bytes of port 9000.*"tailnet".*believe/],
    ['none', '127.0.0.1:8787', base, /^warning: .*bytes of port 9000.*"local"/],
    ['none, with a grant for loopback', '127.0.0.1:8787', loopbackGrant, /^error: .*\(loopback\)/],
  ])('bytes forwarded to a listener of identity %s', (_, TCPForward, config, pattern) => {
    const serveConfig = served({
      ...web(ours),
      TCP: { 443: { HTTPS: true }, 9000: { TCPForward } },
    })
    expect(said(config, { serveConfig })).toEqual([expect.stringMatching(pattern)])
  })

  it.each([
    [
      'whois',
      'web',
      { '/': { Proxy: 'http://100.64.0.1:80' } },
      /^error: .*everyone who comes that way is this machine/,
    ],
    [
      'caddy',
      'web',
      { '/': { Proxy: 'unix:/data/node.sock' } },
      /^error: .*believe whom they claim to be/,
    ],
  ])(
    'a door of tailscaled to a listener of identity %s, even by its own proxy',
    (identity, _, Handlers, pattern) => {
      const bind =
        identity === 'whois' ? tcp('100.64.0.1', 80) : { kind: 'unix', path: 'node.sock' }
      const node = { ...common, name: 'node', identity, bind } as never
      const config = { ...base, front: 'none', listeners: [node] } as Checked
      const serveConfig = served({
        TCP: { 8080: { HTTP: true } },
        Web: { 'gateway.tail.test:8080': { Handlers } },
      })
      expect(said(config, { serveConfig })).toEqual([expect.stringMatching(pattern)])
    },
  )

  it.each(['box:8788', 'http://box:8788', '0.0.0.0:8788', 'unix:/elsewhere/tailnet.sock'])(
    'bytes forwarded to what may be a listener of ours: %s',
    (TCPForward) => {
      const loopback = {
        ...common,
        name: 'loopback',
        identity: 'serve',
        bind: tcp('127.0.0.1', 8788),
      } as const
      const config = { ...base, listeners: [...base.listeners, loopback] } as Checked
      const serveConfig = served({
        ...web(ours),
        TCP: { 443: { HTTPS: true }, 9000: { TCPForward } },
      })
      expect(said(config, { serveConfig })).toEqual([
        expect.stringMatching(/^error: .*believes nobody/),
      ])
    },
  )

  it.each([
    [
      'nothing served',
      base,
      {},
      /"mode" is "serve", and tailscaled leads nobody to us.*expose serve/,
    ],
    [
      'only the tailnet let in',
      both,
      web(ours),
      /"mode" is "both", and tailscaled lets nobody in from the internet/,
    ],
    [
      'a door left open',
      { ...base, mode: 'local' } as Checked,
      web(ours),
      /leads https:.* to us, and "mode" is "local"/,
    ],
  ])('drift: %s', (_, config, value, pattern) => {
    const found = said(config, { serveConfig: served(value) })
    expect(found).toEqual([expect.stringMatching(pattern)])
    expect(found[0]).toMatch(/^warning/)
  })
})
