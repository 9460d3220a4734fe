import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { setUpBefore, tcp } from '../caddy/set-up.ts'
import { startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { caddyTailscale } from '../support/parts/caddy-tailscale.ts'
import { describeWith } from '../support/parts/need.ts'
import { type Seen, startBackend } from '../support/tailnet/backend.ts'
import { tailnetDomain } from '../support/tailnet/headscale.ts'
import { type Answer, askOver, type HeaderLines } from '../support/tailnet/http.ts'
import { tailnetParts } from '../support/tailnet/programs.ts'
import type { NodeName } from '../support/tailnet/rig.ts'
import { forged } from '../support/tailnet/table.ts'
import { seenBy, tailnetRig } from './scene.ts'

const beyond: HeaderLines = [
  ['X-Webauth-User', 'twice@example.com'],
  ['x_webauth_user', 'underscore-webauth@example.com'],
  ['X.Webauth.User', 'dots-webauth@example.com'],
  ['X-Webauth-Login', 'login@example.com'],
  ['X-Gateway-Hop', 'guessed'],
  ['X-Gateway_Hop', 'guessed-underscore'],
  ['Tailscale.User.Login', 'dots@example.com'],
]
/** Names what the next hop shall not see. */
const connection = ['Connection', 'X-Webauth-User, X-Gateway-Hop, X-Forwarded-For'] as const
const claims = new Set([...forged, ...beyond].map(([, value]) => value))
const secret = 'a-secret-of-thirty-two-characters'

/** Of two Caddys: one before a program that tells what it saw, one before Postern. */
const nodes = { recorder: 'recorder', postern: 'ai' } as const

describeWith([...tailnetParts, caddyTailscale], 'Caddy as a machine of the tailnet', () => {
  const tailnet = tailnetRig()
  const stops: (() => Promise<void>)[] = []
  let postern: TestGateway

  const start = async (name: string, gateway: Parameters<typeof setUpBefore>[0], hop: boolean) => {
    const { headscale } = tailnet.now
    const site = { tls: 'node', name, hop, controlUrl: headscale.url } as const
    const env = {
      TS_AUTHKEY: await headscale.preauthKey({ user: 'alice' }),
      TS_DEBUG_USE_DERP_HTTP: 'true',
      TS_DISABLE_PORTMAPPER: '1',
      TS_NO_LOGS_NO_SUPPORT: 'true',
      ...(hop && { POSTERN_HOP_SECRET: secret }),
    }
    stops.push((await setUpBefore(gateway, site, caddyTailscale, env)).server.stop)
  }

  beforeAll(async () => {
    const socket = join(tailnet.now.folder, 'backend.sock')
    const upstream = await startUpstream()
    stops.push(upstream.stop, (await startBackend(socket)).stop)
    postern = await startTestGateway({
      mode: 'serve',
      front: 'caddy',
      // Tailscale's own names end in ts.net, and need no mention.
      allowed_hosts: [`${nodes.postern}.${tailnetDomain}`],
      listeners: [{ name: 'node', bind: '127.0.0.1:0', identity: 'caddy', hop_secret: secret }],
      providers: { local: { baseurl: upstream.url, models: ['tiny'] } },
      grants: [
        {
          src: ['alice@example.com', 'rené@example.com'],
          app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] },
        },
      ],
      rate_limits: [],
    })
    stops.push(postern.stop)
    await start(nodes.recorder, { kind: 'unix', path: socket }, false)
    await start(nodes.postern, tcp(postern.port), true)
    for (const name of Object.values(nodes)) {
      // Until it knows the others, everybody is a stranger to it.
      const ready = async () => expect([401, 502]).not.toContain((await ask('laptop', name)).status)
      await vi.waitFor(ready, { timeout: 30_000, interval: 100 })
    }
  })
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop()
  })

  const ask = async (from: NodeName, to: string, more: HeaderLines = [], rest = {}) => {
    const host = `${to}.${tailnetDomain}`
    const connection = await tailnet.now.nodes[from].dial(host, 80)
    return askOver(connection, { headers: [['Host', host], ...more], ...rest })
  }
  const codeOf = ({ body }: Answer) => (JSON.parse(body) as { error: { code: string } }).error.code
  const told = ({ headers }: Seen, name: RegExp) => headers.filter(([it]) => name.test(it))

  test.each([
    ['laptop', 'alice@example.com'],
    ['phone', 'bob@example.com'],
    ['tablet', 'rené@example.com'],
    ['mask', '=?utf-8?q?alice=40example.com?='],
  ] as const)(
    'names the owner of %s by the full login, whatever it claims',
    async (from, login) => {
      const seen = seenBy(await ask(from, nodes.recorder, [...forged, ...beyond]))
      const bytes = Buffer.from(login).toString('latin1')
      expect(told(seen, /webauth/i)).toEqual([['X-Webauth-User', bytes]])
      expect(told(seen, /tailscale|gateway|remote/i)).toEqual([])
      expect(seen.headers.filter(([, value]) => claims.has(value))).toEqual([])
      expect(Object.fromEntries(told(seen, /forwarded/i))).toEqual({
        'X-Forwarded-For': await tailnet.now.addressOf(from),
        'X-Forwarded-Host': `${nodes.recorder}.${tailnetDomain}`,
        'X-Forwarded-Proto': 'http',
      })
    },
  )

  test('lets no Connection header take the name or the address away', async () => {
    const seen = seenBy(await ask('phone', nodes.recorder, [connection]))
    expect(told(seen, /webauth/i)).toEqual([['X-Webauth-User', 'bob@example.com']])
    const address = await tailnet.now.addressOf('phone')
    expect(told(seen, /-for$/i)).toEqual([['X-Forwarded-For', address]])
  })

  test('lets no machine in that only has a tag, whatever it claims', async () => {
    const answer = await ask('runner', nodes.recorder, [...forged, ...beyond])
    expect([answer.status, codeOf(answer)]).toEqual([401, 'invalid_credentials'])
  })

  describe('before Postern', () => {
    const chat = {
      method: 'POST',
      path: '/v1/chat/completions',
      body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }] }),
    }
    const json = ['Content-Type', 'application/json'] as const

    test.each([
      ['laptop', 'alice@example.com'],
      ['tablet', 'rené@example.com'],
    ] as const)('%s needs no key, and its row names it', async (from, login) => {
      const headers = [json, connection, ...forged, ...beyond]
      const answer = await ask(from, nodes.postern, headers, chat)
      expect(answer.status).toBe(200)
      const clientIp = await tailnet.now.addressOf(from)
      const row = { login, kind: 'user', door: 'tailnet', clientIp }
      expect(postern.store.usage.at(-1)).toMatchObject(row)
    })

    test.each([
      ['phone', 403, 'no_role'],
      ['mask', 403, 'no_role'],
      ['runner', 401, 'invalid_credentials'],
    ] as const)('%s, which has no grant, gets %i', async (from, status, code) => {
      const answer = await ask(from, nodes.postern, [json, ...forged, ...beyond], chat)
      expect([answer.status, codeOf(answer)]).toEqual([status, code])
    })

    test.each([
      [],
      [['X-Gateway-Hop', 'guessed']],
      [['X-Gateway-Hop', '{env.POSTERN_HOP_SECRET}']],
    ])('believes no program of this machine that goes around Caddy, with %j', async (...hop) => {
      const headers = [['X-Webauth-User', 'alice@example.com'], ...hop] as [string, string][]
      const answer = await fetch(`${postern.url}/v1/models`, { headers })
      expect(answer.status).toBe(401)
    })
  })
})
