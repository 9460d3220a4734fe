import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { postern as cli } from '../cli/ledger-commands.ts'
import { type LibsqlServer, startLibsqlServer } from '../support/libsql-server.ts'
import { eventually } from './requests.ts'
import { type Bundle, bundleWorker, startWorker } from './workers.ts'

const users = {
  owner: { password: '$2b$04$tkxmauwhlVIeMnO/Oukx1OxQgloLhjxxbVqeEI386CVXAl94WD9AS' },
}

let bundle: Bundle
let server: LibsqlServer
let dir: string
beforeAll(async () => {
  ;[bundle, server] = await Promise.all([bundleWorker(), startLibsqlServer()])
  dir = await mkdtemp(join(tmpdir(), 'postern-workers-'))
  const config = { database: { url: server.url }, users }
  await writeFile(join(dir, 'postern.hujson'), JSON.stringify(config))
}, 60_000)
afterAll(async () => {
  await server.close()
  await rm(dir, { recursive: true, force: true })
})

const begin = async () => {
  const env = { POSTERN_CONFIG: JSON.stringify({ database: { url: server.url }, users }) }
  const worker = await startWorker({ bundle, env, log: () => {} })
  const { origin } = await worker.ready
  return {
    ask: async (key: string) =>
      (await fetch(`${origin}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status,
    stop: () => worker.dispose(),
  }
}

it('takes keys that the command line made, random and signed, with no secret of its own', {
  timeout: 60_000,
}, async () => {
  const create = async (...flags: string[]) =>
    (await cli(dir, 'key', 'create', '--login', 'owner', ...flags)).out.trim()
  const keys = [await create(), await create('--signed')] as const
  const first = await begin()
  for (const key of keys) expect(await first.ask(key)).toBe(200)
  expect(await first.ask(`${keys[1]}A`)).toBe(401)
  await first.stop()
  const used = async () =>
    (JSON.parse((await cli(dir, 'key', 'list', '--json')).out) as { last_used_at: unknown }[]).map(
      ({ last_used_at }) => typeof last_used_at,
    )
  await eventually(used).toEqual(['string', 'string'])
  await cli(dir, 'key', 'revoke', '--login', 'owner')
  const second = await begin()
  for (const key of keys) expect(await second.ask(key)).toBe(401)
  await second.stop()
})
