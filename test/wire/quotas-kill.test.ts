import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Child, child, dataDir, query } from '../store/fixtures.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { freePort } from '../support/parts/port.ts'
import { aliceHeaders, chat } from '../support/setup.ts'

const KILLS = Number(process.env.POSTERN_TEST_KILLS ?? 3)
const capacity = 1_000_000_000_000

let upstream: FakeUpstream
beforeAll(async () => {
  upstream = await startUpstream(async ({ json, response }) => {
    await sleep(Math.random() * 20)
    response.writeHead(200, { 'content-type': 'application/json' })
    const usage = { prompt_tokens: 10, completion_tokens: json.max_tokens }
    response.end(JSON.stringify({ object: 'chat.completion', choices: [], usage }))
    return true
  })
})
afterAll(() => upstream.stop())

const owner = `Basic ${btoa('owner:owner-password')}`
const configOf = (port: number) => ({
  listeners: [{ name: 'local', bind: `127.0.0.1:${port}` }],
  log: { access: false },
  providers: {
    local: { baseurl: upstream.url, models: ['m'], prices: { '*': { input: 1000, output: 2000 } } },
  },
  users: {
    owner: { password: '$2b$04$tkxmauwhlVIeMnO/Oukx1OxQgloLhjxxbVqeEI386CVXAl94WD9AS' },
    alice: { password: '$2b$04$otTxTBeBJNqjnjxpr8AYnu1j4/5qlDBrWBQDEdm17/4x74JmGbRm6' },
  },
  quotas: { team: { capacity: '$1000.00' }, 'n:<user>': { capacity: '1000k requests' } },
  grants: [
    {
      src: ['alice'],
      app: {
        'tailscale.com/cap/aperture': [
          { role: 'user', models: '**', quotas: [{ bucket: 'team' }, { bucket: 'n:<user>' }] },
        ],
      },
    },
    { src: ['owner'], app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }] } },
  ],
})

interface Shown {
  readonly bucket: string
  readonly balance: number
  readonly held: number
}

describe('budgets under kill -9', () => {
  it('are within two seconds what the rows of the ledger come to', {
    timeout: 240_000,
  }, async () => {
    const dir = dataDir()
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const file = join(dir, 'postern.hujson')
    writeFileSync(file, JSON.stringify(configOf(port)), { mode: 0o600 })
    const start = async (): Promise<Child> => {
      const gateway = child('../../src/cli/main.ts', 'up', '--config', file, '--data', dir)
      gateway.process.stdout?.resume()
      await expect.poll(() => isUp(url), { timeout: 20_000, interval: 20 }).toBe(true)
      return gateway
    }
    const shown = async (): Promise<Record<string, Shown>> => {
      const answer = await fetch(`${url}/api/quotas`, { headers: { authorization: owner } })
      const { quotas } = (await answer.json()) as { quotas: Shown[] }
      return Object.fromEntries(quotas.map((it) => [it.bucket, it]))
    }

    let gateway = await start()
    let rowsBefore = 0
    for (let run = 0; run < KILLS; run++) {
      const load = new AbortController()
      answered = 0
      const workers = Array.from({ length: 16 }, () => spend(url, load.signal))
      await expect.poll(() => answered, { timeout: 10_000, interval: 10 }).toBeGreaterThan(50)
      await sleep(Math.random() * 400)
      await gateway.kill()
      load.abort()
      await Promise.all(workers)

      gateway = await start()
      const from = performance.now()
      const { team, 'n:alice': n } = await shown()
      const took = performance.now() - from
      const [row] = await query(dir, 'SELECT sum(cost_nanousd), count(*) FROM usage')
      const [cost, rows] = row as [number, number]
      expect(rows).toBeGreaterThan(rowsBefore)
      expect(took).toBeLessThan(2000)
      expect([team?.balance, team?.held]).toEqual([capacity - cost, 0])
      expect([n?.balance, n?.held]).toEqual([1_000_000 - rows, 0])
      rowsBefore = rows
    }
  })
})

const isUp = (url: string): Promise<boolean> =>
  fetch(`${url}/healthz`).then(
    ({ ok }) => ok,
    () => false,
  )

let answered = 0

/** Asks for this and that until the gateway is gone. */
const spend = async (url: string, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    const body = { model: 'm', max_tokens: 1 + Math.floor(Math.random() * 50) }
    try {
      const answer = await chat(url, body, { headers: aliceHeaders, signal })
      await answer.arrayBuffer()
      answered++
    } catch {}
  }
}
