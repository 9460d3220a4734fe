import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLocalApi } from '../../src/adapter/node/tailscaled/localapi.ts'
import { setUpBefore, tcp } from '../caddy/set-up.ts'
import { TEST_PASSWORDS } from '../support/config.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { caddy } from '../support/parts/caddy.ts'
import { describeWith } from '../support/parts/need.ts'
import { freePort } from '../support/parts/port.ts'
import { type Seen, startBackend } from '../support/tailnet/backend.ts'
import { served } from '../support/tailnet/doorways.ts'
import type { Answer, HeaderLines } from '../support/tailnet/http.ts'
import { capability } from '../support/tailnet/people.ts'
import { tailnetParts } from '../support/tailnet/programs.ts'
import { gatewayName, type NodeName } from '../support/tailnet/rig.ts'
import { forged } from '../support/tailnet/table.ts'
import { seenBy, tailnetRig } from './scene.ts'

/** Where tailscaled listens: for the program itself, and for Caddy before it. */
const doors = { bare: 90, socket: 80, loopback: 8080, funnel: 443, gateway: 8443 } as const

/** What tailscaled does not know, and passes. */
const beyond: HeaderLines = [
  ['Tailscale.User.Login', 'dots@example.com'],
  ['Tailscale-User.Login', 'dot@example.com'],
  ['TAILSCALE_USER_LOGIN', 'shouting@example.com'],
  ['X-Tailscale-User-Login', 'prefixed@example.com'],
  ['Tailscale-Ingress-Target', 'target.example.net:443'],
  ['X-Gateway-Hop', 'secret'],
  ['X-Gateway-Client-Ip', '198.51.100.10'],
  ['X.Forwarded.For', '198.51.100.11'],
  ['X-Client-IP', '198.51.100.12'],
  ['CF-Connecting-IP', '198.51.100.13'],
  ['Remote_User', 'root-underscore'],
  ['X-Remote-User', 'root-prefixed'],
  ['X-Auth-Request-Email', 'request@example.com'],
]
const headers: HeaderLines = [['Host', gatewayName], ...forged, ...beyond]
const claims = new Set([...forged, ...beyond].map(([, value]) => value))

const told = ({ headers: lines }: Seen, name: RegExp) => lines.filter(([it]) => name.test(it))
const tailscale = (seen: Seen) => told(seen, /tailscale/i).toSorted()
const forwarded = (seen: Seen) => Object.fromEntries(told(seen, /forwarded/i))

describeWith([...tailnetParts, caddy], 'Caddy behind tailscale serve', () => {
  const tailnet = tailnetRig()
  const stops: (() => Promise<void>)[] = []
  let upstream: FakeUpstream
  let postern: TestGateway

  beforeAll(async () => {
    const rig = tailnet.now
    const path = (name: string) => join(rig.folder, name)
    const unix = (name: string) => ({ kind: 'unix', path: path(name) }) as const
    upstream = await startUpstream()
    stops.push(upstream.stop, (await startBackend(path('backend.sock'))).stop)
    postern = await startTestGateway(
      {
        mode: 'both',
        front: 'caddy',
        listeners: [
          { name: 'tailnet', bind: `unix:${path('private/postern.sock')}`, identity: 'serve' },
        ],
        providers: { local: { baseurl: upstream.url, models: ['tiny'] } },
        grants: [
          {
            src: ['alice@example.com', 'rené@example.com', 'tag:ci', 'owner'],
            app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] },
          },
        ],
        rate_limits: [],
      },
      { platform: { tailscale: createLocalApi({ socket: () => rig.nodes.gateway.socket }) } },
    )
    stops.push(postern.stop)
    const port = await freePort()
    const edge = { tls: 'serve', listen: [unix('edge.sock'), tcp(port)] } as const
    stops.push((await setUpBefore(unix('backend.sock'), edge, caddy)).server.stop)
    const whole = { tls: 'serve', listen: [unix('whole.sock')] } as const
    stops.push((await setUpBefore(unix('private/postern.sock'), whole, caddy)).server.stop)
    const target = { socket: path('edge.sock') }
    const acceptAppCaps = [capability]
    const doorways = [
      { port: doors.bare, target: { socket: path('backend.sock') }, acceptAppCaps },
      { port: doors.socket, target, acceptAppCaps },
      { port: doors.loopback, target: { port }, acceptAppCaps },
      { port: doors.funnel, target, acceptAppCaps, kind: 'https', funnel: true },
      { port: doors.gateway, target: { socket: path('whole.sock') }, kind: 'https', funnel: true },
    ] as const
    await rig.serve(served(gatewayName, doorways))
  })
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop()
  })

  const ask = async (from: NodeName, port: number, tls = false) =>
    seenBy(await tailnet.now.ask(from, { headers }, { port, tls }))
  const outside = (from: string) => tailnet.now.funnel({ headers }, { from })

  describe.each(['socket', 'loopback'] as const)('on a %s', (door) => {
    test.each(['laptop', 'phone', 'runner', 'tablet', 'mask'] as const)(
      'hands on what Serve says of %s, to the letter, and nothing that it claims',
      async (from) => {
        const [bare, behind] = [await ask(from, doors.bare), await ask(from, doors[door])]
        const genuine = tailscale(bare).filter(([, value]) => !claims.has(value))
        expect(tailscale(behind)).toEqual(genuine)
        expect(behind.headers.filter(([, value]) => claims.has(value))).toEqual([])
      },
    )

    test('hands on where the caller is, once, and what it asked for', async () => {
      expect(forwarded(await ask('phone', doors[door]))).toEqual({
        'X-Forwarded-For': await tailnet.now.addressOf('phone'),
        'X-Forwarded-Host': gatewayName,
        'X-Forwarded-Proto': 'http',
      })
    })
  })

  test('knows of the TLS that tailscaled ended', async () => {
    const seen = await ask('laptop', doors.funnel, true)
    expect(forwarded(seen)).toMatchObject({ 'X-Forwarded-Proto': 'https' })
    expect(told(seen, /^tailscale-user-login$/i)).toHaveLength(1)
  })

  test.each([
    ['203.0.113.7:55555', '203.0.113.7'],
    ['[2001:db8::7]:55555', '2001:db8::7'],
  ])('keeps the mark and the address of a stranger at %s', async (from, address) => {
    const seen = seenBy(await outside(from))
    expect(tailscale(seen)).toEqual([['Tailscale-Funnel-Request', '?1']])
    expect(seen.headers.filter(([, value]) => claims.has(value))).toEqual([])
    expect(forwarded(seen)).toEqual({
      'X-Forwarded-For': address,
      'X-Forwarded-Host': gatewayName,
      'X-Forwarded-Proto': 'https',
    })
  })

  describe('before Postern', () => {
    const body = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }] })
    const chat = (...more: HeaderLines) => ({
      method: 'POST',
      path: '/v1/chat/completions',
      headers: [
        ['Host', gatewayName],
        ['Content-Type', 'application/json'],
        ...more,
      ] as HeaderLines,
      body,
    })
    const basic = (password: string) =>
      ['Authorization', `Basic ${btoa(`owner:${password}`)}`] as const
    const through = { port: doors.gateway, tls: true }
    const target = `${gatewayName}:${doors.gateway}`
    const fromOutside = (from: string, ...more: HeaderLines) =>
      tailnet.now.funnel(chat(...more), { from: `${from}:55555`, target })
    const codeOf = ({ body: text }: Answer) =>
      (JSON.parse(text) as { error: { code: string } }).error.code

    test.each([
      ['laptop', 'alice@example.com', 'user'],
      ['tablet', 'rené@example.com', 'user'],
      ['runner', 'tag:ci', 'node'],
    ] as const)('%s needs no key, and its row names it', async (from, login, kind) => {
      const answer = await tailnet.now.ask(from, chat(...forged, ...beyond), through)
      expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 200 })
      const clientIp = await tailnet.now.addressOf(from)
      const row = { login, kind, node: from, door: 'tailnet', clientIp }
      expect(postern.store.usage.at(-1)).toMatchObject(row)
    })

    test('phone, which has no grant, is known and refused', async () => {
      const answer = await tailnet.now.ask('phone', chat(...forged, ...beyond), through)
      expect([answer.status, codeOf(answer)]).toEqual([403, 'no_role'])
    })

    test('the internet needs a password, and its row has the real address', async () => {
      const refused = await fromOutside('203.0.113.7', ...forged, ...beyond)
      expect(refused.status).toBe(401)
      const let_in = await fromOutside('203.0.113.7', ...beyond, basic(TEST_PASSWORDS.owner))
      expect(let_in.status).toBe(200)
      const row = { login: 'owner', node: null, door: 'public', clientIp: '203.0.113.7' }
      expect(postern.store.usage.at(-1)).toMatchObject(row)
    })

    test('guessing bans that address of the internet, and neither tailscaled nor Caddy', async () => {
      for (let i = 1; i <= 5; i++) {
        const guessed = await fromOutside('203.0.113.66', basic(`wrong ${i}`))
        expect(guessed.status).toBe(401)
      }
      // A few wrong ones more are looked at, as a right one would pass.
      for (let i = 1; i <= 4; i++) await fromOutside('203.0.113.66', basic(`another ${i}`))
      const banned = await fromOutside('203.0.113.66', basic(TEST_PASSWORDS.owner))
      expect(codeOf(banned)).toMatch(/banned|too_many_failures/)
      expect((await fromOutside('203.0.113.67', basic(TEST_PASSWORDS.owner))).status).toBe(200)
      expect((await tailnet.now.ask('laptop', chat(), through)).status).toBe(200)
    })
  })
})
