import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type NodeStore, openStore } from '../../src/adapter/node/store/store.ts'
import type { Act, Change } from '../../src/platform/records/act.ts'
import type { KeyRing } from '../../src/platform/records/api-key.ts'
import type { Ban } from '../../src/platform/records/ban.ts'

const act = (id: string, change?: Change): Act => ({
  audit: {
    id,
    at: 1000,
    login: 'alice@example.com',
    kind: 'user',
    credentialId: 'laptop',
    door: 'tailnet',
    clientIp: '100.64.0.2',
    action: change?.kind ?? 'config.replace',
    target: 'x',
    outcome: 'done',
    detail: '',
    requestId: 'r',
  },
  ...(change && { change }),
})

const ban: Ban = {
  address: '203.0.113.7',
  cause: 'admin',
  level: 1,
  startedAt: 1000,
  until: null,
  note: 'by alice',
}

const key = {
  id: 'k1',
  digest: 'd'.repeat(43),
  kid: null,
  hint: 'pst_ab',
  login: 'bob@example.com',
  name: 'laptop',
  limits: { models: ['a/**'] },
  createdAt: 1000,
  createdBy: 'alice@example.com',
  expiresAt: null,
}

let dataDir = ''
let store: NodeStore

const open = () => openStore({ url: 'file:postern.db', dataDir, log: () => {} })

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'postern-acts-'))
  store = await open()
})
afterEach(async () => {
  await store.close()
  await rm(dataDir, { recursive: true, force: true })
})

describe('acts', () => {
  it('are read back newest first, a page at a time, and survive a restart', async () => {
    for (const id of ['a1', 'a2', 'a3']) await store.record(act(id))
    const page = await store.ask('audit', { limit: 2 })
    expect(page.map(({ id }) => id)).toEqual(['a3', 'a2'])
    expect(page[0]).toEqual(act('a3').audit)
    expect((await store.ask('audit', { before: 'a2', limit: 2 })).map(({ id }) => id)).toEqual([
      'a1',
    ])
    await store.close()
    store = await open()
    expect(await store.ask('audit', { limit: 10 })).toHaveLength(3)
  })

  it('are written once, however often they come', async () => {
    await Promise.all([store.record(act('a1')), store.record(act('a1'))])
    expect(await store.ask('audit', { limit: 10 })).toHaveLength(1)
  })

  it('are written together with what they change, or not at all', async () => {
    const broken = { kind: 'key.create', key: { ...key, login: null as never } } as const
    await expect(store.record(act('a1', broken))).rejects.toThrow('does not take this row')
    expect(await store.ask('audit', { limit: 10 })).toEqual([])
    expect(await store.ask('keys', {})).toEqual([])
  })

  it('set and lift bans, and the gateway is told within a second', async () => {
    const told: (readonly Ban[])[] = []
    const next = (): Promise<readonly Ban[]> =>
      new Promise((resolve) => store.onBansChanged((bans) => resolve(bans)))
    store.onBansChanged((bans) => told.push(bans))
    const set = next()
    await store.record(act('a1', { kind: 'ban.set', ban }))
    expect(await set).toEqual([ban])
    const lifted = next()
    await store.record(act('a2', { kind: 'ban.lift', address: ban.address }))
    await lifted
    expect(told.at(-1)).toEqual([])
    expect(await store.ask('bans', { now: 0 })).toEqual([])
  })

  it('create and revoke keys, and the gateway is told', async () => {
    const next = (): Promise<KeyRing> => new Promise((resolve) => store.onKeysChanged(resolve))
    const created = next()
    await store.record(act('a1', { kind: 'key.create', key }))
    expect((await created).keys).toMatchObject([{ id: 'k1', login: 'bob@example.com' }])
    const summary = { id: 'k1', hint: 'pst_ab', signed: false, limits: { models: ['a/**'] } }
    expect(await store.ask('keys', { login: 'bob@example.com' })).toMatchObject([summary])
    expect(await store.ask('keys', { login: 'carol@example.com' })).toEqual([])
    await store.record(act('a2', { kind: 'key.revoke', id: 'k1', at: 2000 }))
    expect(await store.ask('keys', {})).toMatchObject([{ id: 'k1', revokedAt: 2000 }])
  })
})

describe('questions', () => {
  it('are refused when the store is closed, and never left waiting', async () => {
    const asked = expect(store.ask('audit', { limit: 1 })).rejects.toThrow('the store was closed')
    await store.close()
    await asked
    await expect(store.ask('keys', {})).rejects.toThrow('the store is closed')
  })

  it('say why when the database is away', async () => {
    await rm(dataDir, { recursive: true, force: true })
    await expect(
      openStore({ url: 'http://127.0.0.1:9', dataDir, log: () => {} }).then((away) =>
        away.ask('audit', { limit: 1 }).finally(() => away.close()),
      ),
    ).rejects.toThrow(/fetch failed|ECONNREFUSED/)
  }, 20_000)
})
