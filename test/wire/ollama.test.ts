import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ollama } from '../support/fake-ollama.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { type FakeWebui, startWebui } from '../support/fake-webui.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { until } from '../support/raw.ts'
import { aliceHeaders } from '../support/setup.ts'

let upstream: FakeUpstream
let other: FakeUpstream
let webui: FakeWebui
let gateway: TestGateway
/** The same with Open WebUI. */
let beside: TestGateway

beforeAll(async () => {
  upstream = await startUpstream(ollama)
  other = await startUpstream()
  webui = await startWebui()
  const config = {
    providers: {
      gpu: { baseurl: `${upstream.url}/v1/`, apikey: 'ollama-canary-key' },
      chat: {
        baseurl: other.url,
        models: ['gpt'],
        compatibility: { openai_chat: true },
      },
    },
    quotas: { 'small:<user>': { capacity: '20 tokens' } },
    grants: [
      {
        src: ['alice@example.com'],
        app: {
          'tailscale.com/cap/aperture': [
            {
              role: 'user',
              models: ['gpu/llama3.2', 'gpu/nomic-embed-text:latest', 'chat/**'],
            },
          ],
        },
      },
      {
        src: ['owner'],
        app: {
          'tailscale.com/cap/aperture': [
            { role: 'user', models: '**', quotas: [{ bucket: 'small:<user>' }] },
          ],
        },
      },
    ],
  }
  gateway = await startTestGateway(config)
  beside = await startTestGateway({ ...config, webui: { url: webui.url } })
})
afterAll(async () => {
  await gateway.stop()
  await beside.stop()
  await webui.stop()
  await other.stop()
  await upstream.stop()
})

const ask = (path: string, body?: object, init: RequestInit = {}) =>
  fetch(gateway.url + path, {
    method: body ? 'POST' : 'GET',
    headers: aliceHeaders,
    ...(body && { body: JSON.stringify(body) }),
    ...init,
  })
const lines = async (response: Response) =>
  (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
const lastRow = async () => {
  const before = gateway.store.usage.length
  await until(() => gateway.store.usage.length >= before)
  return gateway.store.usage.at(-1)
}
const hi = { messages: [{ role: 'user', content: 'hi' }] }

describe('a body under another type than JSON’s', () => {
  const { authorization } = aliceHeaders
  const types = {
    'none, as LiteLLM sends it': {},
    'the one that curl -d says': { 'content-type': 'application/x-www-form-urlencoded' },
    'plain text': { 'content-type': 'text/plain' },
  }

  it.each(Object.entries(types))('is read as Ollama reads it: %s', async (_, type) => {
    const body = new TextEncoder().encode(
      JSON.stringify({ model: 'llama3.2', stream: false, ...hi }),
    )
    upstream.requests.length = 0
    const init = { body, headers: { authorization, ...type } }
    expect((await ask('/ollama/api/chat', {}, init)).status).toBe(200)
    const sent = upstream.requests.find(({ path }) => path === '/api/chat')
    expect(sent?.headers['content-type']).toBe('application/json')
    expect((await ask('/ollama/api/show', {}, init)).status).toBe(200)
  })

  it('is refused from a page, which could send it without asking first', async () => {
    const body = JSON.stringify({ model: 'llama3.2', ...hi })
    for (const page of [{ origin: gateway.url }, { 'sec-fetch-site': 'same-origin' }]) {
      const headers = { authorization, 'content-type': 'text/plain', ...page }
      for (const call of ['chat', 'show']) {
        expect((await ask(`/ollama/api/${call}`, {}, { body, headers })).status).toBe(415)
      }
    }
  })
})

describe('Ollama’s own API lists', () => {
  it.each(['/ollama/api', '/api'])('at %s what the caller may use', async (below) => {
    const { models } = await (await ask(`${below}/tags`)).json()
    expect(models.map(({ name }: { name: string }) => name)).toEqual([
      'llama3.2:latest',
      'nomic-embed-text:latest',
    ])
    expect(models[0]).toMatchObject({
      model: 'llama3.2:latest',
      size: 2_019_393_189,
      details: { family: 'llama' },
    })
    expect(JSON.stringify(models)).not.toContain('secret.example')
    const running = await (await ask(`${below}/ps`)).json()
    expect(running.models).toMatchObject([{ name: 'llama3.2:latest', context_length: 8192 }])
    expect(await (await ask(`${below}/version`)).json()).toEqual({ version: '0.20.1' })
  })

  it('and says that it is there', async () => {
    for (const path of ['/ollama', '/ollama/']) {
      const response = await ask(path, undefined, { method: 'HEAD' })
      expect(response.status).toBe(200)
    }
    expect(await (await ask('/ollama')).text()).toBe('Ollama is running')
  })

  it('by the tagged name, although the configuration leaves the tag out', async () => {
    const plain = await startTestGateway({
      providers: { gpu: { baseurl: upstream.url, models: ['llama3.2'] } },
      grants: [
        {
          src: ['alice@example.com'],
          app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] },
        },
      ],
    })
    const response = await fetch(`${plain.url}/api/tags`, { headers: aliceHeaders })
    expect((await response.json()).models).toMatchObject([
      { name: 'llama3.2:latest', size: 2_019_393_189, capabilities: ['completion', 'tools'] },
    ])
    await plain.stop()
  })

  it('and shows a model by either name, without what is its server’s own', async () => {
    for (const body of [{ model: 'llama3.2' }, { name: 'llama3.2:latest' }]) {
      const shown = await (await ask('/ollama/api/show', body)).json()
      expect(shown).toMatchObject({
        capabilities: ['completion', 'tools'],
        model_info: { 'llama.context_length': 131_072 },
        details: { family: 'llama' },
      })
      expect(shown).not.toHaveProperty('modelfile')
      expect(shown).not.toHaveProperty('license')
    }
  })

  it('nothing to nobody, and no other’s model', async () => {
    for (const path of ['/ollama/api/tags', '/ollama/api/version', '/api/tags']) {
      const refused = await ask(path, undefined, { headers: {} })
      expect(refused.status).toBe(401)
      expect(typeof (await refused.json()).error).toBe('string')
    }
    const hidden = await ask('/ollama/api/show', { model: 'qwen3:8b' })
    expect(hidden.status).toBe(404)
    expect((await hidden.json()).error).toContain('no route found for model "qwen3:8b"')
  })

  it.each(['pull', 'push', 'create', 'copy', 'delete', 'blobs/sha256:0'])(
    'nothing of its models away: %s is not there',
    async (name) => {
      const before = upstream.requests.length
      for (const path of [`/api/${name}`, `/ollama/api/${name}`]) {
        const response = await ask(path, { model: 'llama3.2' })
        expect(response.status).toBe(404)
        expect(typeof (await response.json()).error).toBe('string')
      }
      expect(upstream.requests.length).toBe(before)
    },
  )
})

describe('Ollama’s own API asks', () => {
  it('a model to chat, as a stream where nobody says otherwise, and on the ledger', async () => {
    const response = await ask('/ollama/api/chat', { model: 'llama3.2', ...hi })
    expect(response.headers.get('content-type')).toBe('application/x-ndjson')
    expect(response.headers.get('x-accel-buffering')).toBe('no')
    const said = await lines(response)
    expect(said.map(({ message }) => message.content).join('')).toBe('The sky.')
    expect(said.at(-1)).toMatchObject({ done: true, eval_count: 3 })
    expect(upstream.requests.at(-1)).toMatchObject({ path: '/api/chat' })
    expect(upstream.requests.at(-1)?.headers.authorization).toBe('Bearer ollama-canary-key')
    expect(JSON.parse(upstream.requests.at(-1)?.body ?? '')).toEqual({
      model: 'llama3.2:latest',
      ...hi,
    })
    expect(await lastRow()).toMatchObject({
      dialect: 'ollama',
      provider: 'gpu',
      upstreamModel: 'llama3.2:latest',
      inputTokens: 26,
      outputTokens: 3,
      tokensSource: 'reported',
      outcome: 'ok',
    })
  })

  it('in one piece where the body says so', async () => {
    const body = { model: 'gpu/llama3.2', prompt: 'hi', stream: false }
    const answer = await (await ask('/api/generate', body)).json()
    expect(answer).toMatchObject({ response: 'The sky.', done: true })
    expect(upstream.requests.at(-1)?.path).toBe('/api/generate')
    expect(await lastRow()).toMatchObject({ inputTokens: 26, outputTokens: 3 })
  })

  it('for tools, and counts the call', async () => {
    const body = { model: 'llama3.2', ...hi, tools: [{ type: 'function' }] }
    expect((await lines(await ask('/api/chat', body))).at(-1).message.tool_calls).toHaveLength(1)
    expect(await lastRow()).toMatchObject({ toolCalls: 1 })
  })

  it('for embeddings, old and new', async () => {
    const model = 'nomic-embed-text'
    const embed = await ask('/api/embed', { model, input: 'hi' })
    expect((await embed.json()).embeddings).toEqual([[0.1, 0.2]])
    expect(await lastRow()).toMatchObject({ inputTokens: 8, outputTokens: 0 })
    const old = await ask('/api/embeddings', { model, prompt: 'hi' })
    expect((await old.json()).embedding).toEqual([0.5, 0.25])
  })

  it('nobody who speaks another dialect, and says which would do', async () => {
    const response = await ask('/ollama/api/chat', { model: 'gpt', ...hi })
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({
      code: 'model_not_found',
      error: expect.stringContaining('speaks /v1/chat/completions; not /ollama/api/chat'),
    })
  })

  it.each([
    ['another’s model', '/ollama/api/chat', { model: 'qwen3:8b', ...hi }, 404],
    ['no model', '/ollama/api/chat', hi, 400],
    ['no JSON object', '/ollama/api/generate', [], 400],
  ])('not for %s, and refuses in its own shape', async (_what, path, body, status) => {
    const response = await ask(path, body)
    expect(response.status).toBe(status)
    const { error } = await response.json()
    expect(error).toEqual(expect.any(String))
  })

  it('no more than a budget holds', async () => {
    const headers = {
      ...aliceHeaders,
      authorization: `Basic ${btoa('owner:owner-password')}`,
    }
    const body = { model: 'qwen3:8b', ...hi, options: { num_predict: 10 } }
    const ok = await ask('/ollama/api/chat', body, { headers })
    expect(ok.status).toBe(200)
    await ok.text()
    const spent = await ask('/ollama/api/chat', body, { headers })
    expect(spent.status).toBe(429)
    expect(await spent.json()).toMatchObject({ code: 'quota_exceeded' })
  })

  it('and ends a stream that died with an error in a line of its own, never cleanly', async () => {
    const response = await ask('/ollama/api/chat', { model: 'llama3.2', ...hi, keep_alive: 'dies' })
    let text = ''
    const reading = async () => {
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) text += decoder.decode(chunk)
    }
    await expect(reading()).rejects.toThrow()
    const last = text.trim().split('\n').at(-1) ?? ''
    expect(JSON.parse(last)).toMatchObject({ error: expect.any(String), code: 'upstream_error' })
  })
})

describe('beside Open WebUI', () => {
  const token = `Bearer eyJhbGciOiJIUzI1NiJ9.${btoa(JSON.stringify({ id: 'u1', exp: 9e9 }))}.sig`

  it('/ollama/api is ours, and /api is not', async () => {
    const ours = await fetch(`${beside.url}/ollama/api/tags`, { headers: aliceHeaders })
    expect((await ours.json()).models).toHaveLength(2)
    await fetch(`${beside.url}/api/tags`, { headers: aliceHeaders })
    expect(webui.requests.at(-1)?.url).toBe('/api/tags')
  })

  it('a request of its own pages goes to it, and counts as no guess', async () => {
    for (let i = 0; i < 8; i++) {
      const response = await fetch(`${beside.url}/ollama/api/version`, {
        headers: { authorization: token },
      })
      expect(response.status).toBe(200)
      expect(webui.requests.at(-1)?.url).toBe('/ollama/api/version')
    }
    expect(beside.store.failures).toEqual([])
    const manages = await fetch(`${beside.url}/ollama/api/pull/0`, { headers: aliceHeaders })
    expect(manages.status).toBe(200)
    expect(webui.requests.at(-1)?.url).toBe('/ollama/api/pull/0')
  })
})
