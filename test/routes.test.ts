import { describe, expect, it } from 'vitest'
import { createApp } from '../src/app.ts'
import type { Platform } from '../src/platform.ts'
import { createState } from '../src/state.ts'
import { testConfig } from './support/config.ts'
import { startWebui } from './support/fake-webui.ts'
import { startTestGateway } from './support/gateway.ts'
import { memoryStore } from './support/store.ts'

/**
 * Every route, and what it answers to a request without credentials, with a forged tailnet identity, with a wrong
 * password, and with a good one (alice). A route without a row here fails the test (hazards 66).
 */
interface Row {
  readonly none: number
  readonly forged: number
  readonly wrong: number
  readonly good: number
}

const open = (status: number): Row => ({
  none: status,
  forged: status,
  wrong: status,
  good: status,
})
const guarded = (good: number): Row => ({ none: 401, forged: 401, wrong: 401, good })

/** 415: past every guard, stopped by the missing body. */
const json = guarded(415)
const wrongMethod = guarded(405)
const missing = guarded(404)

const posts = [
  '/v1/chat/completions',
  '/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/embeddings',
  '/v1/responses',
  '/responses',
  '/v1/rerank',
  '/v1/moderations',
  '/v1/audio/speech',
  '/v1/audio/transcriptions',
  '/v1/audio/translations',
  '/v1/images/generations',
  '/v1/images/edits',
  '/v1/images/variations',
  '/v1/messages',
  '/v1/messages/count_tokens',
]

const table: Readonly<Record<string, Row>> = {
  'GET /healthz': open(200),
  'GET /readyz': open(200),
  ...Object.fromEntries(posts.map((path) => [`POST ${path}`, json])),
  ...Object.fromEntries(
    posts.filter((path) => path.startsWith('/v1/')).map((path) => [`ALL ${path}`, wrongMethod]),
  ),
  'GET /v1/models': guarded(200),
  'GET /models': guarded(200),
  'GET /v1/models/:model{.+}': missing,
  'GET /models/:model{.+}': missing,
  'ALL /v1': missing,
  'ALL /v1/*': missing,
  'ALL /v1beta': missing,
  'ALL /v1beta/*': missing,
  'ALL /postern/*': open(404),
  'ALL /aperture/*': open(404),
  'ALL /metrics': open(404),
  'ALL /api/pull': open(404),
  'ALL /api/push': open(404),
  'ALL /api/create': open(404),
  'ALL /api/copy': open(404),
  'ALL /api/delete': open(404),
  'ALL /api/blobs/*': open(404),
  'GET /ui': open(200),
  // Open WebUI, whose own login is in charge.
  'ALL /*': open(200),
}

const credentials: Readonly<Record<keyof Row, Record<string, string>>> = {
  none: {},
  forged: { 'tailscale-user-login': 'owner', 'x-webauth-user': 'owner', 'remote-user': 'owner' },
  wrong: { authorization: `Basic ${btoa('alice:not-it')}` },
  good: { authorization: `Basic ${btoa('alice:alice-password')}` },
}

const pathOf = (pattern: string): string =>
  pattern.replace(':model{.+}', 'nobody-has-it').replace('*', 'anything')

describe('every route', () => {
  it('has a row in the table, and every row a route', () => {
    const store = memoryStore()
    const clock = { now: () => 0, elapsed: () => 0 }
    const platform = { store, clock, log: () => {} } as unknown as Platform
    const state = createState(platform, { providers: () => [], lookAgain: async () => false })
    const app = createApp(testConfig({ webui: { url: 'http://127.0.0.1:9' } }), platform, state)
    // A route's last handler answers; what stands before it under the same path are its guards.
    const middleware =
      /^(?:requestId|accessLog|requireSoundRequest|findClient|requireOpenDoor|refuseBanned|rateLimit)$/
    const routes = app.routes
      .filter(({ handler }) => !middleware.test(handler.name))
      .map(({ method, path }) => `${method} ${path}`)
    expect([...new Set(routes)].sort()).toEqual(Object.keys(table).sort())
  })

  it.each(Object.keys(credentials) as (keyof Row)[])(
    'answers as the table says: %s',
    async (kind) => {
      const webui = await startWebui()
      // More failures than the table has rows, so that no ban gets in the way.
      const gateway = await startTestGateway({
        webui: { url: webui.url },
        auth_failures: { max: 1000 },
      })
      for (const [route, row] of Object.entries(table)) {
        const [verb = '', pattern = ''] = route.split(' ')
        const method = verb === 'ALL' ? 'PUT' : verb
        const url = gateway.url + pathOf(pattern)
        const response = await fetch(url, { method, headers: credentials[kind] })
        expect.soft(`${route} ${response.status}`).toBe(`${route} ${row[kind]}`)
        await response.arrayBuffer()
      }
      await gateway.stop()
      await webui.stop()
    },
  )
})
