import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { postern as cli } from '../cli/ledger-commands.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { type LibsqlServer, startLibsqlServer } from '../support/libsql-server.ts'
import { eventually } from './requests.ts'
import { type Bundle, bundleWorker, startWorker } from './workers.ts'

let bundle: Bundle
let server: LibsqlServer
let upstream: FakeUpstream
let dir: string
let config: object

beforeAll(async () => {
  ;[bundle, server, upstream] = await Promise.all([
    bundleWorker(),
    startLibsqlServer(),
    startUpstream(),
  ])
  dir = await mkdtemp(join(tmpdir(), 'postern-workers-'))
  config = {
    database: { url: server.url },
    providers: { local: { baseurl: upstream.url, models: ['fake-model'] } },
    users: {
      owner: { password: '$2b$04$tkxmauwhlVIeMnO/Oukx1OxQgloLhjxxbVqeEI386CVXAl94WD9AS' },
    },
    quotas: { 'n:<user>': { capacity: '3 requests' } },
    grants: [
      {
        src: ['owner'],
        app: {
          'tailscale.com/cap/aperture': [
            { role: 'admin', models: '**', quotas: [{ bucket: 'n:<user>' }] },
          ],
        },
      },
    ],
  }
  await writeFile(join(dir, 'postern.hujson'), JSON.stringify(config), { mode: 0o600 })
}, 60_000)
afterAll(async () => {
  await Promise.all([server.close(), upstream.stop()])
  await rm(dir, { recursive: true, force: true })
})

const begin = async () => {
  const env = { POSTERN_CONFIG: JSON.stringify(config) }
  const worker = await startWorker({ bundle, env, log: () => {} })
  const { origin } = await worker.ready
  return {
    ask: async () => {
      const answer = await fetch(`${origin}/v1/chat/completions`, {
        method: 'POST',
        headers: {
          authorization: `Basic ${btoa('owner:owner-password')}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ model: 'fake-model', messages: [] }),
      })
      await answer.arrayBuffer()
      return answer.status
    },
    stop: () => worker.dispose(),
  }
}

const left = async () => {
  const { out } = await cli(dir, 'quota', 'list', '--json')
  return (JSON.parse(out) as { bucket: string; balance: number }[])[0]?.balance
}

it('keeps one budget for all isolates, and for those to come', { timeout: 60_000 }, async () => {
  const first = await begin()
  for (const _ of [1, 2]) expect(await first.ask()).toBe(200)
  await eventually(left).toBe(1)
  const second = await begin()
  expect([await second.ask(), await second.ask()]).toEqual([200, 429])
  await eventually(left).toBe(0)
  await Promise.all([first.stop(), second.stop()])

  const third = await begin()
  expect(await third.ask()).toBe(429)
  await third.stop()
  await cli(dir, 'quota', 'refill', 'n:owner', '1 request')
  const fourth = await begin()
  expect([await fourth.ask(), await fourth.ask()]).toEqual([200, 429])
  await eventually(left).toBe(0)
  await fourth.stop()
})
