import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { addressOf, doorsOf, parseServeConfig } from '../../src/tailscale/serve-config.ts'
import { listenerAt, listening, targetOf } from '../../src/tailscale/serve-config-target.ts'

const recorded = new URL('../support/tailnet/fixtures/serve-config.json', import.meta.url)

describe('what tailscaled serves', () => {
  it('is read from a recording, door by door', () => {
    const doors = doorsOf(parseServeConfig(readFileSync(recorded, 'utf8')))
    expect(doors.map((door) => [addressOf(door), door.leadsTo, door.funnel])).toEqual([
      ['http://gateway.tail.test/', 'http://127.0.0.1:8081', false],
      ['http://gateway.tail.test/other', 'http://127.0.0.1:8081', false],
      ['http://gateway.tail.test:81/', 'http://127.0.0.1:9', false],
      ['https://gateway.tail.test/', 'http://127.0.0.1:8081', true],
      ['http://gateway.tail.test:8080/', 'unix:/run/tailnet/backend.sock', false],
      ['tcp://*:9000', '127.0.0.1:50000', false],
    ])
  })

  it('is nothing before anything was served', () => {
    expect(doorsOf(parseServeConfig('null'))).toEqual([])
  })

  it('tells who opened a door: the node, a running command or a Service', () => {
    const web = (at: string) => ({ [at]: { Handlers: { '/': { Text: 'x' } } } })
    const config = parseServeConfig(
      JSON.stringify({
        TCP: { 443: { HTTPS: true } },
        Web: web('h.ts.net:443'),
        Foreground: { s1: { TCP: { 8443: { HTTPS: true } }, Web: web('h.ts.net:8443') } },
        Services: { 'svc:ai': { TCP: { 80: { HTTP: true } }, Web: web('ai.ts.net:80') } },
      }),
    )
    expect(doorsOf(config).map((door) => [door.of, addressOf(door)])).toEqual([
      ['svc:ai', 'http://ai.ts.net/'],
      ['node', 'https://h.ts.net/'],
      ['foreground', 'https://h.ts.net:8443/'],
    ])
  })

  it('knows the internet to come by a forwarded port too', () => {
    const [door] = doorsOf(
      parseServeConfig(
        JSON.stringify({
          TCP: { 443: { TCPForward: '127.0.0.1:1', TerminateTLS: 'h.ts.net' } },
          AllowFunnel: { 'h.ts.net:443': true },
        }),
      ),
    )
    expect(door).toMatchObject({ scheme: 'tls', host: 'h.ts.net', funnel: true, mount: '' })
  })

  it('keeps what it does not know', () => {
    const text = '{"TCP":{"80":{"HTTP":true,"New":1}},"Newer":{"a":[]}}'
    expect(JSON.stringify(parseServeConfig(text))).toBe(text)
  })
})

describe('where a door leads', () => {
  const common = { hopSecret: undefined, trustedProxies: [] }
  const tcp = (host: string, port: number) => ({ kind: 'tcp' as const, host, port })
  const all = listening(
    [
      { ...common, name: 'four', identity: 'none', bind: tcp('127.0.0.1', 8787) },
      { ...common, name: 'six', identity: 'none', bind: tcp('::1', 8788) },
      { ...common, name: 'every', identity: 'none', bind: tcp('0.0.0.0', 8789) },
      { ...common, name: 'file', identity: 'serve', bind: { kind: 'unix', path: 'tailnet.sock' } },
    ],
    (path) => `/data/${path}`,
  )

  it.each([
    ['8787', 'four'],
    ['localhost:8787', 'four'],
    ['http://127.0.0.1:8787', 'four'],
    ['http://127.0.0.1:8787/v1', 'four'],
    ['https+insecure://127.0.0.1:8787', 'four'],
    ['http://[::1]:8788', 'six'],
    ['http://localhost:8788', 'six'],
    ['http://127.0.0.1:8789', 'every'],
    ['http://192.168.1.5:8789', 'every'],
    ['unix:/data/tailnet.sock', 'file'],
    ['unix:/data//tailnet.sock', 'file'],
  ])('%s is ours', (target, name) => {
    expect(listenerAt(target, all)?.name).toBe(name)
  })

  it.each([
    'http://127.0.0.1:8788',
    'http://127.0.0.1',
    'http://192.168.1.5:8787',
    'http://example.com:8787',
    'unix:/other/tailnet.sock',
    '/srv/files',
    'text',
    '301:https://example.com',
    '',
  ])('%j is not', (target) => {
    expect(listenerAt(target, all)).toBeUndefined()
  })

  it('leads back when tailscaled is told so', () => {
    const [four, six, , file] = all
    expect([four, six, file].map((it) => it && targetOf(it))).toEqual([
      'http://127.0.0.1:8787',
      'http://[::1]:8788',
      'unix:/data/tailnet.sock',
    ])
  })
})
