import { readdir, readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { type Client, createClient } from '@libsql/client'
import Database from 'libsql'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type LibsqlServer, startLibsqlServer } from '../support/libsql-server.ts'
import { eventually } from './requests.ts'
import { runtimeSuite } from './suite.ts'
import { type Bundle, bundleWorker, startOnWorkers, startWorker } from './workers.ts'

runtimeSuite('Cloudflare Workers', startOnWorkers)

describe('the Worker', () => {
  let bundle: Bundle
  let server: LibsqlServer
  let client: Client
  let stop: (() => Promise<void>)[]

  beforeAll(async () => {
    bundle = await bundleWorker()
  }, 60_000)

  beforeEach(async () => {
    server = await startLibsqlServer()
    client = createClient({ url: server.url })
    stop = [server.close, async () => client.close()]
  })

  afterEach(async () => {
    for (const end of stop.reverse()) await end()
  })

  const begin = async (env: Record<string, string>) => {
    const lines: string[] = []
    const worker = await startWorker({ bundle, env, log: (line) => lines.push(line) })
    stop.push(() => worker.dispose())
    const { origin } = await worker.ready
    return { lines, ask: (path: string, init?: RequestInit) => fetch(origin + path, init) }
  }

  const configured = (more: object = {}) => ({
    POSTERN_CONFIG: JSON.stringify({
      database: { url: server.url },
      users: {
        owner: { password: '$2b$04$tkxmauwhlVIeMnO/Oukx1OxQgloLhjxxbVqeEI386CVXAl94WD9AS' },
      },
      ...more,
    }),
  })
  const owner = { authorization: 'Bearer owner:owner-password' }

  it('carries every migration, and every file of the dashboard', async () => {
    const folders = ['ledger/store/migrations', 'admin/dashboard/assets'].map((folder) =>
      readdir(new URL(`../../src/${folder}`, import.meta.url)),
    )
    const bundled = Object.keys(bundle).filter((name) => name !== 'main.js')
    const names = bundled.map((name) => name.replace(/^[0-9a-f]{40}-/, ''))
    expect(new Set(names)).toEqual(new Set((await Promise.all(folders)).flat()))
  })

  it('serves the files of the dashboard', async () => {
    const { ask } = await begin(configured())
    const page = await ask('/ui/models', { headers: { ...owner, accept: 'text/html' } })
    const html = await page.text()
    expect(html).toContain('postern/demo')
    const style = /href="(\/ui\/assets\/[^"]+\.css)"/.exec(html)?.[1] ?? ''
    const file = await readFile(
      new URL('../../src/admin/dashboard/assets/style.css', import.meta.url),
      'utf8',
    )
    expect(await (await ask(style)).text()).toBe(file)
  })

  it('fits a deployment with room to spare: 3 MB compressed is what the smallest plan takes', () => {
    const whole = Object.values(bundle).map(({ contents }) => contents)
    expect(gzipSync(whole.join('')).length).toBeLessThan(750_000)
  })

  it('answers 500 without a configuration, and says in the log alone what to do', async () => {
    const { ask, lines } = await begin({})
    const response = await ask('/v1/models')
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('POSTERN_CONFIG')
    await eventually(() => lines.join('\n')).toContain('wrangler secret put POSTERN_CONFIG')
  })

  it('logs each problem of a configuration on a line of its own', async () => {
    const { ask, lines } = await begin({ POSTERN_CONFIG: '{ "fornt": "none", "mode": 7 }' })
    expect((await ask('/')).status).toBe(500)
    await eventually(() =>
      lines.filter((line) => line.includes('config.error')).map((line) => JSON.parse(line).reason),
    ).toEqual([
      expect.stringContaining('no users are defined'),
      expect.stringContaining(':1:3: '),
      expect.stringContaining(':1:28: '),
    ])
  })

  it('serves the demo model when no provider is configured', async () => {
    const { ask } = await begin(configured())
    const list = (await (await ask('/v1/models', { headers: owner })).json()) as {
      data: { id: string }[]
    }
    expect(list.data.map(({ id }) => id)).toEqual(['postern/demo'])
    const answer = await ask('/v1/chat/completions', {
      method: 'POST',
      headers: { ...owner, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'postern/demo', messages: [{ role: 'user', content: 'hi' }] }),
    })
    expect(await answer.json()).toMatchObject({ object: 'chat.completion' })
  })

  it('keeps people signed in across isolates by the secret it was given', async () => {
    const secret = { POSTERN_SESSION_SECRET: 'thirty-two-characters-or-more-of-it' }
    const config = configured({ webui: { url: 'http://127.0.0.1:1', sso: 'trusted-header' } })
    const first = await begin({ ...config, ...secret })
    const signed = await first.ask('/postern/login', {
      method: 'POST',
      redirect: 'manual',
      headers: { 'sec-fetch-site': 'same-origin' },
      body: new URLSearchParams({ user: 'owner', password: 'owner-password' }),
    })
    expect(signed.status).toBe(303)
    const cookie = signed.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    // 502: let in, and there is no Open WebUI.
    const second = await begin({ ...config, ...secret })
    expect((await second.ask('/', { headers: { cookie } })).status).toBe(502)
    const other = await begin(config)
    expect((await other.ask('/', { headers: { cookie } })).status).toBe(401)
    await eventually(() => other.lines.join('\n')).toContain('POSTERN_SESSION_SECRET is not set')
  })

  it('shuts out in a new isolate whom another one has banned', async () => {
    const banned = { 'cf-connecting-ip': '198.51.100.77' }
    const first = await begin(configured({ auth_failures: { max: 2 } }))
    for (const password of ['a', 'b']) {
      const headers = { ...banned, authorization: `Bearer owner:${password}` }
      expect((await first.ask('/v1/models', { headers })).status).toBe(401)
    }
    await eventually(
      async () => (await client.execute('SELECT address FROM bans')).rows[0]?.address,
    ).toBe('198.51.100.77')
    const second = await begin(configured())
    const wrong = { ...banned, authorization: 'Bearer owner:c' }
    expect((await second.ask('/v1/models', { headers: wrong })).status).toBe(429)
    expect((await second.ask('/v1/models', { headers: banned })).status).toBe(429)
    expect((await second.ask('/v1/models', { headers: { ...banned, ...owner } })).status).toBe(200)
    expect((await second.ask('/v1/models', { headers: owner })).status).toBe(200)
  })

  it('answers while the database is locked, and writes the row when it is free again', async () => {
    const { ask } = await begin(configured())
    expect((await ask('/v1/models', { headers: owner })).status).toBe(200)
    const rows = async () => (await client.execute('SELECT count(*) AS n FROM usage')).rows[0]?.n
    await eventually(rows).toBe(1)
    const other = new Database(server.path)
    other.exec('BEGIN IMMEDIATE')
    expect((await ask('/v1/models', { headers: owner })).status).toBe(200)
    expect(await rows()).toBe(1)
    other.exec('COMMIT')
    other.close()
    await eventually(rows).toBe(2)
  })

  it('answers while the database is out of reach', async () => {
    const { ask } = await begin(configured({ database: { url: 'http://127.0.0.1:1' } }))
    const started = performance.now()
    expect((await ask('/v1/models', { headers: owner })).status).toBe(200)
    expect(performance.now() - started).toBeLessThan(4000)
  })
})
