import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { watchHandEdits } from '../../src/admin/api/config/versions.ts'
import { file, type MemoryDocument, memoryDocument, secrets } from '../dashboard/document.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { memoryStore } from '../support/store.ts'

const owner = `Basic ${btoa('owner:owner-password')}`

interface Version {
  readonly id: string
  readonly login: string | null
  readonly request_id: string | null
  readonly changes: string
  readonly config: string
}

let gateway: TestGateway
let document: MemoryDocument

beforeEach(async () => {
  document = memoryDocument(file)
  gateway = await startTestGateway({}, { document })
})
afterEach(() => gateway.stop())

const ask = (path: string, init: RequestInit = {}) =>
  fetch(`${gateway.url}/postern/api${path}`, {
    ...init,
    headers: { authorization: owner, 'content-type': 'application/json', 'if-match': '*' },
  })
const put = (config: string) => ask('/config', { method: 'PUT', body: JSON.stringify({ config }) })
const shown = async () => ((await (await ask('/config')).json()) as Version).config
const versions = async () =>
  ((await (await ask('/config/versions')).json()) as { data: Version[] }).data
const version = async (id = '') => (await (await ask(`/config/versions/${id}`)).json()) as Version

describe('versions of the configuration', () => {
  it('begin with what was there, and tell who put which in force', async () => {
    const before = await shown()
    expect(await versions()).toEqual([])
    const answer = await put(before.replace('["m"]', '["m", "n"]'))
    const [newest, first, ...none] = await versions()
    expect(none).toEqual([])
    expect(newest?.login).toBe('owner')
    expect(newest?.request_id).toBe(answer.headers.get('x-request-id'))
    expect(newest?.changes).toContain('["m", "n"]')
    expect(first).toMatchObject({ login: null, request_id: null, changes: '' })
    expect((await version(first?.id)).config).toBe(before)
    expect((await version(newest?.id)).config).toBe(await shown())
  })

  it('never hold a secret', async () => {
    await put((await shown()).replace('["m"]', '["m", "n"]'))
    const kept = JSON.stringify(gateway.store.acts)
    expect(kept).toContain('keep:/providers/local/apikey')
    for (const secret of secrets) expect(kept).not.toContain(secret)
  })

  it('are gone back to with the secrets of today', async () => {
    const before = await shown()
    await put(before.replace('["m"]', '["m", "n"]'))
    document.text = document.text.replace('sk-secret-one', 'sk-secret-two')
    const [, first] = await versions()
    expect((await put((await version(first?.id)).config)).status).toBe(200)
    expect(document.text).toBe(file.replace('sk-secret-one', 'sk-secret-two'))
  })

  it('are not gone back to when a secret of theirs is no more, which is named', async () => {
    const before = await shown()
    await put(before.replace('"apikey": "keep:/providers/local/apikey", ', ''))
    const [, first] = await versions()
    const answer = await put((await version(first?.id)).config)
    expect(answer.status).toBe(422)
    expect(await answer.text()).toContain('keep:/providers/local/apikey')
  })

  it('are those that came in force only', async () => {
    document.replace = async () => 'changed meanwhile'
    expect((await put((await shown()).replace('["m"]', '["n"]'))).status).toBe(412)
    document.replace = () => Promise.reject(new Error('disk full'))
    expect((await put((await shown()).replace('["m"]', '["n"]'))).status).toBe(500)
    for (const { id } of await versions()) expect((await version(id)).config).toContain('["m"]')
  })

  it('are named by the door that was shut as well', async () => {
    await ask('/mode', { method: 'PUT', body: '{"mode":"serve"}' })
    expect((await versions())[0]?.changes).toBe('- "mode": "both",\n+ "mode": "serve",')
  })

  it('are no other', async () => {
    expect((await ask('/config/versions/x')).status).toBe(404)
    expect((await ask('/config/versions?limit=201')).status).toBe(422)
  })
})

describe('an edit of the file', () => {
  const platform = () => {
    const store = memoryStore()
    let ids = 0
    const clock = { now: () => 1000, elapsed: () => 0 }
    return { store, clock, newId: () => `id${++ids}`, log: () => {} }
  }

  it('is kept as by hand, with what was there before', async () => {
    const parts = platform()
    const edited = watchHandEdits(parts, document.text)
    await edited(document.text)
    expect(parts.store.acts).toEqual([])
    document.text = file.replace('["m"]', '["m", "n"]')
    await edited(document.text)
    const [act, ...none] = parts.store.acts
    expect(none).toEqual([])
    expect(act?.audit).toMatchObject({ action: 'config.edit', login: '', outcome: 'done' })
    expect(act?.audit.detail).toContain('"n"')
    const rows = await parts.store.ask('configVersions', { limit: 9 })
    expect(rows.map(({ login, changes }) => `${login}:${changes.length > 0}`)).toEqual([
      ':true',
      ':false',
    ])
    expect(JSON.stringify(parts.store.acts)).not.toContain('sk-secret-one')
  })

  it('is none when it came from here, or changed a secret only', async () => {
    const edited = watchHandEdits({ ...platform(), store: gateway.store }, document.text)
    await put((await shown()).replace('["m"]', '["m", "n"]'))
    await edited(document.text)
    document.text = document.text.replace('sk-secret-one', 'sk-secret-two')
    await edited(document.text)
    expect(gateway.store.acts.map(({ audit }) => audit.action)).toEqual(['config.replace'])
  })

  it('is that of the text that came in force, whatever the file holds by then', async () => {
    const parts = platform()
    const edited = watchHandEdits(parts, document.text)
    const inForce = file.replace('["m"]', '["m", "n"]')
    document.text = file.replace('["m"]', '["not in force yet"]')
    await edited(inForce)
    expect(JSON.stringify(parts.store.acts)).not.toContain('not in force yet')
    await edited(document.text)
    expect(parts.store.acts).toHaveLength(2)
  })

  it('is kept later when the database does not answer now', async () => {
    const parts = platform()
    const edited = watchHandEdits(parts, document.text)
    document.text = file.replace('["m"]', '["n"]')
    const { ask: answering } = parts.store
    parts.store.ask = () => Promise.reject(new Error('away'))
    await expect(edited(document.text)).rejects.toThrow('away')
    parts.store.ask = answering
    await edited(document.text)
    expect(parts.store.acts).toHaveLength(1)
  })
})
