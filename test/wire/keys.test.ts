import { randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { digestOf, newRandomKey } from '../../src/gateway/identity/key-format.ts'
import type { ApiKey } from '../../src/platform/records/api-key.ts'
import {
  another,
  basic,
  codeOf,
  completion,
  doorsForFile,
  laptop,
  list,
  stranger,
} from '../support/doors.ts'
import { startTestGateway } from '../support/gateway.ts'
import { apiKey, claimsOf, ownTyp, type TestSigner, testSigner } from '../support/keys.ts'
import { until } from '../support/raw.ts'
import { aliceHeaders, chat, together } from '../support/setup.ts'
import { memoryStore } from '../support/store.ts'

interface Made {
  readonly key: string
  readonly row: ApiKey
}

let signer: TestSigner
beforeAll(async () => {
  signer = await testSigner()
})

let ids = 0
const random = async (changes: Partial<ApiKey> = {}): Promise<Made> => {
  const key = newRandomKey(randomBytes)
  const row = { id: `r${++ids}`, digest: await digestOf(key), expiresAt: null, ...changes }
  return { key, row: apiKey(row) }
}
const signed = async (changes: Partial<ApiKey> = {}): Promise<Made> => {
  const row = apiKey({ id: `k${++ids}`, kid: signer.kid, expiresAt: null, ...changes })
  return { key: await signer.sign(claimsOf(row, Date.now()), ownTyp), row }
}
const ring = (...made: readonly Made[]) => ({ keys: made.map(({ row }) => row), signers: [signer] })

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

describe('an API key', () => {
  const bench = together({ config: { auth_failures: { max: 1000 } } })
  const ask = (path: string, headers: Record<string, string>) =>
    fetch(bench.url + path, { headers })

  it.each([
    ['random', random],
    ['signed', signed],
  ])('that is %s gets a completion, and a row that names it', async (_, make) => {
    const made = await make()
    bench.gateway.store.changeKeys(ring(made))
    const answer = await chat(bench.url, { model: 'm' }, { headers: bearer(made.key) })
    expect(answer.status).toBe(200)
    await answer.arrayBuffer()
    const { usage, keyUses } = bench.gateway.store
    await until(() => usage.at(-1)?.credentialId === made.row.id)
    expect(usage.at(-1)).toMatchObject({ login: 'alice@example.com', kind: 'key' })
    expect(keyUses.at(-1)?.id).toBe(made.row.id)
  })

  it('is the same in every carrier, and its limits hold in each', async () => {
    const made = await random({ limits: { models: ['*/m'] } })
    bench.gateway.store.changeKeys(ring(made))
    const carriers = [
      bearer(made.key),
      { 'x-api-key': made.key },
      { 'api-key': made.key },
      { 'x-goog-api-key': made.key },
    ]
    for (const headers of carriers) {
      const plain = { ...aliceHeaders, authorization: '', ...headers }
      expect((await chat(bench.url, { model: 'm' }, { headers: plain })).status).toBe(200)
      expect((await chat(bench.url, { model: 'slow' }, { headers: plain })).status).toBe(404)
    }
    expect((await ask(`/v1beta/models?key=${made.key}`, {})).status).toBe(200)
    expect((await ask(`/v1/models?key=${made.key}`, {})).status).toBe(401)
  })

  it('beside another is ambiguous, twice the same is not', async () => {
    const [one, two] = [await random(), await random()]
    bench.gateway.store.changeKeys(ring(one, two))
    const both = { ...bearer(one.key), 'x-api-key': two.key }
    expect((await ask('/v1/models', both)).status).toBe(400)
    expect((await ask('/v1/models', { ...both, 'x-api-key': one.key })).status).toBe(200)
  })

  it('is refused with the same words, whatever is wrong with it', async () => {
    const [good, revoked, expired] = [
      await random(),
      await signed({ revokedAt: 1 }),
      await random({ expiresAt: 1 }),
    ]
    bench.gateway.store.changeKeys(ring(good, revoked, expired))
    const forged = `${revoked.key.slice(0, -10)}AAAAAAAAAA`
    const keys = [
      newRandomKey(randomBytes),
      `${good.key}x`,
      good.key.toLowerCase(),
      revoked.key,
      expired.key,
      forged,
      'sk-other',
    ]
    const seen = new Set<string>()
    for (const key of keys) {
      const answer = await ask('/v1/models', bearer(key))
      const { request_id, ...body } = (await answer.json()) as Record<string, unknown>
      const names = [...answer.headers.keys()].join()
      seen.add(JSON.stringify([answer.status, body, names, answer.headers.get('www-authenticate')]))
    }
    expect([...seen]).toEqual([expect.stringContaining('Missing or invalid credentials.')])
    const reasons = bench.gateway.store.failures.slice(-keys.length).map(({ reason }) => reason)
    expect(reasons).toEqual([
      'unknown_key',
      'malformed',
      'malformed',
      'revoked_key',
      'expired_key',
      'revoked_key',
      'unknown_key',
    ])
  })

  it('never may more than its login, now and after a reload', async () => {
    const made = await random({ login: 'bob', limits: { role: 'admin', models: ['**'] } })
    bench.gateway.store.changeKeys(ring(made))
    expect((await ask('/v1/models', bearer(made.key))).status).toBe(403)
    const grants = [
      { src: ['bob'], app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '*/m' }] } },
    ]
    await bench.gateway.reload({ grants })
    const models = await (await ask('/v1/models', bearer(made.key))).json()
    expect(models.data.map(({ id }: { id: string }) => id)).toEqual(['m'])
    await bench.gateway.reload({})
    expect((await ask('/v1/models', bearer(made.key))).status).toBe(403)
  })

  it('is answered 503 while the ledger does not tell, and counts as no guess', async () => {
    const made = await random()
    const store = memoryStore()
    store.changeKeys(undefined)
    const gateway = await startTestGateway({ auth_failures: { max: 1 } }, { platform: { store } })
    const status = async () =>
      (await fetch(`${gateway.url}/v1/models`, { headers: bearer(made.key) })).status
    expect([await status(), await status()]).toEqual([503, 503])
    store.changeKeys(ring(made))
    expect(await status()).toBe(200)
    await gateway.stop()
  })

  it('reaches no model server and no log, whole or in part', () => {
    const sent = JSON.stringify(bench.upstream.requests)
    const logged = JSON.stringify([bench.gateway.log, bench.gateway.store.usage])
    for (const text of [sent, logged, JSON.stringify(bench.gateway.store.failures)]) {
      expect(text).not.toContain('pst_')
      expect(text).not.toContain('eyJ')
    }
    expect(bench.upstream.requests.length).toBeGreaterThan(5)
  })
})

describe('from an address that is banned', () => {
  const bench = together({
    config: {
      listeners: [{ name: 'proxy', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }],
      auth_failures: { max: 3, window: '10m', ban: '15m' },
    },
  })
  const from = async (ip: string, key: string): Promise<number> => {
    const headers = { 'x-forwarded-for': ip, ...bearer(key) }
    return (await fetch(`${bench.url}/v1/models`, { headers })).status
  }
  const ban = async (ip: string): Promise<void> => {
    for (let at = 0; at < 3; at++) expect(await from(ip, newRandomKey(randomBytes))).toBe(401)
    expect(await from(ip, newRandomKey(randomBytes))).toBe(429)
  }

  it('a good key still works, though it was never seen there', async () => {
    const made = [await random(), await signed()]
    const bad = [await random({ revokedAt: 1 }), await signed({ expiresAt: 1000 })]
    bench.gateway.store.changeKeys(ring(...made, ...bad))
    await ban('203.0.113.1')
    for (const { key } of made) expect(await from('203.0.113.1', key)).toBe(200)
    for (const { key } of bad) expect(await from('203.0.113.1', key)).toBe(429)
  })

  it('is what nobody gets into with keys that ended, tokens that are wrong, or typing errors', async () => {
    const [revoked, expired, right] = [
      await random({ revokedAt: 1 }),
      await random({ expiresAt: 1 }),
      await signed(),
    ]
    bench.gateway.store.changeKeys(ring(revoked, expired, right))
    const unknownKid = await (await testSigner()).sign(claimsOf(right.row), ownTyp)
    for (let at = 0; at < 5; at++) {
      for (const key of [revoked.key, expired.key, unknownKid, revoked.key.slice(0, -1)]) {
        expect(await from('203.0.113.2', key)).toBe(401)
      }
    }
    expect(bench.gateway.store.bans.map(({ address }) => address)).not.toContain('203.0.113.2')
  })

  it('is what wrong signatures under a real name lead to', async () => {
    const made = await signed()
    bench.gateway.store.changeKeys(ring(made))
    const parts = made.key.split('.')
    const forged = async () => [parts[0], parts[1], (await signed()).key.split('.')[2]].join('.')
    const first = await forged()
    for (let at = 0; at < 9; at++) expect(await from('203.0.113.3', first)).toBe(401)
    for (let at = 0; at < 2; at++) expect(await from('203.0.113.3', await forged())).toBe(401)
    expect(await from('203.0.113.3', await forged())).toBe(429)
    expect(await from('203.0.113.3', made.key)).toBe(200)
  })
})

describe('on the tailnet', () => {
  const doors = doorsForFile()
  const key = (text: string) => ['Authorization', `Bearer ${text}`] as const

  it('a key is whose it is, not whose device it comes from', async () => {
    const made = await random({ login: 'bob@example.com' })
    const { store } = doors.now.gateway
    store.changeKeys(ring(made))
    expect((await doors.now.front.ask(laptop, completion([key(made.key)]))).status).toBe(200)
    await until(() => store.usage.at(-1)?.credentialId === made.row.id)
    expect(store.usage.at(-1)).toMatchObject({ login: 'bob@example.com', door: 'tailnet' })
  })

  it('one of ours that is bad never falls back to the device', async () => {
    const [good, revoked, was] = [await random(), await random({ revokedAt: 1 }), await signed()]
    doors.now.gateway.store.changeKeys(ring(good, revoked))
    for (const text of [`${good.key}x`, revoked.key, was.key, newRandomKey(randomBytes)]) {
      const answer = await doors.now.front.ask(laptop, list([key(text)]))
      expect([answer.status, codeOf(answer)]).toEqual([401, 'invalid_credentials'])
    }
    expect((await doors.now.front.ask(laptop, list([key('sk-placeholder')]))).status).toBe(200)
  })

  it('one that is made for this door is nothing at another', async () => {
    const made = await random({ limits: { via: ['tailnet'] } })
    doors.now.gateway.store.changeKeys(ring(made))
    expect((await doors.now.front.ask(laptop, list([key(made.key)]))).status).toBe(200)
    const outside = await doors.now.front.ask(stranger, list([key(made.key)]))
    expect([outside.status, codeOf(outside)]).toEqual([403, 'no_role'])
    expect((await doors.now.front.ask(another, list([basic('alice')]))).status).toBe(200)
  })

  it('none is passed on to Open WebUI', async () => {
    const made = [await random(), await signed()]
    doors.now.gateway.store.changeKeys(ring(...made))
    for (const each of made) {
      await doors.now.front.ask(laptop, { path: '/', headers: [key(each.key)] })
      const last = doors.now.webui.requests.at(-1)
      expect(JSON.stringify(last)).not.toContain(each.key)
    }
  })
})
