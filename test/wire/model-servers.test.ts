import OpenAI from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { until } from '../support/raw.ts'
import { aliceHeaders } from '../support/setup.ts'
import { type Answers, answersOf } from '../upstream/model-servers.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Tells who it is as the table says, and answers what is asked of a model below `base` only. */
const server = async (answers: Answers, base = '/v1'): Promise<FakeUpstream> => {
  const fake = await startUpstream(({ request: { method, path }, response }) => {
    if (method === 'POST' && path.startsWith(`${base}/`)) return false
    const answer = method === 'GET' ? answers[path] : undefined
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer ?? { error: 'not here' }))
    return true
  })
  cleanups.push(() => fake.stop())
  return fake
}

const gatewayFor = async (providers: object, models = '**'): Promise<TestGateway> => {
  const entry = { role: 'user', models }
  const gateway = await startTestGateway({
    providers,
    grants: [{ src: ['alice@example.com'], app: { 'tailscale.com/cap/aperture': [entry] } }],
  })
  cleanups.push(() => gateway.stop())
  return gateway
}

const ask = (gateway: TestGateway, path: string, body: object) =>
  fetch(gateway.url + path, {
    method: 'POST',
    headers: aliceHeaders,
    body: JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], ...body }),
  })

const list = (...ids: string[]) => ({ object: 'list', data: ids.map((id) => ({ id })) })

describe('a server that is written down by its address alone', () => {
  it('is asked in every dialect that it speaks', async () => {
    const { url } = await server(answersOf.llamacpp)
    const gateway = await gatewayFor({ gpu: { baseurl: url } })
    for (const path of ['/v1/chat/completions', '/v1/messages', '/v1/responses']) {
      const response = await ask(gateway, path, { model: 'smollm2', max_tokens: 9, input: 'hi' })
      expect([path, response.status]).toEqual([path, 200])
    }
  })

  it('is asked so although it came up after the gateway', async () => {
    let up = false
    const fake = await startUpstream(({ request: { path }, response }) => {
      const answer = up && answersOf.llamacpp[path as keyof typeof answersOf.llamacpp]
      if (up && !answer) return false
      response.writeHead(up ? 200 : 503, { 'content-type': 'application/json' })
      response.end(JSON.stringify(answer || {}))
      return true
    })
    cleanups.push(() => fake.stop())
    let ms = 0
    const clock = { now: () => Date.now(), elapsed: () => performance.now() + ms }
    const entry = { role: 'user', models: '**' }
    const gateway = await startTestGateway(
      {
        providers: { gpu: { baseurl: fake.url, models: ['smollm2'] } },
        grants: [{ src: ['alice@example.com'], app: { 'tailscale.com/cap/aperture': [entry] } }],
      },
      { platform: { clock } },
    )
    cleanups.push(() => gateway.stop())
    up = true
    ms = 11_000
    const body = { model: 'smollm2', max_tokens: 9 }
    expect((await ask(gateway, '/v1/messages', body)).status).toBe(200)
  })

  it('speaks what its owner says, where that is said', async () => {
    const { url } = await server(answersOf.llamacpp)
    const gateway = await gatewayFor({
      gpu: { baseurl: url, compatibility: { openai_chat: true } },
    })
    const body = { model: 'smollm2', max_tokens: 9 }
    expect((await ask(gateway, '/v1/messages', body)).status).toBe(404)
  })
})

describe('a base URL without a version', () => {
  it.each([
    ['', ''],
    ['/v1beta/openai/', '/v1beta/openai'],
    ['/llm', '/llm'],
    ['/llm', '/llm/v1'],
  ])('%j leads to where the list of models is: %s', async (base, paths) => {
    const fake = await server({ [`${paths}/models`]: list('m') }, paths)
    const gateway = await gatewayFor({ gpu: { baseurl: fake.url + base } })
    expect((await ask(gateway, '/v1/chat/completions', { model: 'm' })).status).toBe(200)
    expect(fake.requests.at(-1)?.path).toBe(`${paths}/chat/completions`)
  })

  it('has no version where the configuration says so, whatever the server lists', async () => {
    const fake = await server({}, '')
    const gateway = await gatewayFor({
      pplx: { baseurl: fake.url, models: ['sonar'], version: '' },
    })
    expect((await ask(gateway, '/v1/chat/completions', { model: 'sonar' })).status).toBe(200)
    expect(fake.requests.at(-1)?.path).toBe('/chat/completions')
  })

  it('is followed when the server moves its paths', async () => {
    let base = ''
    const fake = await startUpstream(({ request: { method, path }, response }) => {
      if (method === 'POST') return path === `${base}/chat/completions` ? false : undefined
      const here = path === `${base}/models`
      response.writeHead(here ? 200 : 404, { 'content-type': 'application/json' })
      response.end(JSON.stringify(here ? list('m') : {}))
      return true
    })
    cleanups.push(() => fake.stop())
    const gateway = await gatewayFor({ gpu: { baseurl: fake.url } })
    expect((await ask(gateway, '/v1/chat/completions', { model: 'm' })).status).toBe(200)
    base = '/v1'
    await gateway.reload({})
    await until(() => fake.requests.some(({ path }) => path === '/v1/models'))
    expect((await ask(gateway, '/v1/chat/completions', { model: 'm' })).status).toBe(200)
    expect(fake.requests.at(-1)?.path).toBe('/v1/chat/completions')
  })
})

describe('a model’s name without a tag', () => {
  const tags = {
    ...answersOf.ollama,
    '/v1/models': {
      object: 'list',
      data: [
        { id: 'llama3.2:latest', owned_by: 'library' },
        { id: 'qwen3:8b', owned_by: 'library' },
        { id: 'hf.co:443/x/y:latest', owned_by: 'x' },
      ],
    },
  }

  it.each([
    ['llama3.2', 'llama3.2:latest'],
    ['llama3.2:latest', 'llama3.2:latest'],
    ['ollama/llama3.2', 'llama3.2:latest'],
    ['hf.co:443/x/y', 'hf.co:443/x/y:latest'],
  ])('means :latest at Ollama: %s', async (model, sent) => {
    const fake = await server(tags)
    const gateway = await gatewayFor({ ollama: { baseurl: fake.url } })
    expect((await ask(gateway, '/v1/chat/completions', { model })).status).toBe(200)
    expect(JSON.parse(fake.requests.at(-1)?.body ?? '')).toMatchObject({ model: sent })
    const client = new OpenAI({
      apiKey: 'alice:alice-password',
      baseURL: `${gateway.url}/v1`,
      maxRetries: 0,
    })
    expect((await client.models.retrieve(model)).id).toBe(sent)
  })

  it('is what the configuration lists, and the tag may be written all the same', async () => {
    const fake = await server(tags)
    const gateway = await gatewayFor({ ollama: { baseurl: fake.url, models: ['llama3.2'] } })
    const body = { model: 'llama3.2:latest' }
    expect((await ask(gateway, '/v1/chat/completions', body)).status).toBe(200)
  })

  it.each(['ollama/llama3.2', 'ollama/llama3.2:latest'])(
    'is granted by %s either way, and nothing else is',
    async (grant) => {
      const fake = await server(tags)
      const gateway = await gatewayFor({ ollama: { baseurl: fake.url } }, grant)
      for (const model of ['llama3.2', 'llama3.2:latest']) {
        expect((await ask(gateway, '/v1/chat/completions', { model })).status).toBe(200)
      }
      for (const model of ['qwen3', 'qwen3:8b', 'qwen3:latest', 'llama3.2:8b', 'llama3']) {
        expect((await ask(gateway, '/v1/chat/completions', { model })).status).toBe(404)
      }
    },
  )

  it('is another model at a server that is not Ollama', async () => {
    const fake = await server({ '/v1/models': list('llama3.2:latest') })
    const gateway = await gatewayFor({ other: { baseurl: fake.url } })
    expect((await ask(gateway, '/v1/chat/completions', { model: 'llama3.2' })).status).toBe(404)
    const granted = await gatewayFor({ other: { baseurl: fake.url } }, 'other/llama3.2')
    const body = { model: 'llama3.2:latest' }
    expect((await ask(granted, '/v1/chat/completions', body)).status).toBe(404)
  })
})
