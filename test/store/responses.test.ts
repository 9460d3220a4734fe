import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type NodeStore, openStore } from '../../src/adapter/node/store/store.ts'
import type { StoredResponse } from '../../src/platform/records/stored-response.ts'

const response = (more: Partial<StoredResponse> = {}): StoredResponse => ({
  id: 'resp_1',
  provider: 'openai',
  model: 'gpt',
  login: 'alice@example.com',
  at: Date.now(),
  settled: false,
  ...more,
})

let dataDir: string
let store: NodeStore
const open = () =>
  openStore({ url: 'file:postern.db', authToken: undefined, dataDir, log: () => {} })
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'postern-responses-'))
  store = await open()
})
afterEach(async () => {
  await store.close()
  await rm(dataDir, { recursive: true })
})

const find = (id: string) => store.ask('response', { id })

it('whose a response is is known after a restart', async () => {
  await store.saveResponse(response())
  await store.close()
  store = await open()
  expect(await find('resp_1')).toEqual(response({ at: (await find('resp_1'))?.at ?? 0 }))
  expect(await find('resp_2')).toBeNull()
})

it('an id stays with the first to name it, whose use may be settled', async () => {
  await store.saveResponse(response())
  await store.saveResponse(response({ login: 'eve@example.com', settled: true }))
  await store.saveResponse(response({ provider: 'another', settled: true }))
  expect(await find('resp_1')).toMatchObject({ login: 'alice@example.com', settled: false })
  await store.saveResponse(response({ settled: true }))
  expect(await find('resp_1')).toMatchObject({ provider: 'openai', settled: true })
})

it('what providers have forgotten is removed with what comes', async () => {
  const old = Date.now() - 40 * 86_400_000
  await store.saveResponse(response({ id: 'resp_old', at: old }))
  await store.saveResponse(response({ id: 'resp_new' }))
  expect(await find('resp_old')).toBeNull()
  expect(await find('resp_new')).not.toBeNull()
})
