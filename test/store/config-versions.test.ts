import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type NodeStore, openStore } from '../../src/adapter/node/store/store.ts'
import type { Change, ConfigVersion } from '../../src/platform/records/act.ts'

const version = (id: string, config = `{ /* ${id} */ }`): ConfigVersion => ({
  id,
  at: 1000,
  login: 'alice@example.com',
  requestId: 'r',
  changes: `+ ${id}`,
  config,
})

let dataDir = ''
let store: NodeStore
let acts = 0

const record = (change: Change) =>
  store.record({
    audit: {
      id: `a${++acts}`,
      at: 1000,
      login: 'alice@example.com',
      kind: 'user',
      credentialId: 'laptop',
      door: 'tailnet',
      clientIp: '100.64.0.2',
      action: 'config.replace',
      target: 'configuration',
      outcome: 'done',
      detail: '',
      requestId: 'r',
    },
    change,
  })
const keep = (...versions: ConfigVersion[]) => record({ kind: 'config.keep', versions })
const kept = async () =>
  (await store.ask('configVersions', { limit: 1000 })).map(({ id }) => id).join(' ')

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'postern-versions-'))
  store = await openStore({ url: 'file:postern.db', dataDir, log: () => {} })
})
afterEach(async () => {
  await store.close()
  await rm(dataDir, { recursive: true, force: true })
})

it('lists them newest first, and gives each as it was', async () => {
  await keep(version('v2'), version('v1'))
  expect(await kept()).toBe('v1 v2')
  expect(await store.ask('configVersion', { id: 'v2' })).toEqual(version('v2'))
  expect(await store.ask('configVersion', {})).toEqual(version('v1'))
  expect(await store.ask('configVersion', { id: 'v3' })).toBeNull()
})

it('keeps what is in force already once, and what comes back again', async () => {
  await keep(version('v1', 'a'), version('v2', 'b'))
  await keep(version('v3', 'b'), version('v4', 'a'))
  await keep(version('v1', 'a'), version('v4', 'a'))
  expect(await kept()).toBe('v4 v2 v1')
})

it('forgets one that did not come in force', async () => {
  await keep(version('v1'), version('v2'))
  await record({ kind: 'config.withdraw', id: 'v2' })
  expect(await kept()).toBe('v1')
})

it('forgets all but the newest 200', async () => {
  await keep(...Array.from({ length: 205 }, (_, at) => version(`v${at}`)))
  const rows = await store.ask('configVersions', { limit: 1000 })
  expect(rows).toHaveLength(200)
  expect(rows.at(0)?.id).toBe('v204')
  expect(rows.at(-1)?.id).toBe('v5')
})
