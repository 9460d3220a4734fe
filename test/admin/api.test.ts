import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ConfigDocument } from '../../src/admin/api/config/document.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { startWebui } from '../support/fake-webui.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'

const owner = `Basic ${btoa('owner:owner-password')}`
const alice = `Basic ${btoa('alice:alice-password')}`

const hash = '$2b$04$tkxmauwhlVIeMnO/Oukx1OxQgloLhjxxbVqeEI386CVXAl94WD9AS'
const file = `{
  // our models
  "providers": { "local": { "baseurl": "http://127.0.0.1:9", "apikey": "sk-secret-one", "models": ["m"] } },
  "users": { "owner": { "password": "${hash}" } },
  "grants": [{ "src": ["owner"], "app": { "tailscale.com/cap/aperture": [{ "role": "admin", "models": "**" }] } }],
}
`

/** A configuration in memory, with a version for each text. */
const memoryDocument = (): ConfigDocument & { text: string; refuse: string | undefined } => {
  const versionOf = (text: string) => `v${text.length}`
  return {
    text: file,
    refuse: undefined,
    async read() {
      return { text: this.text, version: versionOf(this.text) }
    },
    parse: (text) =>
      parseConfig(text, {
        file: 'postern.hujson',
        env: () => undefined,
        readFile: () => undefined,
      }),
    async replace(text, version) {
      if (this.refuse !== undefined) throw new Error(this.refuse)
      if (version !== versionOf(this.text)) return 'changed meanwhile'
      this.text = text
      return 'replaced'
    },
  }
}

let gateway: TestGateway
let document: ReturnType<typeof memoryDocument>

beforeEach(async () => {
  document = memoryDocument()
  gateway = await startTestGateway({}, { document })
})
afterEach(() => gateway.stop())

const ask = (path: string, init: RequestInit & { as?: string } = {}) =>
  fetch(gateway.url + path, {
    ...init,
    headers: {
      authorization: init.as ?? owner,
      ...(init.body ? { 'content-type': 'application/json' } : {}),
      ...(init.headers as Record<string, string>),
    },
  })
const send = (method: string, path: string, body: unknown, headers: Record<string, string> = {}) =>
  ask(path, { method, body: JSON.stringify(body), headers })
const audited = () =>
  gateway.store.acts.map(({ audit: { action, outcome, login } }) => `${login} ${action} ${outcome}`)

describe.each(['/aperture', '/postern/api'])('%s/config', (base) => {
  it('is shown with a version, comments kept and secrets not', async () => {
    const answer = await ask(`${base}/config`)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('etag')).toBe(`"v${file.length}"`)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const { config } = (await answer.json()) as { config: string }
    expect(config).toContain('// our models')
    expect(config).toContain('"keep:/providers/local/apikey"')
    expect(config).not.toContain('sk-secret-one')
    expect(config).not.toContain(hash)
  })

  it('comes back edited, with its secrets, and is on record', async () => {
    const shown = await ask(`${base}/config`)
    const etag = shown.headers.get('etag') ?? ''
    const { config } = (await shown.json()) as { config: string }
    const edited = config.replace('["m"]', '["m", "n"]')
    const answer = await send('PUT', `${base}/config`, { config: edited }, { 'if-match': etag })
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({ config: edited })
    expect(answer.headers.get('etag')).toBe(`"v${document.text.length}"`)
    expect(document.text).toBe(file.replace('["m"]', '["m", "n"]'))
    expect(audited()).toEqual(['owner config.replace done'])
    const { detail } = gateway.store.acts[0]?.audit ?? { detail: '' }
    expect(detail).toContain('["m", "n"]')
    expect(detail).not.toContain('sk-secret-one')
  })

  it('is refused when it was changed meanwhile', async () => {
    const stale = await send('PUT', `${base}/config`, { config: file }, { 'if-match': '"old"' })
    expect(stale.status).toBe(412)
    expect(stale.headers.get('content-type')).toBe('application/problem+json')
    expect(await stale.json()).toMatchObject({ title: 'Precondition Failed', status: 412 })
    expect(document.text).toBe(file)
  })

  it.each([
    ['a variable', '"env:HOME"', 'providers.local.apikey'],
    ['a variable, written otherwise', `"\${HOME}"`, 'providers.local.apikey'],
    ['a file', '"file:/etc/hostname"', 'providers.local.apikey'],
    [
      'a file beside one that is listed',
      '"file:/run/credentials/../shadow"',
      'providers.local.apikey',
    ],
    [
      'a folder that begins like one that is listed',
      '"file:/run/credentials2/x"',
      'providers.local.apikey',
    ],
    ['the key file of a service account', '"keyfile::/etc/google.json"', 'providers.local.apikey'],
    ['a variable with a key file', '"keyfile::env:GOOGLE"', 'providers.local.apikey'],
    ['a reference of another field', '"env:OWNER_HASH"', 'providers.local.apikey'],
    [
      'a reference in a header',
      '"x", "add_headers": ["X-Key: file:/etc/hostname"]',
      'providers.local.add_headers',
    ],
    [
      'a reference in an address',
      '"x" }, "other": { "baseurl": "env:HOME"',
      'providers.other.baseurl',
    ],
  ])(
    'is refused with a new reference to %s, which is not even looked up',
    async (_what, value, location) => {
      document.text = file
        .replace(`"${hash}"`, '"env:OWNER_HASH"')
        .replace(
          '{\n',
          '{ "references": { "env": ["PROVIDER_*"], "files": ["/run/credentials"] },\n',
        )
      const asked: string[] = []
      const { parse } = document
      document.parse = (text) => {
        asked.push(text)
        return parse(text)
      }
      const config = document.text.replace('"sk-secret-one"', () => value)
      for (const method of ['PUT', 'POST']) {
        const path = method === 'PUT' ? `${base}/config` : `${base}/config:validate`
        const answer = await send(method, path, { config }, { 'if-match': '*' })
        expect(answer.status).toBe(method === 'PUT' ? 422 : 200)
        const text = await answer.text()
        expect(text).toContain(location)
        expect(text).toContain('references')
        expect(text).not.toMatch(/cannot be read|is not set|is empty/)
      }
      expect(asked).toEqual([])
      expect(document.text).not.toBe(config)
      expect(audited()).toEqual(['owner config.replace denied'])
    },
  )

  it('takes references that are listed, or in the file already, wherever they are of the same kind', async () => {
    const at = (apikey: string) =>
      file
        .replace('"sk-secret-one"', apikey)
        .replace(
          '{\n',
          '{ "references": { "env": ["PROVIDER_*"], "files": ["/run/credentials/"] },\n',
        )
    const env: Record<string, string> = { OLD: 'a', PROVIDER_ONE: 'b' }
    document.parse = (text) =>
      parseConfig(text, {
        file: 'postern.hujson',
        env: (name) => env[name],
        readFile: (path) => (path === '/run/credentials/two' ? 'c' : undefined),
      })
    document.text = at('"env:OLD"')
    const put = (config: string) => send('PUT', `${base}/config`, { config }, { 'if-match': '*' })
    const renamed = at('"env:OLD"').replace('"local"', '"renamed"')
    expect((await put(renamed)).status).toBe(200)
    for (const apikey of [
      '"env:PROVIDER_ONE"',
      '"file:/run/credentials/two"',
      '"env:PROVIDER_ONE"',
    ]) {
      expect([apikey, (await put(at(apikey))).status]).toEqual([apikey, 200])
    }
    // Gone from the file, it would be new again.
    expect((await put(at('"env:OLD"'))).status).toBe(422)
  })

  it('cannot widen the list of references, and can shorten it', async () => {
    const listed = (env: string) => file.replace('{\n', `{ "references": { "env": [${env}] },\n`)
    document.text = listed('"A", "B"')
    const put = (config: string) => send('PUT', `${base}/config`, { config }, { 'if-match': '*' })
    for (const env of ['"A", "B", "C"', '"*"', '"A*", "B"']) {
      const answer = await put(listed(env))
      expect(answer.status).toBe(422)
      expect(await answer.text()).toContain('references.env')
    }
    expect((await put(listed('"A"'))).status).toBe(200)
    expect((await put(listed('"A", "B"'))).status).toBe(422)
  })

  it('takes no mark of a secret for a field of another kind', async () => {
    const config = file.replace('"sk-secret-one"', '"keep:/users/owner/password"')
    const answer = await send('PUT', `${base}/config`, { config }, { 'if-match': '*' })
    expect(answer.status).toBe(422)
    expect(await answer.text()).not.toContain(hash)
  })

  it.each<[string, string, Record<string, string>, string]>([
    ['without If-Match', file, {}, 'header.If-Match'],
    ['empty', '  ', { 'if-match': '*' }, 'body.config'],
    ['with a mistake', file.replace('baseurl', 'basurl'), { 'if-match': '*' }, 'providers.local'],
    ['with a warning', file.replace('"**"', '"gone/**"'), { 'if-match': '*' }, 'grants[0]'],
    [
      'with a mark of nothing',
      file.replace('sk-secret-one', 'keep:/x'),
      { 'if-match': '*' },
      'body',
    ],
  ])('is refused %s', async (_what, config, headers, location) => {
    const answer = await send('PUT', `${base}/config`, { config }, headers)
    expect(answer.status).toBe(422)
    const { errors } = (await answer.json()) as { errors: { location: string }[] }
    expect(errors.some((error) => error.location.startsWith(location))).toBe(true)
    expect(document.text).toBe(file)
    expect(audited()).toEqual([])
  })

  it('is refused when it would take the last key from who saves it', async () => {
    const app = (role: string) =>
      `"app": { "tailscale.com/cap/aperture": [{ "role": "${role}", "models": "**" }] }`
    const config = file
      .replace('"users": {', `"users": { "bob": { "password": "${hash}" },`)
      .replace('"grants": [', `"grants": [{ "src": ["bob"], ${app('admin')} },`)
      .replace(`"src": ["owner"], ${app('admin')}`, `"src": ["owner"], ${app('user')}`)
    const answer = await send('PUT', `${base}/config`, { config }, { 'if-match': '*' })
    expect(answer.status).toBe(422)
    expect(JSON.stringify(await answer.json())).toContain('remove your own admin role')
    expect(document.text).toBe(file)
  })

  it('says and records when it could not be put in force', async () => {
    document.refuse = 'address in use at /secret/path'
    const answer = await send('PUT', `${base}/config`, { config: file }, { 'if-match': '*' })
    expect(answer.status).toBe(500)
    expect(await answer.text()).not.toContain('/secret/path')
    expect(audited()).toEqual(['owner config.replace done', 'owner config.replace failed'])
  })

  it('is saved with warnings that the one in force has already, and with no other', async () => {
    const entry = '{ "src": ["owner"], "app": { "tailscale.com/cap/aperture": ['
    const idle = file
      .replace('"grants": [', '"flags": {}, "grants": [')
      .replace('[{ "role": "admin"', '[{ "models": "gone/**" }, { "role": "admin"')
    document.text = idle
    // The entry with the warning moves down by one.
    const edited = idle
      .replace('["m"]', '["m", "n"]')
      .replace('"grants": [', `"grants": [${entry}{ "models": "local/n" }] } }, `)
    const judged = await send('POST', `${base}/config:validate`, { config: edited })
    expect(await judged.json()).toEqual({ valid: true, errors: null })
    const saved = await send('PUT', `${base}/config`, { config: edited }, { 'if-match': '*' })
    expect(saved.status).toBe(200)
    expect(document.text).toBe(edited)
    const worse = edited.replace('{ "models": "local/n" }', '{ "models": "gone/**" }')
    const refused = await send('PUT', `${base}/config`, { config: worse }, { 'if-match': '*' })
    expect(refused.status).toBe(422)
    const { errors } = (await refused.json()) as { errors: object[] }
    expect(errors).toHaveLength(1)
    const invalid = await send('POST', `${base}/config:validate`, { config: worse })
    const message = expect.stringMatching(
      /^models pattern "gone\/\*\*" references provider "gone" which/,
    )
    expect(await invalid.json()).toEqual({
      valid: false,
      errors: [message],
      ...(base === '/postern/api' && { problems: [{ line: expect.any(Number), message }] }),
    })
  })

  it('is judged without being changed', async () => {
    const good = await send('POST', `${base}/config:validate`, { config: file })
    expect(await good.json()).toEqual({ valid: true, errors: null })
    const config = file.replace('"baseurl"', '"basurl"')
    const bad = await send('POST', `${base}/config:validate`, { config })
    const { valid, errors } = (await bad.json()) as { valid: boolean; errors: string[] }
    expect(valid).toBe(false)
    expect(errors.join('\n')).toContain('unknown config key "basurl"')
    expect(errors.join('\n')).not.toContain('sk-secret-one')
    expect(document.text).toBe(file)
  })
})

describe('/api/config, where Aperture had it before', () => {
  it('is read and written with a hash in place of the ETag', async () => {
    const shown = (await (await ask('/api/config')).json()) as { config: string; hash: string }
    expect(shown).toEqual({ config: expect.stringContaining('keep:'), hash: `v${file.length}` })
    const config = shown.config.replace('["m"]', '["m", "n"]')
    const saved = await send('PUT', '/api/config', { config, hash: shown.hash })
    expect([saved.status, await saved.json()]).toEqual([
      200,
      { success: true, new_hash: `v${document.text.length}` },
    ])
    expect(document.text).toBe(file.replace('["m"]', '["m", "n"]'))
    expect((await send('PUT', '/api/config', { config, hash: shown.hash })).status).toBe(412)
    expect((await ask('/api/config', { as: alice })).status).toBe(403)
  })

  it('is Open WebUI’s where there is one', async () => {
    const webui = await startWebui()
    const beside = await startTestGateway({ webui: { url: webui.url } }, { document })
    const answer = await fetch(`${beside.url}/api/config`)
    expect([answer.status, webui.requests.at(-1)?.url]).toEqual([200, '/api/config'])
    await beside.stop()
    await webui.stop()
  })
})

describe('who may', () => {
  it('is admins only, and who tried is on record', async () => {
    const answer = await ask('/aperture/config', { as: alice })
    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({ code: 'not_allowed', status: 403 })
    const body = JSON.stringify({ address: '203.0.113.7' })
    expect((await ask('/postern/api/bans', { as: alice, method: 'POST', body })).status).toBe(403)
    expect(audited()).toEqual(['alice@example.com ban.set denied'])
  })

  it('is nobody whom a page of another site sends', async () => {
    const headers = { origin: 'https://evil.example' }
    const answer = await send('PUT', '/aperture/config', { config: file }, headers)
    expect(answer.status).toBe(403)
    expect(document.text).toBe(file)
  })

  it('sends JSON that fits, or learns what does not', async () => {
    const form = await ask('/postern/api/bans', {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'text/plain' },
    })
    expect(form.status).toBe(415)
    const broken = await ask('/postern/api/bans', { method: 'POST', body: '{' })
    expect(broken.status).toBe(400)
    const wrong = await send('POST', '/postern/api/bans', { adress: 'x' })
    expect(wrong.status).toBe(422)
    expect(await wrong.json()).toMatchObject({ errors: [{ location: 'body.address' }, {}] })
  })

  it('does nothing that cannot be put on record', async () => {
    gateway.store.record = () => Promise.reject(new Error('away'))
    const answer = await send(
      'PUT',
      '/aperture/config',
      { config: `${file} ` },
      { 'if-match': '*' },
    )
    expect(answer.status).toBe(503)
    expect(document.text).toBe(file)
  })
})

describe('keys', () => {
  it('are made for oneself, shown once, and kept as a digest', async () => {
    const body = JSON.stringify({ name: 'laptop', models: ['local/**'], expires_in: 60 })
    const made = await ask('/postern/api/keys', { as: alice, method: 'POST', body })
    expect(made.status).toBe(201)
    const { key, id } = (await made.json()) as { key: string; id: string }
    expect(key).toMatch(/^pst_[0-9A-Za-z]{36}$/)
    expect(JSON.stringify(gateway.store.acts)).not.toContain(key)
    const { data } = (await (await ask('/postern/api/keys', { as: alice })).json()) as {
      data: object[]
    }
    expect(data).toMatchObject([
      { id, login: 'alice@example.com', name: 'laptop', models: ['local/**'], revoked_at: null },
    ])
    expect(JSON.stringify(data)).not.toContain('digest')
  })

  it('are made for others, and seen, by admins only', async () => {
    const body = JSON.stringify({ login: 'bob' })
    expect((await ask('/postern/api/keys', { as: alice, method: 'POST', body })).status).toBe(403)
    expect((await ask('/postern/api/keys?all=true', { as: alice })).status).toBe(403)
    expect((await ask('/postern/api/keys', { method: 'POST', body })).status).toBe(201)
    expect((await ask('/postern/api/keys?all=true')).status).toBe(200)
  })
})

describe('bans', () => {
  it('are set in one spelling, and lifted', async () => {
    const made = await send('POST', '/postern/api/bans', { address: '2001:DB8::1', seconds: 60 })
    expect(made.status).toBe(201)
    expect(await made.json()).toMatchObject({ address: '2001:db8::/64', note: 'by owner' })
    const lifted = await ask('/postern/api/bans/203.0.113.0/24', { method: 'DELETE' })
    expect(await lifted.json()).toEqual({ lifted: '203.0.113.0/24' })
    expect(gateway.store.acts.map(({ change }) => change?.kind)).toEqual(['ban.set', 'ban.lift'])
  })

  it.each(['', 'localhost', '127.0.0.0/8', '0.0.0.0/0', '::1'])('never of %j', async (address) => {
    expect((await send('POST', '/postern/api/bans', { address })).status).toBe(422)
    expect(gateway.store.acts).toEqual([])
  })
})

describe('the description', () => {
  it('has every route, with its parameters and shapes', async () => {
    const { paths, openapi } = (await (await ask('/postern/api/openapi.json')).json()) as {
      openapi: string
      paths: Record<string, Record<string, { parameters: unknown[]; operationId: string }>>
    }
    expect(openapi).toBe('3.1.0')
    expect(Object.keys(paths)).toContain('/postern/api/keys/{id}')
    expect(paths['/postern/api/keys/{id}']?.delete?.parameters).toMatchObject([
      { name: 'id', in: 'path', required: true },
    ])
    const ids = Object.values(paths).flatMap((path) =>
      Object.values(path).map((op) => op.operationId),
    )
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('of Aperture’s API has its name, its version, and its five operations under one base', async () => {
    const described = (await (await ask('/aperture/openapi.json')).json()) as {
      openapi: string
      info: { title: string; version: string }
      servers: { url: string }[]
      paths: Record<string, Record<string, { operationId: string; parameters: object[] }>>
    }
    expect(described).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'Aperture API', version: '0' },
      servers: [{ url: '/aperture' }],
    })
    const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(
        ([method, { operationId }]) => `${operationId} ${method} ${path}`,
      ),
    )
    expect(operations.sort()).toEqual([
      'get-config get /config',
      'get-model-pricing get /pricing/{model}',
      'get-pricing get /pricing',
      'set-config put /config',
      'validate-config post /config:validate',
    ])
    expect(described.paths['/config']?.put?.parameters).toMatchObject([
      { name: 'If-Match', in: 'header', required: true },
    ])
  })
})

it('knows who asks', async () => {
  const answer = await ask('/postern/api/me', { as: alice })
  expect(await answer.json()).toMatchObject({
    login: 'alice@example.com',
    role: 'user',
    door: 'local',
  })
})

it('says which grant lets somebody use a model, or what stands in the way', async () => {
  const can = async (query: string) => (await ask(`/postern/api/can?${query}`)).json()
  expect(await can('who=alice&model=local-llm&door=local')).toMatchObject({
    allowed: true,
    doors: [{ door: 'local', routes: [{ provider: 'local', pattern: 'local/**', grant: 1 }] }],
  })
  expect(await can('who=bob&model=local-llm')).toMatchObject({
    allowed: false,
    doors: [{ reasons: [{}] }, {}, {}],
  })
  expect((await ask('/postern/api/can?who=bob')).status).toBe(422)
  expect((await ask('/postern/api/can?who=bob&model=m', { as: alice })).status).toBe(403)
})
