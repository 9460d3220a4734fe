import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hashSync } from 'bcryptjs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { freePort } from '../support/parts/port.ts'
import { type PosternProcess, startPostern } from '../support/postern.ts'

let upstream: FakeUpstream
let postern: PosternProcess

const grant = (src: string, entry: object) => ({
  src: [src],
  app: { 'tailscale.com/cap/aperture': [entry] },
})

let dataDir: string
let config: Record<string, unknown>
let port: number

beforeAll(async () => {
  upstream = await startUpstream({ models: ['tiny', 'small'] })
  dataDir = await mkdtemp(join(tmpdir(), 'postern-admin-'))
  port = await freePort()
  config = {
    listeners: [{ name: 'local', bind: `127.0.0.1:${port}`, trusted_proxies: ['127.0.0.1'] }],
    users: {
      owner: { password: hashSync('owner-password', 4) },
      alice: { password: hashSync('alice-password', 4) },
    },
    providers: { local: { baseurl: upstream.url, models: ['tiny'], apikey: 'sk-not-to-be-seen' } },
    grants: [grant('owner', { role: 'admin', models: '**' }), grant('alice', { role: 'user' })],
  }
  postern = await startPostern({ config, dataDir, port })
})
afterAll(async () => {
  await postern?.stop()
  await upstream?.stop()
  await rm(dataDir, { recursive: true, force: true })
})

const basic = (user: string) => ({ authorization: `Basic ${btoa(`${user}:${user}-password`)}` })

const ask = (path: string, init: { method?: string; body?: unknown; as?: object } = {}) =>
  fetch(postern.url + path, {
    method: init.method ?? 'GET',
    headers: {
      ...(init.body !== undefined && { 'content-type': 'application/json' }),
      ...basic('owner'),
      ...init.as,
    },
    ...(init.body !== undefined && { body: JSON.stringify(init.body) }),
  })
const json = async <T>(answer: Promise<Response>): Promise<T> => (await answer).json() as Promise<T>
const models = async () => {
  const { data } = await json<{ data: { id: string }[] }>(ask('/v1/models'))
  return data.map(({ id }) => id)
}
const audit = async () => {
  const { data } = await json<{ data: Record<string, string>[] }>(ask('/postern/api/audit'))
  return data.map(({ login, action, outcome }) => `${login} ${action} ${outcome}`)
}

describe('a running gateway, over its API', () => {
  it('takes a new configuration at once, into force and into the file, with comments and secrets', async () => {
    const shown = await ask('/aperture/config')
    const { config } = (await shown.json()) as { config: string }
    expect(config).not.toContain('sk-not-to-be-seen')
    const edited = config.replace(/"tiny"\s*\]/, '"tiny", "small" /* by hand */]')
    const put = (etag: string) =>
      ask('/aperture/config', { method: 'PUT', body: { config: edited }, as: { 'if-match': etag } })
    const etag = shown.headers.get('etag') ?? ''
    expect((await put(etag)).status).toBe(200)
    expect(await models()).toEqual(['tiny', 'small'])
    const file = await readFile(postern.configFile, 'utf8')
    expect(file).toContain('/* by hand */')
    expect(file).toContain('sk-not-to-be-seen')
    expect((await put(etag)).status).toBe(412)
  })

  it('keeps what was in force, edits of the file among it, to go back to', async () => {
    const versions = async () =>
      (await json<{ data: Record<string, string>[] }>(ask('/postern/api/config/versions'))).data
    const before = await readFile(postern.configFile, 'utf8')
    expect((await versions()).map(({ login }) => login)).toEqual(['owner', null])
    await writeFile(postern.configFile, before.replace('"tiny", "small"', '"small"'))
    await vi.waitFor(async () => expect(await versions()).toHaveLength(3), { timeout: 3000 })
    expect(await models()).toEqual(['small'])
    const [byHand, saved] = await versions()
    expect(byHand?.login).toBeNull()
    expect(byHand?.changes).toContain('"small"')
    expect((await audit())[0]).toBe(' config.edit done')
    const { config } = await json<{ config: string }>(
      ask(`/postern/api/config/versions/${saved?.id}`),
    )
    expect(config).not.toContain('sk-not-to-be-seen')
    const back = { method: 'PUT', body: { config }, as: { 'if-match': '*' } }
    expect((await ask('/postern/api/config', back)).status).toBe(200)
    expect(await readFile(postern.configFile, 'utf8')).toBe(before)
    expect((await versions()).map(({ login }) => login)).toEqual(['owner', null, 'owner', null])
  })

  it('refuses one that would lock the caller out, or is broken, and keeps the file', async () => {
    const before = await readFile(postern.configFile, 'utf8')
    for (const config of ['{ "grants": [] }', '{ "gramts": [] }', '{', '']) {
      const answer = await ask('/aperture/config', {
        method: 'PUT',
        body: { config },
        as: { 'if-match': '*' },
      })
      expect([config, answer.status]).toEqual([config, 422])
    }
    expect(await readFile(postern.configFile, 'utf8')).toBe(before)
  })

  it('makes a key that works, and ends it within a second', async () => {
    const made = await json<{ id: string; key: string }>(
      ask('/postern/api/keys', { method: 'POST', body: { name: 'a script' } }),
    )
    const withKey = () =>
      fetch(`${postern.url}/v1/models`, { headers: { authorization: `Bearer ${made.key}` } })
    await vi.waitFor(async () => expect((await withKey()).status).toBe(200), { timeout: 2000 })
    expect((await ask(`/postern/api/keys/${made.id}`, { method: 'DELETE' })).status).toBe(200)
    await vi.waitFor(async () => expect((await withKey()).status).toBe(401), { timeout: 1000 })
  })

  it('shuts an address out and lets it in again', async () => {
    const there = async () =>
      (await ask('/v1/models', { as: { 'x-forwarded-for': '203.0.113.9' } })).status
    const body = { address: '203.0.113.9', seconds: 3600, note: 'noisy' }
    expect((await ask('/postern/api/bans', { method: 'POST', body })).status).toBe(201)
    await vi.waitFor(async () => expect(await there()).toBe(403), { timeout: 1000 })
    const { data } = await json<{ data: object[] }>(ask('/postern/api/bans'))
    expect(data).toMatchObject([
      { address: '203.0.113.9', cause: 'admin', note: 'noisy, by owner' },
    ])
    const lifted = await ask('/postern/api/bans/203.0.113.9', { method: 'DELETE' })
    expect(lifted.status).toBe(200)
    await vi.waitFor(async () => expect(await there()).toBe(200), { timeout: 1000 })
  })

  it('keeps who did what, and who was not let do it, over a restart', async () => {
    const refused = await ask('/postern/api/config', {
      method: 'PUT',
      body: { config: '{}' },
      as: { ...basic('alice'), 'if-match': '*' },
    })
    expect(refused.status).toBe(403)
    const acts = await audit()
    expect(acts).toEqual(
      expect.arrayContaining([
        'owner config.replace done',
        'alice config.replace denied',
        'owner key.create done',
        'owner key.revoke done',
        'owner ban.set done',
        'owner ban.lift done',
      ]),
    )
    await postern.stop()
    postern = await startPostern({ config, dataDir, port })
    expect(await audit()).toEqual(acts)
  })
})
