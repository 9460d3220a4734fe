import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  calculateJwkThumbprint,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  type JWK,
} from 'jose'
import { describe, expect, it } from 'vitest'
import { replaceSigningKey } from '../../src/adapter/node/secrets/signing-key.ts'
import { isWhole } from '../../src/gateway/identity/key-format.ts'
import type { KeyRing } from '../../src/platform/records/api-key.ts'
import { dataDir, store } from '../store/fixtures.ts'
import { postern } from './ledger-commands.ts'

const ledger = async (): Promise<string> => {
  const dir = dataDir()
  await (await store({ dataDir: dir })).close()
  return dir
}

type Listed = Record<string, unknown>

const listed = async (dir: string, ...flags: string[]): Promise<Listed[]> =>
  JSON.parse((await postern(dir, 'key', 'list', '--json', ...flags)).out)

const create = async (dir: string, ...flags: string[]): Promise<Listed & { key: string }> =>
  JSON.parse((await postern(dir, 'key', 'create', '--json', '--login', 'Alice', ...flags)).out)

/** A key whose name begins with a dash. */
const dashed = async (): Promise<{ jwk: JWK; kid: string }> => {
  for (;;) {
    const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
    const jwk = await exportJWK(privateKey)
    const kid = (await calculateJwkThumbprint(jwk)).slice(0, 16)
    if (kid.startsWith('-')) return { jwk, kid }
  }
}

const signingKey = (dir: string): string => join(dir, 'signing-key.json')

describe('postern key create', () => {
  it('prints the key alone, and everything about it beside', async () => {
    const dir = await ledger()
    const { out, error } = await postern(dir, 'key', 'create', '--login', 'Alice@Example.com')
    expect(isWhole(out.trimEnd())).toBe(true)
    const [row] = await listed(dir)
    expect(error).toContain(`key ${row?.id} of alice@example.com, good until `)
    expect(row).toMatchObject({
      login: 'alice@example.com',
      key: `${out.slice(0, 10)}…`,
      state: 'active',
      signed_by: null,
      models: null,
      via: null,
      role: null,
      revoked_at: null,
      last_used_at: null,
    })
    const lasts = Date.parse(String(row?.expires_at)) - Date.parse(String(row?.created_at))
    expect(lasts).toBe(90 * 86_400_000)
  })

  it('keeps the key nowhere: not in the ledger, not in a list', async () => {
    const dir = await ledger()
    const keys = [await create(dir), await create(dir, '--signed')]
    const lists = [await postern(dir, 'key', 'list'), await postern(dir, 'key', 'list', '--json')]
    const kept = readdirSync(dir).map((name) => readFileSync(join(dir, name), 'latin1'))
    for (const { key } of keys) {
      for (const text of [...kept, ...lists.map(({ out }) => out)]) {
        expect(text).not.toContain(key)
        expect(text).not.toContain(key.slice(-20))
      }
    }
  })

  it('writes the limits that it is given', async () => {
    const dir = await ledger()
    const limits = [
      '--models',
      'local/**',
      '*/small',
      '--via',
      'tailnet',
      'local',
      '--role',
      'user',
    ]
    await create(dir, '--name', 'laptop', '--expires', 'never', ...limits)
    expect(await listed(dir)).toMatchObject([
      {
        name: 'laptop',
        models: ['local/**', '*/small'],
        via: ['tailnet', 'local'],
        role: 'user',
        expires_at: null,
      },
    ])
    expect((await postern(dir, 'key', 'list')).out).toContain(
      'local/** */small via tailnet via local user',
    )
  })

  it.each([
    [[]],
    [['--login', 'group:x']],
    [['--login', 'a b']],
    [['--login', 'a', '--models', 'small']],
    [['--login', 'a', '--models', '!x/y']],
    [['--login', 'a', '--via', 'moon']],
    [['--login', 'a', '--role', 'root']],
    [['--login', 'a', '--expires', '0d']],
    [['--login', 'a', '--expires', '4000d']],
    [['--login', 'a', '--quota', '1']],
  ])('calls %j wrong usage', async (flags) => {
    const dir = await ledger()
    expect(await postern(dir, 'key', 'create', ...flags)).toMatchObject({ code: 2, out: '' })
    expect(await listed(dir, '--all')).toEqual([])
  })

  it('refuses a manager for some models only', async () => {
    const dir = await ledger()
    const flags = ['--login', 'a', '--models', '**', '--role', 'admin']
    expect(await postern(dir, 'key', 'create', ...flags)).toMatchObject({ code: 1, out: '' })
    expect(await listed(dir)).toEqual([])
  })

  it('says where it looked when there is no ledger, and leaves nothing behind', async () => {
    const dir = dataDir()
    const made = await postern(dir, 'key', 'create', '--login', 'a', '--signed')
    expect([made.code, made.out, made.error]).toEqual([
      1,
      '',
      expect.stringContaining(`no ledger at ${dir}`),
    ])
    expect(existsSync(signingKey(dir))).toBe(false)
  })

  it('signs a token that says whose it is, for whom, and until when', async () => {
    const dir = await ledger()
    const { key, id, signed_by, expires_at } = await create(dir, '--signed', '--expires', '30d')
    expect(decodeProtectedHeader(key)).toEqual({
      typ: 'postern-key+jwt',
      alg: 'EdDSA',
      kid: signed_by,
    })
    expect(decodeJwt(key)).toEqual({
      iss: 'postern',
      aud: 'postern-api',
      sub: 'alice',
      jti: id,
      iat: expect.any(Number),
      exp: Date.parse(String(expires_at)) / 1000,
    })
    expect(decodeJwt((await create(dir, '--signed', '--expires', 'never')).key)).not.toHaveProperty(
      'exp',
    )
  })

  it('keeps the signing key for its owner alone, and uses none that others can read', async () => {
    const dir = await ledger()
    await create(dir, '--signed')
    expect(statSync(signingKey(dir)).mode & 0o777).toBe(0o600)
    chmodSync(signingKey(dir), 0o644)
    const refused = await postern(dir, 'key', 'create', '--login', 'a', '--signed')
    expect([refused.code, refused.error]).toEqual([1, expect.stringContaining('chmod 600')])
    await postern(dir, 'key', 'rotate')
    expect(statSync(signingKey(dir)).mode & 0o777).toBe(0o600)
  })
})

describe('a running gateway', () => {
  it('hears of a new key, of its end and of what signs within a second', async () => {
    const dir = dataDir()
    const running = await store({ dataDir: dir })
    expect(await running.loadKeys()).toEqual({ keys: [], signers: [] })
    const next = (): Promise<KeyRing> => new Promise((resolve) => running.onKeysChanged(resolve))
    const within = async (change: Promise<KeyRing>): Promise<KeyRing> => {
      const from = performance.now()
      const ring = await change
      expect(performance.now() - from).toBeLessThan(1000)
      return ring
    }
    let change = next()
    const { id } = await create(dir)
    expect((await within(change)).keys).toMatchObject([{ id, login: 'alice', revokedAt: null }])
    change = next()
    await postern(dir, 'key', 'revoke', String(id))
    expect((await within(change)).keys).toMatchObject([{ id, revokedAt: expect.any(Number) }])
    change = next()
    const { kid } = JSON.parse((await postern(dir, 'key', 'rotate', '--json')).out)
    expect((await within(change)).signers).toMatchObject([{ kid, jwk: { crv: 'Ed25519' } }])
    expect(JSON.stringify(await running.loadKeys())).not.toContain('"d"')
  })

  it('writes when a key was used, and no earlier time over a later', async () => {
    const dir = dataDir()
    const running = await store({ dataDir: dir })
    const { id } = await create(dir)
    await running.recordKeyUse({ id: String(id), at: 2000 })
    await running.recordKeyUse({ id: String(id), at: 1000 })
    await running.recordKeyUse({ id: 'no such key', at: 1000 })
    expect(await listed(dir)).toMatchObject([{ last_used_at: '1970-01-01T00:00:02.000Z' }])
  })
})

describe('postern key revoke', () => {
  it('takes an id, how it begins, or how the key begins; a second time changes nothing', async () => {
    const dir = await ledger()
    const [one, two, three] = [await create(dir), await create(dir), await create(dir)]
    for (const name of [String(one.id), String(two.id).slice(0, 8), three.key.slice(0, 10)]) {
      expect(await postern(dir, 'key', 'revoke', name)).toMatchObject({ code: 0 })
    }
    expect(await listed(dir)).toEqual([])
    const before = await listed(dir, '--all')
    expect((await postern(dir, 'key', 'revoke', String(one.id))).out).toContain('already revoked')
    expect(await listed(dir, '--all')).toEqual(before)
  })

  it('ends every key of a login', async () => {
    const dir = await ledger()
    await create(dir)
    await create(dir, '--signed')
    await postern(dir, 'key', 'create', '--login', 'bob')
    const { out } = await postern(dir, 'key', 'revoke', '--login', 'alice', '--json')
    expect(JSON.parse(out)).toMatchObject([{ revoked: true }, { revoked: true }])
    expect(await listed(dir)).toMatchObject([{ login: 'bob' }])
  })

  it('does nothing when it is not clear which key is meant', async () => {
    const dir = await ledger()
    const { id, key } = await create(dir)
    await create(dir)
    for (const args of [
      [],
      ['pst_'],
      [''],
      ['zzzz'],
      [String(id), '--login', 'alice'],
      [`x${key}`],
    ]) {
      expect(await postern(dir, 'key', 'revoke', ...args)).toMatchObject({ code: 1 })
    }
    expect(await listed(dir)).toHaveLength(2)
  })
})

describe('postern key rotate and retire', () => {
  it('sign with a new key, and let the old one go only when it is told so', async () => {
    const dir = await ledger()
    const first = String((await create(dir, '--signed')).signed_by)
    const inUse = await postern(dir, 'key', 'retire', first)
    expect([inUse.code, inUse.error]).toEqual([1, expect.stringContaining('signs at present')])
    const { kid, older } = JSON.parse((await postern(dir, 'key', 'rotate', '--json')).out)
    expect([kid === first, older]).toEqual([false, [first]])
    expect((await create(dir, '--signed')).signed_by).toBe(kid)
    expect(await postern(dir, 'key', 'retire', first)).toMatchObject({ code: 0 })
    expect(await postern(dir, 'key', 'retire', first)).toMatchObject({ code: 1 })
    const running = await store({ dataDir: dir })
    expect((await running.loadKeys()).signers).toMatchObject([{ kid }])
  })

  it('take a name that begins with a dash, as older versions made one in 64', async () => {
    const dir = await ledger()
    const { jwk, kid } = await dashed()
    writeFileSync(signingKey(dir), JSON.stringify(jwk), { mode: 0o600 })
    expect((await create(dir, '--signed')).signed_by).toBe(kid)
    await postern(dir, 'key', 'rotate')
    expect(await postern(dir, 'key', 'retire', kid)).toMatchObject({ code: 0 })
    const wrong = await postern(dir, 'key', 'retire', '--dta')
    expect(wrong).toMatchObject({ code: 1, error: expect.stringContaining('no signing key --dta') })
  })

  it('never make such a name', async () => {
    const dir = dataDir()
    const kids: string[] = []
    while (kids.length < 400) kids.push((await replaceSigningKey(dir)).kid)
    expect(kids.filter((each) => each.startsWith('-'))).toEqual([])
  })
})
