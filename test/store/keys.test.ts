import { readFileSync } from 'node:fs'
import { createClient } from '@libsql/client'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/libsql'
import { getTableConfig } from 'drizzle-orm/sqlite-core'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  insertKey,
  insertSigner,
  type KeyRow,
  listKeys,
  listSigners,
  retireSigner,
  revokeKeys,
  selectKeyRing,
  touchKey,
} from '../../src/ledger/store/keys/keys.ts'
import { migrate } from '../../src/ledger/store/migrate.ts'
import { type Database, keys, signingKeys } from '../../src/ledger/store/schema.ts'
import { startLibsqlServer } from '../support/libsql-server.ts'
import { dataDir } from './fixtures.ts'

const migrations = ['0001-ledger.sql', '0002-keys.sql', '0006-key-quota.sql'].map((name) => ({
  name,
  sql: readFileSync(new URL(`../../src/ledger/store/migrations/${name}`, import.meta.url), 'utf8'),
}))

const open = async (url: string): Promise<Database> => {
  const client = createClient({ url, concurrency: 1 })
  onTestFinished(() => client.close())
  const db = drizzle({ client })
  await migrate(db, migrations)
  return db
}

const onFile = () => open(`file:${dataDir()}/postern.db`)
const onServer = async () => {
  const server = await startLibsqlServer({})
  onTestFinished(() => server.close())
  return open(server.url)
}

const row = (changes: Partial<KeyRow> = {}): KeyRow => ({
  id: 'k1',
  digest: 'digest-1',
  kid: null,
  hint: 'abcdef',
  login: 'alice',
  name: '',
  models: ['local/**'],
  quota: null,
  via: ['tailnet'],
  role: 'user',
  createdAt: 1000,
  createdBy: 'root',
  expiresAt: null,
  revokedAt: null,
  lastUsedAt: null,
  ...changes,
})

describe.each([
  ['a file', onFile],
  ['a server', onServer],
])('keys on %s', (_where, connect) => {
  it('come back as they were written, with their limits', async () => {
    const db = await connect()
    const none = row({ id: 'k2', digest: null, kid: 'a', models: null, via: null, role: null })
    for (const each of [row(), none, row()]) await insertKey(db, each)
    expect(await listKeys(db)).toEqual([none, row()])
    expect((await selectKeyRing(db)).keys).toEqual([
      expect.objectContaining({
        id: 'k1',
        limits: { models: ['local/**'], via: ['tailnet'], role: 'user' },
      }),
      expect.objectContaining({ id: 'k2', kid: 'a', limits: {} }),
    ])
  })

  it('are revoked once, and used at the latest time that was told', async () => {
    const db = await connect()
    await insertKey(db, row())
    expect(await revokeKeys(db, ['k1', 'k2'], 5)).toHaveLength(1)
    expect(await revokeKeys(db, ['k1'], 6)).toEqual([])
    for (const at of [8, 9, 7]) await touchKey(db, { id: 'k1', at })
    expect(await listKeys(db)).toEqual([row({ revokedAt: 5, lastUsedAt: 9 })])
  })

  it('are given out in force first, so that a limit cuts off none of those', async () => {
    const db = await connect()
    await insertKey(db, row({ id: 'old', digest: 'a', createdAt: 1 }))
    await insertKey(db, row({ id: 'gone', digest: 'b', createdAt: 3, revokedAt: 4 }))
    await insertKey(db, row({ id: 'new', digest: 'c', createdAt: 2 }))
    expect((await selectKeyRing(db)).keys.map(({ id }) => id)).toEqual(['new', 'old', 'gone'])
  })

  it('have signers until those are retired for good', async () => {
    const db = await connect()
    const signer = { kid: 'a', jwk: { kty: 'OKP', crv: 'Ed25519', x: 'x' } }
    await insertSigner(db, signer, 1)
    expect((await selectKeyRing(db)).signers).toEqual([signer])
    expect(await retireSigner(db, 'a', 2)).toHaveLength(1)
    await insertSigner(db, signer, 3)
    expect((await selectKeyRing(db)).signers).toEqual([])
    expect(await listSigners(db)).toMatchObject([{ kid: 'a', createdAt: 1, retiredAt: 2 }])
  })
})

describe('the migration', () => {
  it.each([keys, signingKeys])('makes the table that the schema describes (%#)', async (table) => {
    const db = await onFile()
    const { name, columns } = getTableConfig(table)
    const made = await db.all<{ name: string }>(sql.raw(`PRAGMA table_info(${name})`))
    expect(made.map((column) => column.name)).toEqual(columns.map((column) => column.name))
  })
})
