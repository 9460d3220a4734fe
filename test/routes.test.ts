import bcrypt from 'bcryptjs'
import type { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { createApp } from '../src/app/app.ts'
import { createState } from '../src/app/state.ts'
import type { ListenerConfig, Mode } from '../src/config/config.ts'
import type { Bindings, Env } from '../src/gateway/http/env.ts'
import { inspectFraming } from '../src/gateway/http/framing.ts'
import { digestOf, newRandomKey } from '../src/gateway/identity/key-format.ts'
import { createSessionScheme } from '../src/gateway/identity/schemes/session.ts'
import type { LocalApi, Platform } from '../src/platform/platform.ts'
import { testConfig } from './support/config.ts'
import { apiKey } from './support/keys.ts'
import { type Answers, peoplesRoutes, rootRoutes, routes, sampleOf } from './support/routes.ts'
import { memoryStore } from './support/store.ts'

/**
 * Who is proven, by the way a request comes, the credential it carries and the mode: together with support/routes.ts
 * the whole table of route × credential × listener × door. `shut`: 403 whatever it carries; `conflict`:
 * 400, for nothing genuine sends it; `mismatch`: 400 where it matters who is calling; `device`: a caller, but no person.
 */
type Verdict = 'caller' | 'device' | 'nobody' | 'conflict' | 'mismatch' | 'shut'

const key = newRandomKey((count) => crypto.getRandomValues(new Uint8Array(count)))
const keyRow = apiKey({ digest: await digestOf(key), expiresAt: null })

const credentials = {
  none: [],
  placeholder: [['Authorization', 'Bearer not-needed']],
  wrong: [['Authorization', `Basic ${btoa('alice:not-it')}`]],
  good: [['Authorization', `Basic ${btoa('alice:alice-password')}`]],
  'other header': [['X-Api-Key', 'alice:alice-password']],
  key: [['Authorization', `Bearer ${key}`]],
  'key in another header': [['Api-Key', key]],
  'bad key': [['X-Api-Key', newRandomKey((count) => new Uint8Array(count))]],
  // Its token is made below.
  session: [],
  'forged identity': [
    ['Remote-User', 'owner'],
    ['X-Forwarded-User', 'owner'],
    ['X-Real-IP', '127.0.0.1'],
  ],
  'forged login': [['Tailscale-User-Login', 'owner']],
  'forged name': [['X-Webauth-User', 'owner']],
  'look-alike login': [['Tailscale_User_Login', 'owner']],
  'login in dots': [['Tailscale.User.Login', 'owner']],
  'two logins': [
    ['Tailscale-User-Login', 'owner'],
    ['Tailscale-User-Login', 'alice@example.com'],
  ],
} as const satisfies Record<string, readonly (readonly [string, string])[]>

type Credential = keyof typeof credentials

interface Way {
  readonly listener: Partial<ListenerConfig>
  readonly peer: string
  /** What the front adds. */
  readonly headers?: readonly (readonly [string, string])[]
  /** By mode: the verdict without any credential; where it is one verdict it holds in every mode. */
  readonly bare: Verdict | Readonly<Record<Mode, Verdict>>
  /** Where a forged header of this kind meets the front's own, or counts for one. */
  readonly forged?: Partial<Readonly<Record<Credential, Verdict>>>
}

const serve = { identity: 'serve', bind: { kind: 'unix', path: 'tailnet.sock' } } as const
const caddy = {
  identity: 'caddy',
  bind: { kind: 'unix', path: 'caddy.sock' },
  trustedProxies: ['unix'],
} as const
const byTailnet = { local: 'shut', serve: 'caller', funnel: 'nobody', both: 'caller' } as const
const ofDevice = { ...byTailnet, serve: 'device', both: 'device' } as const
const byInternet = { local: 'shut', serve: 'shut', funnel: 'nobody', both: 'nobody' } as const
const fromTailnet = (address: string, ...more: (readonly [string, string])[]) => [
  ['X-Forwarded-For', address] as const,
  ['X-Forwarded-Host', 'gateway.tail.test'] as const,
  ...more,
]
const alice = ['Tailscale-User-Login', 'alice@example.com'] as const

const ways: Readonly<Record<string, Way>> = {
  'this machine': { listener: {}, peer: '127.0.0.1', bare: 'nobody' },
  'the local network': { listener: {}, peer: '192.168.1.9', bare: 'nobody' },
  'an unnamed proxy on this machine': {
    listener: {},
    peer: '127.0.0.1',
    headers: [['X-Forwarded-For', '100.64.0.2']],
    bare: 'nobody',
  },
  'serve, a person': {
    listener: serve,
    peer: 'unix',
    headers: fromTailnet('100.64.0.2', alice),
    bare: byTailnet,
    // A second line beside tailscaled's own.
    forged: { 'forged login': 'conflict' },
  },
  'serve, a tagged node': {
    listener: serve,
    peer: 'unix',
    headers: fromTailnet('100.64.0.4'),
    bare: ofDevice,
    // tailscaled would have deleted it: a sender that is not tailscaled, and so nobody.
    forged: { 'forged login': 'nobody' },
  },
  'serve, an address nobody has': {
    listener: serve,
    peer: 'unix',
    headers: fromTailnet('100.64.0.9', alice),
    bare: { local: 'shut', serve: 'nobody', funnel: 'nobody', both: 'nobody' },
    forged: { 'forged login': 'conflict' },
  },
  'serve, another’s login': {
    listener: serve,
    peer: 'unix',
    headers: fromTailnet('100.64.0.3', alice),
    bare: { local: 'shut', serve: 'mismatch', funnel: 'nobody', both: 'mismatch' },
    forged: { 'forged login': 'conflict' },
  },
  'serve, without an address': {
    listener: serve,
    peer: 'unix',
    headers: [alice],
    bare: byInternet,
    forged: { 'forged login': 'conflict' },
  },
  'funnel, from the internet': {
    listener: serve,
    peer: 'unix',
    headers: fromTailnet('203.0.113.7', ['Tailscale-Funnel-Request', '?1']),
    bare: byInternet,
    forged: { 'forged login': 'conflict' },
  },
  'funnel, marked otherwise': {
    listener: serve,
    peer: 'unix',
    headers: fromTailnet('100.64.0.2', ['Tailscale-Funnel-Request', '']),
    bare: byInternet,
    forged: { 'forged login': 'conflict' },
  },
  'a tailnet address, a person': {
    listener: { identity: 'whois', bind: { kind: 'tcp', host: '100.64.0.1', port: 80 } },
    peer: '100.64.0.2',
    bare: byTailnet,
  },
  'a tailnet address, a stranger': {
    listener: { identity: 'whois', bind: { kind: 'tcp', host: '100.64.0.1', port: 80 } },
    peer: '203.0.113.7',
    bare: byInternet,
  },
  'Caddy, naming a person': {
    listener: caddy,
    peer: 'unix',
    headers: [
      ['X-Forwarded-For', '100.64.0.2'],
      ['X-Webauth-User', 'alice@example.com'],
    ],
    bare: byTailnet,
    forged: { 'forged name': 'conflict' },
  },
  'Caddy, naming nobody': {
    listener: caddy,
    peer: 'unix',
    headers: [['X-Forwarded-For', '203.0.113.7']],
    bare: byInternet,
    // The declared front is whom this listener believes; that Caddy wipes it first is tested with Caddy.
    forged: { 'forged name': 'caller' },
  },
  'Caddy on loopback, without the secret': {
    listener: { ...caddy, bind: { kind: 'tcp', host: '127.0.0.1', port: 1 }, hopSecret: 'secret' },
    peer: '127.0.0.1',
    headers: [
      ['X-Webauth-User', 'alice@example.com'],
      ['X-Gateway-Hop', 'guess'],
    ],
    bare: { local: 'shut', serve: 'nobody', funnel: 'nobody', both: 'nobody' },
    forged: { 'forged name': 'conflict' },
  },
}

const modes = ['local', 'serve', 'funnel', 'both'] as const

const conflicts = new Set<Credential>(['look-alike login', 'login in dots', 'two logins'])

/** Shown, and no good: the weaker proof does not take their place. */
const worthless = new Set<Credential>(['wrong', 'bad key'])

/** The declared table. */
const verdict = (way: Way, credential: Credential, mode: Mode, sessionsCount = false): Verdict => {
  const bare = typeof way.bare === 'string' ? way.bare : way.bare[mode]
  if (conflicts.has(credential)) return 'conflict'
  if (way.forged?.[credential] === 'conflict') return 'conflict'
  if (way.forged?.[credential] === 'caller') return byTailnetNamed[mode]
  if (bare === 'shut') return 'shut'
  if (credential === 'good' || credential === 'other header') return 'caller'
  // A caller, but no person.
  if (credential === 'key' || credential === 'key in another header') return 'device'
  if (credential === 'session' && sessionsCount && bare !== 'mismatch') return 'caller'
  if (credential === 'wrong' || credential === 'bad key') return 'nobody'
  return way.forged?.[credential] ?? bare
}
/** Whom Caddy names is owner here, who may use everything. */
const byTailnetNamed = byTailnet

const expected = (answers: Answers, found: Verdict, here: boolean): number => {
  // Judged before anything else, health included.
  if (found === 'conflict' && answers.always) return 400
  if (answers.always) return answers.caller
  if (found === 'shut') return 403
  if (found === 'conflict') return 400
  if (here && answers.here !== undefined) return answers.here
  if (found === 'mismatch') return answers.nobody === 401 ? 400 : answers.nobody
  return found === 'device' ? (answers.device ?? answers.caller) : answers[found]
}

const whois: Readonly<Record<string, object>> = {
  '100.64.0.2': {
    Node: { Name: 'laptop.tail.test.', ComputedName: 'laptop' },
    UserProfile: { ID: 2, LoginName: 'alice@example.com' },
  },
  '100.64.0.3': {
    Node: { Name: 'phone.tail.test.', ComputedName: 'phone' },
    UserProfile: { ID: 3, LoginName: 'bob@example.com' },
  },
  '100.64.0.4': {
    Node: { Name: 'runner.tail.test.', ComputedName: 'runner', Tags: ['tag:ci'] },
    UserProfile: { ID: 4, LoginName: 'tagged-devices' },
  },
}

const status = { Version: '1.102.3', BackendState: 'Running', TUN: true }

const localApi: LocalApi = async ({ path }) => {
  const address = new URL(path, 'http://local').searchParams.get('addr')?.replace(/:\d+$/, '') ?? ''
  if (path.includes('/status')) return { status: 200, etag: null, body: JSON.stringify(status) }
  const known = whois[address]
  return known
    ? { status: 200, etag: null, body: JSON.stringify(known) }
    : { status: 404, etag: null, body: 'no match for IP:port\n' }
}

const grants = [
  {
    src: ['alice@example.com', 'owner', '*'],
    app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] },
  },
]

const clock = { now: () => 0, elapsed: () => performance.now() }
const sessionSecret = new Uint8Array(32)
const session = await createSessionScheme({
  users: testConfig().users,
  secrets: [sessionSecret],
  fingerprint: (secret) => secret,
  clock,
  newId: () => 'id',
  ended: () => false,
}).issue('alice')

const neverAsked = (): never => {
  throw new Error('only admins get here')
}

/** An app whose Open WebUI always answers 200, or that has none. */
const open = (mode: Mode, sso: 'off' | 'trusted-header' | 'none' = 'off'): Hono<Env> => {
  const store = memoryStore()
  store.changeKeys({ keys: [keyRow], signers: [] })
  const platform: Platform = {
    clock,
    newId: () => 'id',
    random: (count) => new Uint8Array(count),
    send: (_request, sink) => {
      queueMicrotask(() => {
        sink.head(200, [])
        sink.end()
      })
      return { pause: () => {}, resume: () => {}, abort: () => {} }
    },
    passwords: { verify: (password, hash) => bcrypt.compare(password, hash) },
    fingerprint: (secret) => secret,
    sessionSecret,
    store,
    log: () => {},
    tailscale: localApi,
    inflate: { codings: [], open: (_coding, chunks) => chunks },
    waitUntil: () => {},
  }
  const config = testConfig({
    grants,
    ...(sso !== 'none' && { webui: { url: 'http://127.0.0.1:9', sso } }),
    auth_failures: { max: 100_000 },
    rate_limits: [],
  })
  const state = createState(
    platform,
    { providers: () => [], lookAgain: async () => false },
    { read: neverAsked, parse: neverAsked, replace: neverAsked },
  )
  return createApp({ ...config, mode }, platform, state)
}

const local: ListenerConfig = {
  name: 'test',
  bind: { kind: 'tcp', host: '127.0.0.1', port: 8787 },
  identity: 'none',
  hopSecret: undefined,
  trustedProxies: [],
}

const request = async (app: Hono<Env>, route: string, way: Way, credential: Credential) => {
  const { method, path } = sampleOf(route)
  const shown =
    credential === 'session'
      ? [['Cookie', `postern-session=${session}`] as const]
      : credentials[credential]
  const lines = [['Host', 'localhost'], ...(way.headers ?? []), ...shown] as const
  const bindings: Bindings = {
    listener: { ...local, ...way.listener },
    peer: way.peer,
    peerPort: 4711,
    framing: inspectFraming({
      method,
      target: path,
      httpVersion: '1.1',
      rawHeaders: lines.flat(),
    }),
  }
  const headers = new Headers()
  for (const [name, value] of lines) headers.append(name, value)
  return app.fetch(new Request(`http://localhost${path}`, { method, headers }), bindings)
}

// A route's last handler answers; what stands before it under the same path are its guards.
const middleware =
  /^(?:requestId|accessLog|observe|requireSoundRequest|findClient|requireOpenDoor|refuseBanned|rateLimit|pagesForPeople|besideWebui)$/

const routesOf = (app: Hono<Env>): Set<string> =>
  new Set(
    app.routes
      .filter(({ handler }) => !middleware.test(handler.name))
      .map(({ method, path }) => `${method} ${path}`),
  )

/** What in the table is not so. */
const wrongCells = async (
  app: Hono<Env>,
  mode: Mode,
  way: Way,
  table: Readonly<Record<string, Answers>>,
): Promise<string[]> => {
  const wrong: string[] = []
  for (const credential of Object.keys(credentials) as Credential[]) {
    const here = way === ways['this machine'] && !worthless.has(credential)
    for (const [route, answers] of Object.entries(table)) {
      const response = await request(app, route, way, credential)
      const found = verdict(way, credential, mode, answers.session)
      const right = expected(answers, found, here)
      if (response.status !== right) {
        wrong.push(`${credential}: ${route} is ${response.status}, not ${right}`)
      }
      await response.body?.cancel()
    }
  }
  return wrong
}

const cells = modes.flatMap((mode) =>
  Object.entries(ways).map(([name, way]) => ({ mode, name, way })),
)

describe('every route', () => {
  it('has a row in the table, and every row a route', () => {
    expect(routesOf(open('both'))).toEqual(new Set(Object.keys(routes)))
    expect(routesOf(open('both', 'trusted-header'))).toEqual(
      new Set(Object.keys({ ...routes, ...peoplesRoutes })),
    )
    expect(routesOf(open('both', 'none'))).toEqual(
      new Set(Object.keys({ ...routes, ...rootRoutes })),
    )
  })

  it.each(cells)('answers as the table says: mode $mode, by $name', async ({ mode, way }) => {
    expect(await wrongCells(open(mode), mode, way, routes)).toEqual([])
  })

  it.each(cells)(
    'for people answers as the table says: mode $mode, by $name',
    async ({ mode, way }) => {
      const app = open(mode, 'trusted-header')
      expect(await wrongCells(app, mode, way, peoplesRoutes)).toEqual([])
    },
  )

  it.each(cells)(
    'without Open WebUI answers as the table says: mode $mode, by $name',
    async ({ mode, way }) => {
      expect(await wrongCells(open(mode, 'none'), mode, way, rootRoutes)).toEqual([])
    },
  )

  it('of models does not know browser sessions where people are signed on', async () => {
    const app = open('both', 'trusted-header')
    const way = ways['the local network'] as Way
    const api = Object.entries(routes).filter(([route]) =>
      / \/(?:v1(?:alpha|beta)?|ollama\/api)\//.test(route),
    )
    expect(api.filter(([, { session: counts }]) => counts)).toEqual([])
    expect(await wrongCells(app, 'both', way, Object.fromEntries(api))).toEqual([])
  })
})
