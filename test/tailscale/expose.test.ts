import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  changesType,
  commandsFor,
  Occupied,
  type Opening,
  oursAmong,
  withDoor,
  withoutDoors,
} from '../../src/tailscale/expose.ts'
import { doorsOf, parseServeConfig, type ServeConfig } from '../../src/tailscale/serve-config.ts'
import type { Listening } from '../../src/tailscale/serve-config-target.ts'

const host = 'gateway.tail.test'
const socket = '/data/tailnet.sock'
const listeners: readonly Listening[] = [
  { name: 'local', identity: 'none', bind: { kind: 'tcp', host: '127.0.0.1', port: 8787 } },
  { name: 'tailnet', identity: 'serve', bind: { kind: 'unix', path: socket } },
]
const isOurs = oursAmong([], listeners)
const opening: Opening = {
  host,
  port: 443,
  scheme: 'https',
  target: `unix:${socket}`,
  funnel: false,
  acceptAppCaps: ['example.com/cap/gateway'],
}
const config = (value: unknown): ServeConfig => parseServeConfig(JSON.stringify(value))
const to = (target: string) => ({ Handlers: { '/': { Proxy: target } } })

const foreign = config({
  TCP: { 8443: { HTTPS: true }, 9000: { TCPForward: '127.0.0.1:1' } },
  Web: { [`${host}:8443`]: to('http://127.0.0.1:3000') },
  AllowFunnel: { [`${host}:8443`]: true },
  Services: { 'svc:ai': { TCP: { 443: { HTTPS: true } }, Web: { 'ai.tail.test:443': to('8') } } },
  Newer: { kept: true },
})

describe('opening a door', () => {
  it('adds a port, a handler and what it accepts, and keeps everything else', () => {
    expect(withDoor(foreign, opening, isOurs)).toEqual({
      ...foreign,
      TCP: { ...foreign.TCP, 443: { HTTPS: true } },
      Web: {
        ...foreign.Web,
        [`${host}:443`]: {
          Handlers: {
            '/': { Proxy: `unix:${socket}`, AcceptAppCaps: ['example.com/cap/gateway'] },
          },
        },
      },
    })
  })

  it('lets the internet in when that is asked for, and no longer when it is not', () => {
    const open = withDoor(config({}), { ...opening, funnel: true }, isOurs)
    expect(open.AllowFunnel).toEqual({ [`${host}:443`]: true })
    expect(withDoor(open, opening, isOurs)).not.toHaveProperty('AllowFunnel')
  })

  it('does not fall for a flag that was left over', () => {
    const left = config({ AllowFunnel: { [`${host}:443`]: true } })
    expect(withDoor(left, opening, isOurs)).not.toHaveProperty('AllowFunnel')
  })

  it('moves with the port', () => {
    const moved = withDoor(withDoor(foreign, opening, isOurs), { ...opening, port: 10000 }, isOurs)
    expect(moved).toEqual(withDoor(foreign, { ...opening, port: 10000 }, isOurs))
  })

  it.each([
    ['a handler', { TCP: { 443: { HTTPS: true } }, Web: { [`${host}:443`]: to('3000') } }, '3000'],
    ['a forward', { TCP: { 443: { TCPForward: '127.0.0.1:9' } } }, '127.0.0.1:9'],
    [
      'a running command',
      { Foreground: { s: { TCP: { 443: { HTTPS: true } }, Web: { [`${host}:443`]: to('1') } } } },
      'a running command',
    ],
    [
      'a running command that leads to us',
      {
        Foreground: {
          s: { TCP: { 443: { HTTPS: true } }, Web: { [`${host}:443`]: to(`unix:${socket}`) } },
        },
      },
      'a running command',
    ],
    [
      'another path beside ours',
      {
        TCP: { 443: { HTTPS: true } },
        Web: {
          [`${host}:443`]: {
            Handlers: { '/': { Proxy: `unix:${socket}` }, '/old': { Text: 'x' } },
          },
        },
      },
      '/old',
    ],
  ])('refuses a port that has %s, and names it', (_, value, named) => {
    const attempt = () => withDoor(config(value), opening, isOurs)
    expect(attempt).toThrow(Occupied)
    expect(attempt).toThrow(named)
  })

  it('tells when the port has to be closed first', () => {
    const open = withDoor(config({}), { ...opening, scheme: 'http' }, isOurs)
    expect(changesType(open, opening)).toBe(true)
    expect(changesType(open, { ...opening, scheme: 'http' })).toBe(false)
  })
})

describe('closing', () => {
  it('leaves what was there before', () => {
    const open = withDoor(foreign, { ...opening, funnel: true }, isOurs)
    expect(withoutDoors(open, isOurs)).toEqual(foreign)
    expect(withoutDoors(withDoor(config({}), opening, isOurs), isOurs)).toEqual({})
  })

  it('changes nothing where nothing is ours', () => {
    expect(withoutDoors(foreign, isOurs)).toBe(foreign)
  })

  it('leaves the other paths of the port, but not the way in from the internet', () => {
    const shared = withDoor(config({}), { ...opening, funnel: true }, isOurs)
    const other = { '/old': { Text: 'x' } }
    Object.assign(shared.Web?.[`${host}:443`]?.Handlers ?? {}, other)
    expect(withoutDoors(shared, isOurs)).toEqual({
      TCP: { 443: { HTTPS: true } },
      Web: { [`${host}:443`]: { Handlers: other } },
    })
  })

  it('knows a door that was remembered, although the listener is gone', () => {
    const remembered = { host, port: 443, mount: '/', leadsTo: 'unix:/gone.sock' }
    const open = withDoor(foreign, { ...opening, target: 'unix:/gone.sock' }, isOurs)
    expect(withoutDoors(open, isOurs)).toBe(open)
    expect(withoutDoors(open, oursAmong([remembered], listeners))).toEqual(foreign)
  })

  it('does not know it any more when somebody has put another program there', () => {
    const remembered = { host, port: 443, mount: '/', leadsTo: 'unix:/gone.sock' }
    const other = withDoor(foreign, { ...opening, target: 'http://127.0.0.1:1' }, isOurs)
    expect(withoutDoors(other, oursAmong([remembered], listeners))).toBe(other)
  })

  it('undoes whatever was opened, whatever was there', () => {
    const handlers = fc.dictionary(
      fc.constantFrom('/', '/a', '/b'),
      fc.record({ Proxy: fc.constantFrom('http://127.0.0.1:1', 'http://127.0.0.1:8787') }),
      { minKeys: 1 },
    )
    const ports = fc.uniqueArray(fc.constantFrom(80, 443, 8443, 10000), { maxLength: 3 })
    const configs = fc.tuple(ports, handlers, fc.boolean()).map(([numbers, Handlers, funnel]) =>
      numbers.length === 0
        ? config({})
        : config({
            TCP: Object.fromEntries(numbers.map((port) => [port, { HTTPS: true }])),
            Web: Object.fromEntries(numbers.map((port) => [`${host}:${port}`, { Handlers }])),
            ...(funnel && { AllowFunnel: { [`${host}:${numbers[0]}`]: true } }),
          }),
    )
    fc.assert(
      fc.property(configs, fc.boolean(), (before, funnel) => {
        const free = { ...opening, port: 12345, funnel }
        expect(withoutDoors(withDoor(before, free, isOurs), isOurs)).toEqual(before)
      }),
    )
  })
})

describe('the same by the command line', () => {
  const none = config({})

  it('opens for the tailnet, and for the internet', () => {
    expect(commandsFor(none, opening, isOurs)).toEqual([
      [
        ...['tailscale', 'serve', '--bg', '--yes', '--https=443'],
        ...['--accept-app-caps=example.com/cap/gateway', `unix:${socket}`],
      ],
    ])
    expect(commandsFor(none, { ...opening, funnel: true }, isOurs, '/s')).toEqual([
      ['tailscale', '--socket=/s', 'funnel', '--bg', '--yes', '--https=443', `unix:${socket}`],
    ])
  })

  it('closes its own path, and only after that opens another', () => {
    const open = withDoor(foreign, { ...opening, scheme: 'http', port: 80 }, isOurs)
    const [first, second] = commandsFor(open, opening, isOurs)
    expect(first).toEqual(['tailscale', 'serve', '--http=80', '--set-path=/', 'off'])
    expect(second?.[1]).toBe('serve')
    expect(commandsFor(open, undefined, isOurs)).toEqual([first])
  })

  it('does not close what it opens again', () => {
    const open = withDoor(foreign, opening, isOurs)
    expect(commandsFor(open, opening, isOurs)).toHaveLength(1)
  })
})

it('a door is found again by what it is', () => {
  const [door] = doorsOf(withDoor(config({}), opening, isOurs))
  expect(door && isOurs(door)).toBe(true)
})
