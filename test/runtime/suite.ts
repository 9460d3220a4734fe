import type { Client } from '@libsql/client'
import { afterAll, beforeAll, describe } from 'vitest'
import { startUpstream, stream } from '../support/fake-upstream.ts'
import { accessCases } from './cases/access.ts'
import { answerCases } from './cases/answers.ts'
import { brokenCases } from './cases/broken.ts'
import { ledgerCases } from './cases/ledger.ts'
import { webuiCases } from './cases/webui.ts'
import { type FakeWebui, startWebui } from './fake-webui.ts'

/** A gateway on some runtime. */
export interface Runtime {
  /** `http://127.0.0.1:port` */
  readonly url: string
  /** Its database, to look at the rows. */
  readonly database: Client
  /** Headers that make a request come from this address. */
  from(ip: string): Record<string, string>
  stop(): Promise<void>
}

/** Top-level keys of a configuration file. */
export type ConfigText = Readonly<Record<string, unknown>>

/** What the cases work with. Filled before the first of them runs. */
export interface Bench {
  gateway: Runtime
  upstream: Awaited<ReturnType<typeof startUpstream>>
  webui: FakeWebui
}

/** Costs a millisecond each: bcrypt at cost 4. `alice` may use `local/**`, `bob` has no role, `carol` is seldom seen. */
const users = {
  alice: {
    password: '$2b$04$otTxTBeBJNqjnjxpr8AYnu1j4/5qlDBrWBQDEdm17/4x74JmGbRm6',
    login: 'alice@example.com',
  },
  bob: { password: '$2b$04$n3mhc6MVrV1D/iKLYXB24Obnl87nnlYUSIEOZ750jwsjodtPmAAqe' },
  carol: { password: '$2b$04$kjb1ClObdJ/VQSxzdi94WOcBDviXcnWEU.OMIjTYsP5AKKWaxwlPi' },
}

const models = ['fake-model', 'endless', 'silent', 'dies-rst', 'dies-fin']

const configFor = (upstream: string, webui: string): ConfigText => ({
  providers: {
    local: {
      baseurl: upstream,
      models,
      apikey: 'provider-key',
      compatibility: { openai_chat: true, anthropic_messages: true },
    },
    secret: { baseurl: upstream, models: ['secret-model'] },
  },
  users,
  grants: [
    {
      src: ['alice@example.com'],
      app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: 'local/**' }] },
    },
  ],
  limits: { body: '64KiB' },
  auth_failures: { max: 3, window: '10m', ban: '15m' },
  webui: { url: webui },
})

/** The same behaviour on every runtime: one suite, run against each adapter. */
export const runtimeSuite = (
  name: string,
  start: (config: ConfigText) => Promise<Runtime>,
): void => {
  describe(`the gateway on ${name}`, () => {
    const bench = {} as Bench

    beforeAll(async () => {
      const endless = stream({ frames: Array.from({ length: 2000 }, () => ' word'), gap: 10 })
      bench.upstream = await startUpstream({ models, byModel: { endless } })
      bench.webui = await startWebui()
      bench.gateway = await start(configFor(bench.upstream.url, bench.webui.url))
    }, 60_000)

    afterAll(async () => {
      await bench.gateway?.stop()
      await bench.upstream?.stop()
      await bench.webui?.stop()
    })

    describe('access', () => accessCases(bench))
    describe('answers', () => answerCases(bench))
    describe('what breaks off', () => brokenCases(bench))
    describe('the ledger', () => ledgerCases(bench))
    describe('Open WebUI behind it', () => webuiCases(bench))
  })
}
