import { connect } from 'node:net'
import { performance } from 'node:perf_hooks'
import { afterAll, beforeAll } from 'vitest'
import { createLocalApi } from '../../src/adapter/node/localapi.ts'
import { type FakeTailscaled, type Front, startFakeTailscaled } from './fake-tailscaled.ts'
import { type FakeUpstream, startUpstream } from './fake-upstream.ts'
import { type FakeWebui, startWebui } from './fake-webui.ts'
import { startTestGateway, type TestGateway } from './gateway.ts'
import { freePort } from './parts/server.ts'
import { models } from './setup-models.ts'
import { type Answer, type Ask, askOver, type HeaderLines } from './tailnet/http.ts'

/** The whole gateway behind a made-up tailscaled: three listeners, one model server, one Open WebUI. */
export interface Doors {
  readonly gateway: TestGateway
  readonly tailscaled: FakeTailscaled
  readonly upstream: FakeUpstream
  readonly webui: FakeWebui
  /** Serve and Funnel on one port, leading to the gateway's socket. */
  readonly front: Front
  /** Path of that socket. */
  readonly socket: string
  /** Serve and Funnel again, leading to a port of loopback. */
  readonly loopback: Front
  /** That port. */
  readonly port: number
  /** Lets ms pass on the gateway's clocks, so that what it remembers grows old. */
  pass(ms: number): void
}

export type Overrides = Readonly<Record<string, unknown>>

/** A grant to callers named so, of the models of one provider or all. */
export const grant = (src: readonly string[], modelsOf = 'local/**', more: object = {}) => ({
  src,
  ...more,
  app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: modelsOf }] },
})

/** Who may do what here. */
export const grants = [
  { src: ['owner'], app: { 'tailscale.com/cap/aperture': [{ role: 'admin', models: '**' }] } },
  grant(['group:family', 'bob@example.com', 'rené@example.com', 'tag:ci']),
]

/** The capability in which the tailnet's policy may grant something. */
export const capability = 'example.com/cap/gateway'

const at = (id: number) => [`100.64.0.${id}`, `fd7a:115c:a1e0::${id}`]
const address = (id: number) => `100.64.0.${id}`

/** The people of the made-up tailnet, by address. Alice, Bob and René have a grant, `tag:ci` as well. */
export const laptop = address(2)
export const laptop6 = 'fd7a:115c:a1e0::2'
export const phone = address(3)
export const runner = address(4)
export const server = address(5)
export const tablet = address(6)
export const mask = address(7)
export const evil = address(8)
export const guest = address(9)
export const noisy = address(10)
/** An address of the tailnet that no node has. */
export const nobody = address(99)
/** Addresses on the internet. */
export const stranger = '203.0.113.7'
export const another = '203.0.113.8'

const people = () => [
  { name: 'laptop', addresses: at(2), login: 'alice@example.com', displayName: 'Alice Ünï' },
  { name: 'phone', addresses: at(3), login: 'Bob@Example.com' },
  { name: 'runner', addresses: at(4), tags: ['tag:ci'] },
  { name: 'server', addresses: at(5), tags: ['tag:web'] },
  { name: 'tablet', addresses: at(6), login: 'rené@example.com', displayName: 'René' },
  // Read as what a header makes of letters (RFC 2047), this would be alice.
  { name: 'mask', addresses: at(7), login: '=?utf-8?q?alice=40example.com?=' },
  { name: 'evil', addresses: at(8), login: 'alice@evil.example' },
  { name: 'box.other.ts.net', addresses: at(9), login: 'eve@other.example', shareeNode: true },
  { name: 'noisy', addresses: at(10), login: 'carol@example.com', displayName: hostileName },
]

/** What somebody may call themselves. */
export const hostileName = `<script>alert(1)</script>"\\\u001b]0;x\u2028${'x'.repeat(8000)}`

export const startDoors = async (overrides: Overrides = {}): Promise<Doors> => {
  const upstream = await startUpstream({})
  const webui = await startWebui()
  const tailscaled = await startFakeTailscaled({ people: people() })
  const port = await freePort()
  let ahead = 0
  const gateway = await startTestGateway(
    {
      mode: 'both',
      listeners: [
        { name: 'local', bind: '127.0.0.1:0' },
        { name: 'tailnet', bind: 'unix:tailnet.sock', identity: 'serve' },
        // Not port 0 twice: a listener is known by what it binds.
        { name: 'loopback', bind: `127.0.0.1:${port}`, identity: 'serve' },
      ],
      tailscale: { capabilities: [capability] },
      webui: { url: webui.url },
      providers: { local: { baseurl: upstream.url, models } },
      grants,
      ...overrides,
    },
    {
      platform: {
        tailscale: createLocalApi({ socket: () => tailscaled.socket }),
        clock: { now: () => Date.now() + ahead, elapsed: () => performance.now() + ahead },
      },
    },
  )
  const socket = gateway.gateway.addresses.get('tailnet')?.slice('unix:'.length) ?? ''
  return {
    gateway,
    tailscaled,
    upstream,
    webui,
    socket,
    port,
    front: tailscaled.front({ socket }, { funnel: true }),
    loopback: tailscaled.front({ port }, { funnel: true }),
    pass: (ms) => {
      ahead += ms
    },
  }
}

export const stopDoors = async ({ gateway, tailscaled, upstream, webui }: Doors): Promise<void> => {
  await tailscaled.stop()
  await gateway.stop()
  await Promise.all([upstream.stop(), webui.stop()])
}

/** Doors for a whole test file. */
export const doorsForFile = (overrides: Overrides = {}): { readonly now: Doors } => {
  let doors: Doors | undefined
  beforeAll(async () => {
    doors = await startDoors(overrides)
  })
  afterAll(async () => {
    if (doors) await stopDoors(doors)
  })
  return {
    get now() {
      if (!doors) throw new Error('not started')
      return doors
    },
  }
}

/** The list of models, which wants a caller. */
export const list = (headers: HeaderLines = []): Ask => ({
  path: '/v1/models',
  headers: [...hostUnless(headers), ...headers],
})

/** A chat completion. */
export const completion = (headers: HeaderLines = [], model = 'm'): Ask => ({
  method: 'POST',
  path: '/v1/chat/completions',
  headers: [...hostUnless(headers), ['Content-Type', 'application/json'], ...headers],
  body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
})

/** The name that callers use. */
export const name = 'gateway.tail.test'

const hostUnless = (headers: HeaderLines): HeaderLines =>
  headers.some(([header]) => header.toLowerCase() === 'host') ? [] : [['Host', name]]

export const basic = (user: string, password = `${user}-password`) =>
  ['Authorization', `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`] as const

/** Asks the gateway's socket itself, as whoever may open it. */
export const knock = (socket: string, ask: Ask): Promise<Answer> => askOver(connect(socket), ask)

/** The error code of a refusal, whatever its dialect. */
export const codeOf = ({ body }: Answer): string | undefined =>
  /"(?:code|reason)":"([a-z_]+)"/.exec(body)?.[1]
