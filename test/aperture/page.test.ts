import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseText } from '../../src/adapter/node/config/config-file.ts'
import { importAperture } from '../../src/cli/import/aperture.ts'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { formatProblem } from '../../src/config/problem.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { postern } from '../support/postern.ts'
import { statementsOf } from './page.ts'

const cap = 'tailscale.com/cap/aperture'
const place = { mode: 'serve', path: '/nowhere/postern.hujson', at: Date.UTC(2026, 10, 1) } as const
const taken = async (file: object | string) => {
  const text = typeof file === 'string' ? file : JSON.stringify(file)
  const result = await importAperture(text, place)
  return { ...result, config: parseText(place.path, result.text).config }
}
const p = { baseurl: 'http://h', models: ['m'] }
const granting = (...entries: object[]) => [
  { src: ['alice@example.com'], app: { [cap]: [{ role: 'admin' }, ...entries] } },
]

const read = (file: object) => {
  const lookup = { file: 'f', env: () => undefined, readFile: () => undefined }
  const { config, problems } = parseConfig(JSON.stringify(file), lookup)
  return { config: config as Config, told: problems.map(formatProblem).join('\n') }
}

/** The test that shows it is elsewhere: what it takes is more than a line. */
const shownBy = (file: string, title: string) => () => {
  expect(readFileSync(new URL(`../${file}.test.ts`, import.meta.url), 'utf8')).toContain(title)
}
const all =
  (...checks: readonly (() => unknown)[]) =>
  async () => {
    for (const check of checks) await check()
  }

let gateway: TestGateway
let upstream: FakeUpstream
let text = ''

beforeAll(async () => {
  upstream = await startUpstream({ byModel: {} })
  const { url } = upstream
  const file = {
    mode: 'serve',
    front: 'tailscale',
    providers: {
      local: {
        baseurl: `${url}/v1/`,
        models: ['m'],
        apikey: 'sk-provider-canary-01',
        context_length: 4096,
      },
      own: { baseurl: url, models: ['priced'], prices: { '*': { input: 1, output: 2 } } },
      cloud: { baseurl: url, models: ['not-on-a-list'], cost_basis: 'openai' },
    },
    quotas: { 'day:<user>': { capacity: '$5.00' } },
    grants: [
      {
        src: ['owner', '(loopback)'],
        app: { [cap]: [{ role: 'admin', models: '**' }, { read_pricing: true }] },
      },
      {
        src: ['alice@example.com'],
        app: {
          [cap]: [
            { role: 'user', models: '*/m' },
            { models: 'cloud/**', quotas: [{ bucket: 'day:<user>' }] },
          ],
        },
      },
    ],
  }
  text = JSON.stringify(file)
  const versionOf = () => `v${text.length}`
  const document = {
    read: async () => ({ text, version: versionOf() }),
    parse: (edited: string) => parseText(place.path, edited),
    replace: async (edited: string) => {
      text = edited
      return 'replaced' as const
    },
  }
  const { mode: _mode, front: _front, ...rest } = file
  gateway = await startTestGateway(rest, { document })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
})

const ask = async (path: string, init: RequestInit & { as?: string } = {}) => {
  const { as: who = 'owner', headers, ...rest } = init
  const answer = await fetch(gateway.url + path, {
    ...rest,
    headers: {
      ...(who !== '' && { authorization: `Basic ${btoa(`${who}:${who}-password`)}` }),
      ...(init.body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
  })
  const body = await answer.text()
  return { status: answer.status, headers: answer.headers, body, json: () => JSON.parse(body) }
}
const post = (path: string, body: object, init: Parameters<typeof ask>[1] = {}) =>
  ask(path, { method: 'POST', body: JSON.stringify(body), ...init })
const chat = (model: string, init: Parameters<typeof ask>[1] = {}) =>
  post('/v1/chat/completions', { model, messages: [{ role: 'user', content: 'hi' }] }, init)

const sections = async (file: object) =>
  Object.fromEntries((await taken(file)).sections.map(({ section, outcome }) => [section, outcome]))

/** By the mark of the statement. */
const checks: Readonly<Record<string, () => unknown>> = {
  commands: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'postern-page-'))
    await writeFile(
      join(folder, 'aperture.hujson'),
      JSON.stringify({ providers: { p }, grants: granting() }),
    )
    const cwd = { cwd: folder }
    const first = await postern(['import', 'aperture', 'aperture.hujson'], cwd)
    expect(first.stdout).toContain('written to ./postern.hujson')
    expect(await postern(['check'], cwd)).toMatchObject({ code: 0 })
    await rm(folder, { recursive: true })
    const { scripts } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    )
    expect(scripts.start).toBe('src/cli/bin/postern up')
  },
  'never-refuses': async () => {
    const {
      steps,
      text: made,
      config,
    } = await taken({ providers: { p: { ...p, colour: 1 } }, grants: [] })
    expect(config).toBeDefined()
    expect(made).toContain('// "colour": 1')
    expect(steps).toContainEqual(expect.objectContaining({ path: 'providers.p.colour' }))
    await expect(taken('{ "providers": ')).rejects.toThrow()
  },
  strict: () => {
    for (const wrong of [{ colour: 1 }, { preference: 'high' }]) {
      expect(read({ providers: { p: { ...p, ...wrong } } }).config).toBeUndefined()
    }
    const twice = '{ "providers": {}, "providers": {} }'
    expect(parseText(place.path, twice).config).toBeUndefined()
  },
  'fails-closed': all(
    async () => {
      const quotas = { broken: { capacity: 'lots' } }
      const { config } = await taken({
        providers: { p },
        quotas,
        grants: granting({ quotas: [{ bucket: 'broken' }, { bucket: 'gone' }] }),
      })
      for (const { bucket } of config?.grants[0]?.entries[1]?.quotas ?? []) {
        expect(config?.quotas.get(bucket)?.limit?.capacity).toBe(0)
      }
    },
    async () => {
      const send_hooks = [{ name: 'h', events: ['pre_request'] }]
      const { config } = await taken({
        providers: { p },
        hooks: { h: { fail_policy: 'fail_closed' } },
        grants: granting({ send_hooks }),
      })
      expect(config?.hooks.get('h')).toMatchObject({ disabled: false, failPolicy: 'fail_closed' })
    },
    async () => {
      const { config } = await taken({ providers: { p }, grants: granting({ models: 'gone/**' }) })
      expect(config?.grants[0]?.entries[1]).toEqual({ models: [] })
    },
    async () => {
      const { config } = await taken({ providers: { p: { baseurl: 'http://h' } } })
      expect(config?.grants).toEqual([])
      expect(config?.providers.get('p')?.disabled).toBe(true)
    },
  ),
  'no-secrets': async () => {
    const connectors = { servers: { a: { auth: { type: 'bearer_token', token: 'canary' } } } }
    const { text: made } = await taken({
      providers: { p, q: { apikey: 'canary' } },
      grants: [],
      connectors,
      apikeys: 'canary',
    })
    expect(made).not.toContain('canary')
    expect(made).toContain('"token":"…"')
  },
  'missing-key': async () => {
    const { text: made, config } = await taken({
      providers: { p: { ...p, apikey: `\${GONE_${process.pid}}` } },
      grants: [],
    })
    expect(config?.providers.get('p')?.apikey).toBe('')
    expect(made).toContain(`// "apikey": "\${GONE_${process.pid}}"`)
  },
  'cost-basis': async () => {
    const compatibility = { anthropic_messages: true }
    const claude = { baseurl: 'http://10.0.0.5', models: ['claude-sonnet-4-5'], compatibility }
    const { config } = await taken({
      providers: { claude, qwen: { ...claude, models: ['qwen3'] } },
      grants: [],
    })
    expect(config?.providers.get('claude')?.costBasis).toBe('anthropic')
    expect(config?.providers.get('qwen')?.costBasis).toBeUndefined()
  },
  groups: async () => {
    const grants = [{ src: ['group:eng'], app: { [cap]: [{ role: 'admin' }] } }]
    const { config, problems } = await taken({ providers: { p }, grants })
    expect([config?.groups.get('group:eng'), problems]).toEqual([[], []])
  },
  older: async () => {
    const old = {
      src: ['*'],
      grants: [
        { role: 'admin' },
        { providers: ['p'] },
        { hook: { match: { events: ['entire_request'] }, hook: 'h' } },
      ],
    }
    const provider = { ...p, authorization: { type: 'x-api-key', value: 'k' } }
    const { config } = await taken({
      providers: { p: provider },
      hooks: { h: { url: 'http://h' } },
      temp_grants: [old],
    })
    expect(config?.grants[0]?.entries).toEqual([
      { role: 'admin' },
      { models: ['p/**'] },
      { sendHooks: [{ name: 'h', events: ['entire_request'], send: [] }] },
    ])
    expect(config?.providers.get('p')).toMatchObject({ authorization: 'x-api-key', apikey: 'k' })
  },
  doubles: async () => {
    const { config } = await taken(
      '{ "providers": { "p": { "baseurl": "http://a", "baseurl": "http://b", "models": ["m"] } }, "grants": [] }',
    )
    expect(config?.providers.get('p')?.baseurl).toBe('http://b')
  },
  providers: all(
    async () => {
      for (const authorization of [
        'bearer',
        'x-api-key',
        'x-goog-api-key',
        'hec',
        'cf-aig-authorization',
      ]) {
        for (const auth_mode of ['', 'override', 'passthrough', 'none']) {
          const full = {
          ...p, name: 'P', description: 'D', apikey: 'k', authorization, auth_mode, upstream: 'u',
          compatibility: { openai_chat: true }, cost_basis: 'openai', preference: 1, disabled: false,
          model_cost_map: [{ match: 'm', as: 'gpt-5', adjustment: 2 }], add_headers: ['X-A: b'],
        } // biome-ignore format: dense
          expect(read({ providers: { p: full } }).told).not.toContain('providers.p')
        }
      }
    },
    shownBy('config/keyfile', 'named in the configuration is a reference'),
  ),
  grants: async () => {
    const works = {
      role: 'user', models: 'p/**', quotas: [{ bucket: 'q' }], add_headers: ['X-A: b'], read_metrics: true,
      send_hooks: [{ name: 'h', events: ['entire_request'], send: ['tools'] }], read_pricing: true,
      filterable_headers: ['*'], set_cors: true, cors_paths: ['/v1/**'], 'Access-Control-Allow-Origin': 'https://a.example',
      'Access-Control-Allow-Methods': 'POST', 'Access-Control-Allow-Headers': 'content-type',
    } // biome-ignore format: dense
    const idle = [
      'connectors',
      'mcp_tools',
      'mcp_resources',
      'mcp_templates',
      'enable_chat_ui',
      'direct_paths',
      'skills',
    ]
    const more = Object.fromEntries(idle.map((key) => [key, true]))
    const { steps } = await taken({
      providers: { p }, hooks: { h: { url: 'http://h' } }, quotas: { q: { capacity: '5 requests' } },
      grants: [
        { src: ['alice@example.com'], dst: ['tag:x'], ip: ['tcp:80'], app: { [cap]: [{ role: 'admin' }, works, more] } },
        { src: [], app: { [cap]: [{ role: 'admin' }] } },
      ],
    }) // biome-ignore format: dense
    const out = steps
      .filter(({ outcome }) => outcome !== 'added')
      .map(({ path }) => path.split(/[.\]]/).at(-1))
    expect(out.sort()).toEqual([...idle, 'dst', 'ip'].sort())
  },
  policy: all(
    shownBy(
      'wire/aperture',
      'reaches a hook that asks for grants, beside those of the configuration',
    ),
    shownBy('identity/tailnet', 'adds the accepted capabilities of the header to those of whois'),
  ),
  quotas: all(
    () => {
      for (const capacity of ['$1.00', '2M tokens', '5 requests', '2h compute', '4 concurrent']) {
        const quotas = { 'a:<user>': { capacity, on_exceed: 'reject' }, 'b:<node>': { capacity } }
        expect(read({ quotas }).told).not.toContain('quotas')
      }
      expect(read({ quotas: { q: { capacity: '$1.00', rate: '$1.00/day' } } }).told).not.toContain(
        'quotas',
      )
    },
    shownBy('wire/aperture', 'is not full again because the device has another name'),
  ),
  hooks: all(
    shownBy('wire/hooks', 'is told everything it asks for'),
    shownBy('wire/hooks', 'is told of tools only when one was called'),
    shownBy('wire/hooks', 'is told again until it says that it has heard, signed anew'),
    () => {
      const h = {
        url: 'http://h',
        fail_policy: 'fail_closed',
        preference: 1,
        timeout: '750ms',
        disabled: true,
      }
      expect(read({ hooks: { h } }).told).not.toContain('hooks')
    },
  ),
  exporters: all(shownBy('export/exporter', 'writes the fields of Aperture’s record'), () => {
    const s3 = {
      endpoint: 'https://s3.example.net', bucket_name: 'b', region: 'r', prefix: 'x', access_key_id: 'i',
      access_secret: 's', every: 1800, limit: 2000,
    } // biome-ignore format: dense
    expect(read({ exporters: { s3 } }).told).not.toContain('exporters')
  }),
  database: all(
    async () => {
      const retention = { duration: '30d', purge: ['captures', 'tools'] }
      const database = {
        retention,
        headers: { filterable: [{ name: 'x-a', redact_values: true }] },
        save_raws: false,
        keep_encrypted_blobs: false,
      }
      const { steps, config } = await taken({ providers: { p }, grants: [], database })
      expect(config).toMatchObject({
        retention: { duration: 30 * 86_400_000, purge: ['captures', 'tools'] },
        filterableHeaders: [{ name: 'x-a', redact: true }],
      })
      const out = steps.filter(({ outcome }) => outcome === 'commented out')
      expect(out.map(({ path }) => path).sort()).toEqual([
        'database.keep_encrypted_blobs',
        'database.save_raws',
      ])
    },
    shownBy('capture/purge', 'wait for the export of their row'),
    shownBy('capture/capture', 'is only what it names'),
  ),
  'auto-cost-basis': () => {
    const compatibility = { anthropic_messages: true }
    const basisOf = (baseurl: string, more: object = {}) =>
      read({ providers: { p: { ...p, baseurl, compatibility } }, ...more }).config.providers.get(
        'p',
      )?.costBasis
    expect(basisOf('https://api.anthropic.com')).toBe('anthropic')
    expect(basisOf('https://api.anthropic.com', { auto_cost_basis: false })).toBeUndefined()
    expect(basisOf('http://10.0.0.5')).toBeUndefined()
  },
  'no-effect': async () => {
    const idle = { connectors: {}, mcp: {}, flags: {}, chat_models: [] }
    expect(await sections({ providers: { p }, grants: [], ...idle })).toMatchObject(
      Object.fromEntries(Object.keys(idle).map((key) => [key, 'not taken over'])),
    )
    const { config, told } = read(idle)
    expect(config).toBeDefined()
    for (const key of Object.keys(idle)) expect(told).toContain(`${key} has no effect`)
  },
  'api-config': async () => {
    const shown = await ask('/aperture/config')
    const etag = shown.headers.get('etag') ?? ''
    expect(shown.body).toContain('keep:/providers/local/apikey')
    expect(shown.body).not.toContain('canary')
    const put = (config: string, tag: string) =>
      ask('/aperture/config', {
        method: 'PUT',
        body: JSON.stringify({ config }),
        headers: { 'if-match': tag },
      })
    expect((await put(shown.json().config, '"old"')).status).toBe(412)
    expect((await put(shown.json().config, etag)).status).toBe(200)
    expect(text).toContain('sk-provider-canary-01')
  },
  'api-validate': async () => {
    const { config } = (await ask('/aperture/config')).json()
    const judge = async (edited: string) =>
      (await post('/aperture/config:validate', { config: edited })).json()
    expect(await judge(config)).toEqual({ valid: true, errors: null })
    const { errors } = await judge(config.replace('"models"', '"modles"'))
    expect(errors[0]).toMatch(
      /^unknown config key "modles" \(providers\.local\.modles, line 1, column \d+\)\. .+\./,
    )
    const before = text
    text = text.replace('"quotas":', '"flags":{},"quotas":')
    expect(await judge(config.replace('"quotas":', '"flags":{},"quotas":'))).toMatchObject({
      valid: true,
    })
    text = before
  },
  'api-pricing': async () => {
    const answer = await ask('/aperture/pricing/priced')
    expect(answer.json()).toMatchObject({
      currency: 'USD',
      models: { priced: { cost_bases: { 'own/own': { effective_pricing: { input: '1.00' } } } } },
      configured_adjustments: {
        providers: { cloud: { cost_basis: 'openai', cost_basis_source: 'explicit' } },
      },
    })
    const headers = { 'if-none-match': answer.headers.get('etag') ?? '' }
    expect((await ask('/aperture/pricing/priced', { headers })).status).toBe(304)
  },
  'api-openapi': async () => {
    const { info, paths } = (await ask('/aperture/openapi.json')).json()
    expect(info).toMatchObject({ title: 'Aperture API', version: '0' })
    expect(Object.keys(paths)).toHaveLength(4)
  },
  'api-older': async () => {
    const [provider] = (await ask('/api/providers')).json()
    expect(Object.keys(provider)).toEqual(['id', 'name', 'description', 'models', 'compatibility'])
    const filled = await post('/api/quotas/refill', { bucket: 'day:carol', amount: '$1.00' })
    expect(filled.json()).toMatchObject({ bucket: 'day:carol', balance: 5e9, capacity: 5e9 })
    expect((await ask('/api/quotas')).json()).toMatchObject({ quotas: [] })
  },
  'api-config-older': all(
    async () => {
      const { config, hash } = (await ask('/api/config')).json()
      const answer = await ask('/api/config', {
        method: 'PUT',
        body: JSON.stringify({ config, hash }),
      })
      expect(answer.json()).toMatchObject({ success: true })
    },
    shownBy('admin/api', 'is Open WebUI’s where there is one'),
  ),
  'api-connectors': async () => {
    expect((await ask('/api/connectors')).json()).toEqual({ connectors: [] })
    const mcp = await post('/v1/mcp', {})
    expect([mcp.status, mcp.json().error.message]).toEqual([
      404,
      expect.stringContaining('no connectors yet'),
    ])
  },
  'api-models': async () => {
    const { data } = (await ask('/v1/models')).json()
    expect(data.find(({ id }: { id: string }) => id === 'm')).toMatchObject({
      supported_endpoints: ['/v1/chat/completions'],
      metadata: { provider: { id: 'local', requires_client_auth: false } },
      context_length: 4096,
    })
  },
  'api-no-role': shownBy('wire/aperture', 'is answered at %s as Aperture does'),
  doors: () => {
    const grants = [{ src: ['*'], via: ['tailnet'], app: { [cap]: [{ role: 'user' }] } }]
    expect(read({ mode: 'serve', front: 'tailscale', grants }).config.grants[0]?.via).toEqual([
      'tailnet',
    ])
  },
  loopback: async () => {
    for (const key of ['-', 'not-needed', 'not-required']) {
      const headers = { authorization: `Bearer ${key}` }
      expect((await ask('/v1/models', { as: '', headers })).status).toBe(200)
    }
    expect((await ask('/v1/models', { as: '', headers: { 'x-api-key': 'sk-wrong' } })).status).toBe(
      401,
    )
    expect((await ask('/v1/models', { as: '' })).status).toBe(200)
  },
  baseurl: async () => {
    expect((await chat('m')).status).toBe(200)
    expect(upstream.requests.at(-1)?.path).toBe('/v1/chat/completions')
  },
  models: async () => {
    await gateway.reload({ providers: { asked: { baseurl: upstream.url } } })
    const { data } = (await ask('/v1/models')).json()
    await gateway.reload({})
    expect(data.length).toBeGreaterThan(0)
  },
  references: () => {
    const { config, told } = read({
      providers: { p: { ...p, apikey: 'env:GONE' }, q: { ...p, apikey: 'file:/gone' } },
    })
    expect(config).toBeUndefined()
    expect(told).toMatch(/"GONE" is not set[\s\S]*"\/gone" cannot be read/)
  },
  causes: async () => {
    const told = async (model: string, as: string) =>
      (await chat(model, { as })).json().error.message
    expect(await told('nope', 'owner')).toBe(
      'no route found for model "nope" for user "owner": not listed by any provider',
    )
    const away = { app: { [cap]: [{ role: 'user', models: '*/m' }] }, src: ['alice@example.com'] }
    await gateway.reload({ grants: [away] })
    const [missing, forbidden] = [await told('nope', 'alice'), await told('priced', 'alice')]
    await gateway.reload({})
    expect(missing.replace('nope', '')).toBe(forbidden.replace('priced', ''))
  },
  'null-cost': async () => {
    await chat('m')
    expect(gateway.store.usage.at(-1)).toMatchObject({ model: 'm', costNanousd: null })
    const prices = { '*': { input: 1, second: 0.1, watts: 450, kwh: 0.3 } }
    expect(
      read({ providers: { p: { ...p, prices } } })
        .config.providers.get('p')
        ?.prices.get('*'),
    ).toMatchObject({ input: 1 })
  },
  'unknown-price': async () => {
    expect((await chat('not-on-a-list', { as: 'alice' })).status).toBe(429)
    const quotas = { q: { capacity: '$1.00' } }
    const file = {
      mode: 'serve',
      front: 'tailscale',
      providers: { p },
      quotas,
      grants: granting({ models: '**', quotas: [{ bucket: 'q' }] }),
    }
    expect(read(file).told).toContain('provider p has no price: its requests are charged nothing')
    expect(read({ ...file, quotas: { q: { ...quotas.q, unknown_price: 'allow' } } }).told).toBe('')
  },
  'no-providers': async () => {
    expect(read({}).config.providers.size).toBe(0)
    const { config } = await taken({ grants: [] })
    expect([...(config?.providers.values() ?? [])]).toMatchObject([{ disabled: true }])
  },
  known: () => {
    expect(statementsOf('aperture.md').every(({ id }) => id !== undefined)).toBe(true)
    shownBy('conformance', 'what Aperture does is held to by a test')()
    shownBy('config/aperture', 'a configuration of Aperture’s loads unchanged:')()
  },
}

describe('docs/aperture.md', () => {
  const statements = statementsOf('aperture.md')

  it('says nothing that no check here shows, and no check is of nothing', () => {
    expect(statements.filter(({ id }) => id === undefined || !(id in checks))).toEqual([])
    const ids = statements.map(({ id }) => id)
    expect(new Set(ids)).toEqual(new Set(Object.keys(checks)))
    expect(ids).toHaveLength(Object.keys(checks).length)
  })

  it.each(statements.map(({ id = '', text: said }) => [id, said.slice(0, 60)] as const))(
    'is true where it says %s: %s',
    async (id) => {
      await checks[id]?.()
    },
    60_000,
  )
})
