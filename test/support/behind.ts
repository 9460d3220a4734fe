import { connect } from 'node:net'
import { performance } from 'node:perf_hooks'
import { createLocalApi } from '../../src/adapter/node/tailscaled/localapi.ts'
import { type FakeUpstream, type Script, startUpstream } from './fake-upstream.ts'
import { type FakeWebui, startWebui } from './fake-webui.ts'
import { startTestGateway, type TestGateway } from './gateway.ts'
import { freePort } from './parts/port.ts'
import { models } from './setup-models.ts'
import { type Answer, type Ask, askOver, type HeaderLines } from './tailnet/http.ts'

/** The whole gateway, with one model server and one Open WebUI, where a tailscaled can lead to it. */
export interface Behind {
  readonly gateway: TestGateway
  readonly upstream: FakeUpstream
  readonly webui: FakeWebui
  /** Path of a socket of identity `serve`. */
  readonly socket: string
  /** A port of loopback of the same identity. */
  readonly port: number
  /** Lets ms pass on the gateway's clocks, so that what it remembers grows old. */
  pass(ms: number): void
  stop(): Promise<void>
}

export type Overrides = Readonly<Record<string, unknown>>

export interface BehindOptions {
  /** Socket of the LocalAPI. */
  readonly localApi: string
  /** Top-level keys of the configuration. */
  readonly config?: Overrides
  readonly script?: Script
  /** Listeners beside `local`, `tailnet` and `loopback`. */
  readonly listeners?: readonly object[]
}

/** Starts it in mode `both`: listener `local` believes nobody, `tailnet` and `loopback` what serve says. */
export const startBehind = async (options: BehindOptions): Promise<Behind> => {
  const { localApi, config = {}, script = {}, listeners = [] } = options
  const upstream = await startUpstream(script)
  const webui = await startWebui()
  const port = await freePort()
  let ahead = 0
  const file = {
    mode: 'both',
    listeners: [
      { name: 'local', bind: '127.0.0.1:0' },
      { name: 'tailnet', bind: 'unix:tailnet.sock', identity: 'serve' },
      // Not port 0 twice: a listener is known by what it binds.
      { name: 'loopback', bind: `127.0.0.1:${port}`, identity: 'serve' },
      ...listeners,
    ],
    webui: { url: webui.url },
    providers: { local: { baseurl: upstream.url, models: [...models, ...known(script)] } },
    ...config,
  }
  const platform = {
    tailscale: createLocalApi({ socket: () => localApi }),
    clock: { now: () => Date.now() + ahead, elapsed: () => performance.now() + ahead },
  }
  const gateway = await startTestGateway(file, { platform })
  return {
    gateway,
    upstream,
    webui,
    port,
    socket: gateway.gateway.addresses.get('tailnet')?.slice('unix:'.length) ?? '',
    pass: (ms) => {
      ahead += ms
    },
    stop: async () => {
      await gateway.stop()
      await Promise.all([upstream.stop(), webui.stop()])
    },
  }
}

const known = ({ byModel = {} }: Script) => Object.keys(byModel)

/** A grant to callers named so, of the models of one provider or all. */
export const grant = (src: readonly string[], modelsOf = 'local/**', more: object = {}) => ({
  src,
  ...more,
  app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: modelsOf }] },
})

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
