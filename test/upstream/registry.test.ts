import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createTransport } from '../../src/adapter/node/http/transport.ts'
import type { Config } from '../../src/config/config.ts'
import { demoProvider } from '../../src/gateway/upstream/demo.ts'
import { createRegistry, type Registry } from '../../src/gateway/upstream/registry.ts'
import { testConfig } from '../support/config.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { type Answers, answersOf, startServer } from './model-servers.ts'

const transport = createTransport()
afterAll(() => transport.close())

let now = 0
let logged: string[] = []
const platform = {
  send: transport.send,
  clock: { now: () => now, elapsed: () => now },
  log: (_level: string, evt: string) => void logged.push(evt),
}
const cleanups: (() => unknown)[] = []
beforeEach(() => {
  now = 0
  logged = []
})
afterEach(async () => {
  vi.useRealTimers()
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

const server = async (answers: Answers): Promise<FakeUpstream> => {
  const started = await startServer(answers)
  cleanups.push(() => started.stop())
  return started
}
const upstream = async (...args: Parameters<typeof startUpstream>): Promise<FakeUpstream> => {
  const started = await startUpstream(...args)
  cleanups.push(() => started.stop())
  return started
}
const registryFor = (config: Config, ports: readonly number[] = []): Registry => {
  const registry = createRegistry(platform, config, { ports })
  cleanups.push(() => registry.stop())
  return registry
}
const withProviders = (providers: object) => testConfig({ providers })
const lists = (fake: FakeUpstream) => fake.requests.filter(({ path }) => path === '/v1/models')
const models = (registry: Registry) =>
  registry.providers().map((provider) => [provider.id, ...provider.models])

test('named models are there before anybody was asked', () => {
  const registry = registryFor(
    withProviders({ a: { baseurl: 'http://127.0.0.1:9', models: ['m'] } }),
  )
  expect(models(registry)).toEqual([['a', 'm']])
})

test('the list is the same array until something changes', async () => {
  const registry = registryFor(
    withProviders({ a: { baseurl: 'http://127.0.0.1:9', models: ['m'] } }),
  )
  const before = registry.providers()
  await registry.refresh()
  expect(registry.providers()).toBe(before)
})

test.each([[undefined], [[]], [['*']]])('with models %j the provider is asked', async (given) => {
  const fake = await upstream({ models: ['x/y', 'z'] })
  const registry = registryFor(withProviders({ a: { baseurl: fake.url, models: given } }))
  expect(models(registry)).toEqual([['a']])
  await registry.start()
  expect(models(registry)).toEqual([['a', 'x/y', 'z']])
})

test('a provider of Gemini’s is asked where Gemini lists its models, with its key', async () => {
  const fake = await upstream(({ request, response }) => {
    if (!request.path.startsWith('/v1beta/models')) return false
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify({
        models: [
          {
            name: 'models/gemini-3-pro',
            inputTokenLimit: 1_048_576,
            outputTokenLimit: 65_536,
            supportedGenerationMethods: ['generateContent', 'countTokens'],
          },
          { name: 'models/embedding-001', supportedGenerationMethods: ['embedContent'] },
          { name: 7 },
        ],
      }),
    )
    return true
  })
  const registry = registryFor(
    withProviders({
      g: {
        baseurl: fake.url,
        apikey: 'AIza-1',
        authorization: 'x-goog-api-key',
        compatibility: { gemini_generate_content: true },
      },
    }),
  )
  await registry.start()
  expect(fake.requests[0]?.path).toBe('/v1beta/models?pageSize=1000')
  expect(fake.requests[0]?.headers['x-goog-api-key']).toBe('AIza-1')
  expect(models(registry)).toEqual([['g', 'gemini-3-pro', 'embedding-001']])
  expect(registry.providers()[0]?.details.get('gemini-3-pro')).toEqual({
    contextLength: 1_048_576,
    maxOutputTokens: 65_536,
    ownedBy: 'google',
    methods: ['generateContent', 'countTokens'],
  })
})

test('Vertex and Bedrock are asked for nothing, and nobody complains', async () => {
  const fake = await upstream()
  const registry = registryFor(
    withProviders({
      v: { baseurl: fake.url, models: ['g'], compatibility: { google_raw_predict: true } },
      b: { baseurl: fake.url, models: ['b'], compatibility: { bedrock_converse: true } },
      c: {
        baseurl: fake.url,
        models: ['c'],
        compatibility: { experimental_gemini_cli_vertex_compat: true },
      },
    }),
  )
  await registry.start()
  expect(fake.requests).toEqual([])
  expect(logged).toEqual([])
  expect(models(registry)).toEqual([
    ['v', 'g'],
    ['b', 'b'],
    ['c', 'c'],
  ])
})

test('what the owner says of a model stands over what the server tells', async () => {
  const fake = await server(answersOf.vllm)
  const id = 'Qwen/Qwen3.6-35B-A3B-FP8'
  const registry = registryFor(
    withProviders({
      a: { baseurl: fake.url, context_length: { [id]: 1000 }, max_output_tokens: 100 },
      b: { baseurl: fake.url, models: [id, 'other'], context_length: { other: 5 } },
    }),
  )
  await registry.start()
  const [a, b] = registry.providers()
  expect(a?.details.get(id)).toMatchObject({ contextLength: 1000, maxOutputTokens: 100 })
  expect(b?.details.get(id)).toMatchObject({ contextLength: 131_072 })
  expect(b?.details.get('other')).toEqual({ contextLength: 5 })
})

test('asks with the provider’s own credential and headers', async () => {
  const fake = await upstream()
  const registry = registryFor(
    withProviders({
      a: {
        baseurl: `${fake.url}/v1`,
        apikey: 'sk-1',
        authorization: 'x-api-key',
        compatibility: { openai_chat: false, anthropic_messages: true },
        add_headers: ['x-team: ops'],
      },
      b: { baseurl: `${fake.url}/api/`, apikey: 'sk-2' },
    }),
  )
  await registry.refresh()
  const [a, b] = fake.requests
    .filter(({ path }) => /\/v1\/models(?:\?|$)/.test(path))
    .toSorted((x, y) => y.path.localeCompare(x.path))
  expect(a?.path).toBe('/v1/models?limit=1000')
  expect(a?.headers).toMatchObject({
    'x-api-key': 'sk-1',
    'anthropic-version': '2023-06-01',
    'x-team': 'ops',
  })
  expect(b?.path).toBe('/api/v1/models')
  expect(b?.headers).toMatchObject({ authorization: 'Bearer sk-2' })
})

test('named models stay as named, with what their provider tells about them', async () => {
  const vllm = await server(answersOf.vllm)
  const registry = registryFor(
    withProviders({ gpu: { baseurl: vllm.url, models: ['Qwen/Qwen3.6-35B-A3B-FP8', 'other'] } }),
  )
  await registry.refresh()
  const [gpu] = registry.providers()
  expect(gpu?.models).toEqual(['Qwen/Qwen3.6-35B-A3B-FP8', 'other'])
  expect(gpu?.server).toBe('vllm')
  expect(gpu?.details.get('Qwen/Qwen3.6-35B-A3B-FP8')?.contextLength).toBe(131072)
})

test('the last good list is kept when a provider stops telling', async () => {
  const answers: Record<string, unknown> = { ...answersOf.vllm }
  const vllm = await server(answers)
  const registry = registryFor(withProviders({ a: { baseurl: vllm.url } }))
  await registry.refresh()
  const good = models(registry)
  for (const bad of [500, '<html>', { data: 'x' }, { error: {} }]) {
    answers['/v1/models'] = bad
    await registry.refresh()
    expect(models(registry)).toEqual(good)
  }
  await vllm.stop()
  await registry.refresh()
  expect(models(registry)).toEqual(good)
})

test('a provider that is down holds up neither the others nor the start', async () => {
  const mute = await upstream(() => true)
  const fake = await upstream({ models: ['m'] })
  const registry = registryFor(
    withProviders({ mute: { baseurl: mute.url }, b: { baseurl: fake.url } }),
  )
  const started = performance.now()
  await registry.start()
  expect(performance.now() - started).toBeLessThan(3_000)
  expect(models(registry)).toEqual([['mute'], ['b', 'm']])
})

test('says once per look that a provider’s models are unknown, and never throws', async () => {
  const registry = registryFor(withProviders({ a: { baseurl: 'http://127.0.0.1:9' } }))
  await expect(registry.refresh()).resolves.toBeUndefined()
  expect(logged).toEqual(['providers.models_unknown'])
})

test('a disabled provider is listed as such and not asked', async () => {
  const fake = await upstream()
  const registry = registryFor(
    withProviders({ a: { baseurl: fake.url, models: ['m'], disabled: true } }),
  )
  await registry.refresh()
  expect(registry.providers()).toMatchObject([{ id: 'a', disabled: true }])
  expect(fake.requests).toEqual([])
})

test('refreshes that overlap are one look', async () => {
  const fake = await upstream()
  const registry = registryFor(withProviders({ a: { baseurl: fake.url } }))
  await Promise.all([registry.refresh(), registry.refresh(), registry.refresh()])
  expect(lists(fake)).toHaveLength(1)
})

test('a new configuration is in force at once, and an answer meant for the old one is not taken', async () => {
  const held = Promise.withResolvers<void>()
  const old = await upstream(async ({ response }) => {
    await held.promise
    response.end(JSON.stringify({ object: 'list', data: [{ id: 'old' }] }))
    return true
  })
  const next = await upstream({ models: ['new'] })
  const registry = registryFor(withProviders({ a: { baseurl: old.url } }))
  const looking = registry.refresh()
  await old.received()
  const updating = registry.update(
    withProviders({
      a: { baseurl: next.url },
      b: { baseurl: 'http://127.0.0.1:9', models: ['m'] },
    }),
  )
  expect(models(registry)).toEqual([['a'], ['b', 'm']])
  held.resolve()
  await Promise.all([looking, updating])
  expect(models(registry)).toEqual([
    ['a', 'new'],
    ['b', 'm'],
  ])
})

test('what is known of an unchanged provider survives a reload', async () => {
  const fake = await upstream({ models: ['m'] })
  const registry = registryFor(withProviders({ a: { baseurl: fake.url } }))
  await registry.refresh()
  const updating = registry.update(withProviders({ a: { baseurl: fake.url, preference: 3 } }))
  expect(registry.providers()).toMatchObject([{ models: ['m'], preference: 3 }])
  await updating
})

test('with no providers it finds servers on this machine, and leaves the demo away', async () => {
  const [vllm, first, second] = await Promise.all([
    server(answersOf.vllm),
    server(answersOf.llamacpp),
    server(answersOf.llamacpp),
  ])
  const registry = registryFor(withProviders({}), [vllm.port, first.port, second.port])
  expect(registry.providers()).toEqual([demoProvider])
  await registry.start()
  expect(registry.providers().map(({ id }) => id)).toEqual([
    'vllm',
    'llamacpp',
    `llamacpp-${second.port}`,
  ])
  expect(registry.providers()[0]).toMatchObject({ apikey: '', server: 'vllm', name: 'vLLM' })
  expect(logged).toEqual(['providers.found', 'providers.found', 'providers.found'])
})

test('with no server, or none that has a model, the demo answers', async () => {
  const ollama = await server(answersOf.emptyOllama)
  const registry = registryFor(withProviders({}), [ollama.port])
  await registry.refresh()
  expect(registry.providers()).toEqual([demoProvider])
})

test('does not look at its own listeners', async () => {
  const vllm = await server(answersOf.vllm)
  const config = testConfig({
    providers: {},
    listeners: [{ name: 'local', bind: `127.0.0.1:${vllm.port}` }],
  })
  await registryFor(config, [vllm.port]).refresh()
  expect(vllm.requests).toEqual([])
})

test('a found server may be silent twice before it is taken for gone', async () => {
  const answers: Record<string, unknown> = { ...answersOf.vllm }
  const vllm = await server(answers)
  const registry = registryFor(withProviders({}), [vllm.port])
  await registry.refresh()
  answers['/v1/models'] = 503
  for (const expected of ['vllm', 'vllm', 'postern']) {
    await registry.refresh()
    expect(registry.providers().map(({ id }) => id)).toEqual([expected])
  }
  answers['/v1/models'] = answersOf.vllm['/v1/models']
  await registry.refresh()
  expect(registry.providers().map(({ id }) => id)).toEqual(['vllm'])
})

test('an unknown model leads to one look in ten seconds, however many ask', async () => {
  const fake = await upstream({ models: ['m'] })
  const registry = registryFor(withProviders({ a: { baseurl: fake.url } }))
  const answers = await Promise.all([registry.lookAgain(), registry.lookAgain()])
  expect(answers).toEqual([true, true])
  expect(lists(fake)).toHaveLength(1)
  now += 9_999
  expect(await registry.lookAgain()).toBe(false)
  expect(lists(fake)).toHaveLength(1)
  now += 1
  await registry.lookAgain()
  expect(lists(fake)).toHaveLength(2)
})

test('looks again by itself until it is stopped', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  let looks = 0
  const send: typeof platform.send = ({ path }, sink) => {
    if (path === '/v1/models') looks++
    sink.end()
    return { pause() {}, resume() {}, abort() {} }
  }
  const registry = createRegistry(
    { ...platform, send },
    withProviders({ a: { baseurl: 'http://h' } }),
  )
  await registry.start()
  expect(looks).toBe(1)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(looks).toBe(2)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(looks).toBe(3)
  registry.stop()
  await vi.advanceTimersByTimeAsync(600_000)
  expect(looks).toBe(3)
})

const dialectsOf = (registry: Registry) => [...(registry.providers()[0]?.dialects ?? [])]

test.each(['llamacpp', 'ollama', 'vllm', 'lmstudio', 'sglang'] as const)(
  'a %s that is written down by hand speaks what it does when it is found',
  async (kind) => {
    const { url, port } = await server(answersOf[kind])
    const found = registryFor(testConfig({ providers: {} }), [port])
    const written = registryFor(withProviders({ gpu: { baseurl: url } }))
    const atVersion = registryFor(withProviders({ gpu: { baseurl: `${url}/v1/` } }))
    await Promise.all([found.refresh(), written.refresh(), atVersion.refresh()])
    expect(dialectsOf(found).length).toBeGreaterThan(1)
    expect(dialectsOf(written)).toEqual(dialectsOf(found))
    expect(dialectsOf(atVersion)).toEqual(dialectsOf(found))
    expect(written.providers()[0]?.server).toBe(kind)
  },
)

test('dialects that the configuration names stay in force', async () => {
  const { url } = await server(answersOf.llamacpp)
  const registry = registryFor(
    withProviders({
      a: { baseurl: url, compatibility: { openai_chat: true } },
      b: { baseurl: url, compatibility: {} },
    }),
  )
  await registry.refresh()
  expect(registry.providers().map(({ dialects }) => [...dialects])).toEqual([
    ['openai_chat'],
    ['openai_chat'],
  ])
})

test('a server below a path is recognised there', async () => {
  const behind = Object.fromEntries(
    Object.entries(answersOf.llamacpp).map(([path, answer]) => [`/llama${path}`, answer]),
  )
  const { url } = await server(behind)
  const registry = registryFor(withProviders({ a: { baseurl: `${url}/llama/v1` } }))
  await registry.refresh()
  expect(registry.providers()[0]?.server).toBe('llamacpp')
})

test('a stranger on plain HTTP is asked once who it is, and again when its list changes', async () => {
  const list = ['m']
  const fake = await upstream({ models: list })
  const registry = registryFor(withProviders({ a: { baseurl: fake.url } }))
  await registry.refresh()
  const asked = () => fake.requests.filter(({ path }) => path === '/props').length
  await registry.refresh()
  expect(asked()).toBe(1)
  list.push('n')
  await registry.refresh()
  expect(asked()).toBe(2)
})

const plainList = { object: 'list', data: [{ id: 'm', object: 'model' }] }

test.each([
  ['', '/v1/models', undefined],
  ['', '/models', { v1: '' }],
  ['/openai', '/openai/models', { v1: '' }],
  ['/v1beta/openai/', '/v1beta/openai/models', { v1: '' }],
  ['/v1/acc/gw/openai', '/v1/acc/gw/openai/v1/models', undefined],
  ['/v4', '/v4/models', undefined],
])('a base %j whose list is at %s is found out by asking', async (base, path, versions) => {
  const { url } = await server({ [path]: plainList })
  const registry = registryFor(withProviders({ a: { baseurl: url + base } }))
  await registry.refresh()
  expect(models(registry)).toEqual([['a', 'm']])
  expect(registry.providers()[0]?.versions).toEqual(versions)
})

test('what was found out is asked first from then on, and asked anew when it is gone', async () => {
  let path = '/models'
  const fake = await upstream(({ request, response }) => {
    const here = request.path === path
    response.writeHead(here ? 200 : 404, { 'content-type': 'application/json' })
    response.end(here ? JSON.stringify(plainList) : '{}')
    return true
  })
  const registry = registryFor(withProviders({ a: { baseurl: fake.url } }))
  const asked = async () => {
    const before = fake.requests.length
    await registry.refresh()
    return fake.requests.slice(before).map((request) => request.path)
  }
  expect((await asked()).slice(0, 2)).toEqual(['/v1/models', '/models'])
  expect(await asked()).toEqual(['/models'])
  path = '/v1/models'
  expect(await asked()).toEqual(['/models', '/v1/models'])
  expect(registry.providers()[0]?.versions).toBeUndefined()
})

test('a version that the configuration gives is the only one that is asked', async () => {
  const fake = await server({ '/models': plainList, '/v1/models': plainList })
  const registry = registryFor(withProviders({ a: { baseurl: fake.url, version: '' } }))
  await registry.refresh()
  expect(fake.requests[0]?.path).toBe('/models')
  expect(registry.providers()[0]?.versions).toMatchObject({ v1: '', v1beta: '' })
})

test.each([
  ['rows alone', [{ id: 'm' }, { id: 'n' }]],
  ['names alone', ['m', 'n']],
  ['names', { object: 'list', data: ['m', 'n'] }],
  ['a catalogue', { models: [{ slug: 'm' }, { slug: 'n', context_window: 1000 }] }],
])('a list in the shape of %s is a list', async (_shape, answer) => {
  const { url } = await server({ '/v1/models': answer })
  const registry = registryFor(withProviders({ a: { baseurl: url } }))
  await registry.refresh()
  expect(models(registry)).toEqual([['a', 'm', 'n']])
})

test('no list is logged with where it was looked for and what was said there', async () => {
  const { url } = await server({ '/models': { models: 'none' } })
  const reasons: unknown[] = []
  const log = (_level: string, evt: string, fields: object = {}) =>
    void (evt === 'providers.models_unknown' && reasons.push(fields))
  const registry = createRegistry({ ...platform, log }, withProviders({ a: { baseurl: url } }))
  await registry.refresh()
  expect(reasons).toEqual([
    {
      provider: 'a',
      reason: `GET ${url}/v1/models: 404; GET ${url}/models: 200 and no list of models`,
    },
  ])
})

test('a model was made when its server says so, unless that is the time of the question', async () => {
  now = 1_800_000_000_000
  const created = now / 1000
  const data = [
    { id: 'old', created: created - 86_400 },
    { id: 'now', created: created - 1 },
    { id: 'text', created_at: '2025-01-01T00:00:00Z' },
    { id: 'none' },
    { id: 'odd', created: 'yesterday' },
  ]
  const { url } = await server({ '/v1/models': { object: 'list', data } })
  const registry = registryFor(withProviders({ a: { baseurl: url } }))
  await registry.refresh()
  const { details } = registry.providers()[0] ?? {}
  expect(data.map(({ id }) => details?.get(id)?.created)).toEqual([
    created - 86_400,
    undefined,
    1_735_689_600,
    undefined,
    undefined,
  ])
})
