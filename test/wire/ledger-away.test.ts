import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@libsql/client'
import { hashSync } from 'bcryptjs'
import { expect, it, onTestFinished, vi } from 'vitest'
import { startUpstream } from '../support/fake-upstream.ts'
import { startLibsqlServer } from '../support/libsql-server.ts'
import { startPostern } from '../support/postern.ts'
import { type Mode, relay } from '../support/relay.ts'
import { chat } from '../support/setup.ts'

/** `POSTERN_TEST_AWAY_MS=60000` is a minute, as an outage may be. */
const AWAY_MS = Number(process.env.POSTERN_TEST_AWAY_MS ?? 4000)

/** The worst of what people wait for at all times: a stop of the world would be far longer. */
const LONGEST_MS = 1000

it.each<Mode>(['drops', 'hangs'])(
  'a remote ledger that %s for a while holds up nobody, and has every row once afterwards',
  { timeout: AWAY_MS + 60_000 },
  async (mode) => {
    const server = await startLibsqlServer({ authToken: 'a-token' })
    onTestFinished(() => server.close())
    const { url, become } = await relay(server.url)
    const upstream = await startUpstream({ models: ['m'] })
    onTestFinished(() => upstream.stop())
    process.env.POSTERN_TEST_LEDGER_TOKEN = 'a-token'
    onTestFinished(() => void delete process.env.POSTERN_TEST_LEDGER_TOKEN)
    const entry = { role: 'user', models: '**' }
    const postern = await startPostern({
      config: {
        users: { alice: { password: hashSync('alice-password', 4) } },
        database: { url, auth_token: 'env:POSTERN_TEST_LEDGER_TOKEN' },
        providers: { local: { baseurl: upstream.url, models: ['m'] } },
        rate_limits: [],
        grants: [{ src: ['alice'], app: { 'tailscale.com/cap/aperture': [entry] } }],
      },
    })
    onTestFinished(() => postern.stop())

    let answered = 0
    let slowest = 0
    const over = new AbortController()
    const work = async () => {
      while (!over.signal.aborted) {
        const from = performance.now()
        const answer = await chat(postern.url, { model: 'm' })
        await answer.arrayBuffer()
        expect(answer.status).toBe(200)
        slowest = Math.max(slowest, performance.now() - from)
        answered++
        await sleep(20)
      }
    }
    const working = Promise.all([work(), work(), work(), work()])
    await sleep(500)
    become(mode)
    await sleep(AWAY_MS)
    const during = answered
    become('up')
    await sleep(500)
    over.abort()
    await working

    expect(during).toBeGreaterThan(AWAY_MS / 50)
    expect(slowest).toBeLessThan(LONGEST_MS)
    const client = createClient({ url: server.url, authToken: 'a-token' })
    onTestFinished(() => client.close())
    const rows = async () =>
      (await client.execute('SELECT count(*), count(DISTINCT request_id) FROM usage')).rows[0]
    const all = async () =>
      expect(Object.values((await rows()) ?? {})).toEqual([answered, answered])
    await vi.waitFor(all, { timeout: 30_000, interval: 200 })
  },
)
