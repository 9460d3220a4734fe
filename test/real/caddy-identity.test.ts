import { join } from 'node:path'
import type { Config, Handler, Server as HttpServer, Route } from 'caddy-json-config-types'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { build } from '../../caddy/config.ts'
import type { CaddyOptions, Site } from '../../caddy/options.ts'
import { whyInvalid } from '../../src/cli/caddy/binary.ts'
import { ask, type Door } from '../caddy/ask.ts'
import { isStock, optionSets } from '../caddy/option-sets.ts'
import { folder, headersNamed, megabyte, setUp, tcp } from '../caddy/set-up.ts'
import { type Stub, startStub } from '../caddy/stub.ts'
import { caddy, oldestCaddy, startCaddy } from '../support/parts/caddy.ts'
import { caddyTailscale } from '../support/parts/caddy-tailscale.ts'
import { describeWith } from '../support/parts/need.ts'
import { pathOf } from '../support/parts/part.ts'
import { freePort } from '../support/parts/port.ts'

type Lines = readonly (readonly [string, string])[]

/** What tailscaled sets itself, whatever a caller sent. */
const ofTailscaled: Lines = [
  ['Tailscale-User-Login', '=?utf-8?q?ren=C3=A9@example.com?='],
  ['Tailscale-User-Name', '=?utf-8?q?Ren=C3=A9?='],
  ['Tailscale-User-Profile-Pic', 'https://example.com/rene.png'],
  ['Tailscale-Headers-Info', 'https://tailscale.com/s/serve-headers'],
  ['Tailscale-App-Capabilities', '{"example.com/cap/gateway":[{"role":"user"}]}'],
]
const mark: Lines = [['Tailscale-Funnel-Request', '?1']]

/** Names of the front's own, in the spellings that some server takes for them. */
const lookAlikes: Lines = [...ofTailscaled, ...mark, ['X-Webauth-User', ''], ['X-Gateway-Hop', '']]
  .map(([name = '']) => name)
  .flatMap((name) => [
    name.replaceAll('-', '_'),
    name.replaceAll('-', '.'),
    name.replace(/-(?=[^-]*$)/, '_'),
    name.replace(/-(?=[^-]*$)/, '.'),
    `X-${name}`,
    `${name.toUpperCase().replaceAll('-', '_')}`,
  ])
  .map((name) => [name, 'forged'] as const)

const others: Lines = [
  'X-Webauth-User',
  'x-webauth-user',
  'X-Webauth-Name',
  'X-Gateway-Hop',
  'X-Gateway-Client-Ip',
  'Remote-User',
  'Remote.User',
  'Forwarded',
  'X-Forwarded-User',
  'X-Forwarded-Prefix',
  'X.Forwarded.For',
  'X-Real-IP',
  'CF-Connecting-IP',
  'True-Client-IP',
  'X-Auth-Request-Email',
  'Tailscale-Ingress-Src',
].map((name) => [name, 'forged'] as const)

const forgedIn = (stub: Stub) => headersNamed(stub, /./).filter((line) => line.includes('forged'))
const linesOf = (lines: Lines) => new Set(lines.map(([name, value]) => `${name}: ${value}`))

describe.each([caddy, oldestCaddy])('$version', (part) => {
  describeWith([part], 'Caddy behind Serve', () => {
    let stub: Stub
    let stop: (() => Promise<void>) | undefined
    const path = join(folder, `serve-${part.name}.sock`)
    const doors: Record<'port' | 'socket', Door> = { port: {}, socket: { socketPath: path } }

    beforeAll(async () => {
      stub = await startStub()
      const port = await freePort()
      doors.port = { port }
      const listen = [tcp(port), { kind: 'unix', path } as const]
      stop = (await setUp(part, { tls: 'serve', listen }, stub.port)).server.stop
    })
    afterAll(async () => {
      await stop?.()
      await stub?.stop()
    })

    const place: Lines = [
      ['X-Forwarded-For', '100.64.0.2'],
      ['X-Forwarded-Host', 'box.tail1234.ts.net'],
    ]

    describe.each(['port', 'socket'] as const)('on a %s', (door) => {
      test.each([
        ['of a person', ofTailscaled],
        ['of a stranger', mark],
        ['of nobody', []],
      ] as const)(
        'hands on to the letter what tailscaled says %s, and nothing like it',
        async (_, own) => {
          const headers = [...own, ...place, ...lookAlikes, ...others]
          expect((await ask(doors[door], '/v1/models', { headers })).status).toBe(200)
          expect(new Set(headersNamed(stub, /tailscale/i))).toEqual(linesOf(own))
          expect(forgedIn(stub)).toEqual([])
        },
      )

      test('leaves two lines two, for the gateway to refuse', async () => {
        const twice: Lines = [
          ['Tailscale-User-Login', 'alice@example.com'],
          ['tailscale-user-login', 'bob@example.com'],
        ]
        await ask(doors[door], '/', { headers: twice })
        expect(headersNamed(stub, /login$/i)).toHaveLength(2)
      })

      test('invents no address of the tailnet for who did not come by tailscaled', async () => {
        await ask(doors[door], '/', { headers: ofTailscaled })
        const [address] = headersNamed(stub, /-for$/i)
        expect(address).toBe(`X-Forwarded-For: ${door === 'port' ? '127.0.0.1' : '@'}`)
      })

      test('takes the one address that tailscaled set, whatever stands to its left', async () => {
        const headers = [
          ['X-Forwarded-For', '6.6.6.6'],
          ['X-Forwarded-For', '127.0.0.1, 203.0.113.9'],
        ] as const
        await ask(doors[door], '/', { headers })
        expect(headersNamed(stub, /-for$/i)).toEqual(['X-Forwarded-For: 203.0.113.9'])
      })
    })
  })
})

describe.each([caddy, oldestCaddy])('$version', (part) => {
  describeWith([part], 'Caddy before everybody', () => {
    let stub: Stub
    let stop: (() => Promise<void>) | undefined
    let door: Door

    beforeAll(async () => {
      stub = await startStub()
      const ports = { https: await freePort(), http: await freePort() }
      door = { port: ports.https, host: 'ai.home.arpa' }
      const site: Site = { tls: 'internal', hosts: ['ai.home.arpa'], ports }
      stop = (await setUp(part, site, stub.port)).server.stop
      await vi.waitFor(() => ask(door, '/'), 10_000) // the certificate comes after the port
    })
    afterAll(async () => {
      await stop?.()
      await stub?.stop()
    })

    test('passes nothing that says who is calling, in any spelling', async () => {
      const headers = [...ofTailscaled, ...mark, ...lookAlikes, ...others]
      expect((await ask(door, '/v1/models', { headers })).status).toBe(200)
      expect(forgedIn(stub)).toEqual([])
      expect(headersNamed(stub, /tailscale|webauth|gateway/i)).toEqual([])
    })
  })
})

describe.each([caddy, oldestCaddy])('$version', (part) => {
  describeWith([part], 'Caddy as a machine of the tailnet, its provider replaced', () => {
    let stub: Stub
    let stop: (() => Promise<void>) | undefined
    let door: Door

    /** Knows alice by a password, as whom the plugin knows of another tailnet: without a tailnet. */
    const provider = {
      http_basic: {
        hash: { algorithm: 'bcrypt' },
        accounts: [
          {
            username: 'alice@example.com',
            password: '$2b$04$3TyHRbJnyq9eFf7Xa2YAQ.ch5xESWArgMf0XOrg8AmHUy54tsj2Gi',
          },
        ],
      },
    }
    const replaced = (config: Config, port: number): object => {
      const server = config.apps?.http?.servers?.postern as HttpServer
      const swap = (handler: Handler) =>
        handler.handler === 'authentication' ? { ...handler, providers: provider } : handler
      const routes = server.routes?.map((route: Route) => ({
        ...route,
        handle: route.handle.map(swap),
      }))
      const postern = { ...server, routes, listen: [`127.0.0.1:${port}`] }
      return { ...config, apps: { http: { servers: { postern } } } }
    }

    beforeAll(async () => {
      stub = await startStub()
      const [port, admin] = [await freePort(), await freePort()]
      door = { port }
      const options: CaddyOptions = {
        site: { tls: 'node', name: 'ai', hop: true },
        gateway: tcp(stub.port),
        bodyLimit: megabyte,
        trustedProxies: [],
        accessLog: undefined,
        admin: tcp(admin),
      }
      const config = replaced(build(options), port)
      stop = (await startCaddy(config, `http://127.0.0.1:${admin}/config/`, part)).stop
    })
    afterAll(async () => {
      await stop?.()
      await stub?.stop()
    })

    const alice = ['Authorization', `Basic ${btoa('alice@example.com:pw')}`] as const

    test('does not name people of other tailnets, whatever they claim', async () => {
      const headers = [alice, ...ofTailscaled, ...lookAlikes, ...others]
      expect((await ask(door, '/v1/models', { headers })).status).toBe(200)
      expect(headersNamed(stub, /webauth/i)).toEqual(['X-Webauth-User: '])
      expect(forgedIn(stub)).toEqual([])
    })

    test('answers 401 to whom the provider does not know, and asks the gateway nothing', async () => {
      const before = stub.passed.length
      const { status, body } = await ask(door, '/v1/messages', { headers: others })
      expect(status).toBe(401)
      expect(JSON.parse(body)).toMatchObject({ error: { type: 'authentication_error' } })
      expect(stub.passed).toHaveLength(before)
    })
  })
})

const ours = Object.entries(optionSets).filter(([, options]) => !isStock(options))

describeWith([caddyTailscale], 'every golden configuration for Caddy with caddy-tailscale', () => {
  test.each(ours)('%s would run', async (_, options) => {
    expect(await whyInvalid(pathOf(caddyTailscale), build(options))).toBeUndefined()
  })

  test('and a field it does not know would be noticed', async () => {
    const config = build(ours[0]?.[1] as CaddyOptions)
    const wrong = { ...config, apps: { ...config.apps, tailscale: { nonsense: 1, nodes: {} } } }
    expect(await whyInvalid(pathOf(caddyTailscale), wrong)).toMatch(/"nonsense"/)
  })
})

describeWith([caddy], 'stock Caddy', () => {
  test.each(ours)('says what it lacks for %s', async (_, options) => {
    expect(await whyInvalid(pathOf(caddy), build(options))).toMatch(/caddy-tailscale/)
  })
})
