import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Anthropic from '@anthropic-ai/sdk'
import { exportPKCS8, generateKeyPair } from 'jose'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOf, newRandomKey } from '../../src/gateway/identity/key-format.ts'
import { dialects } from '../support/fake-dialects.ts'
import { type FakeUpstream, startUpstream, words } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { apiKey } from '../support/keys.ts'
import { aliceHeaders } from '../support/setup.ts'

const token = 'ya29.canary-minted-token'
const claudeId = 'eu.anthropic.claude-x-v1:0'

let upstream: FakeUpstream
let gateway: TestGateway
let folder: string
let tokensAsked = 0

beforeAll(async () => {
  upstream = await startUpstream(async (exchange) => {
    if (exchange.request.path !== '/token') return dialects(exchange)
    tokensAsked++
    exchange.response.writeHead(200, { 'content-type': 'application/json' })
    exchange.response.end(JSON.stringify({ access_token: token, expires_in: 3600 }))
    return true
  })
  folder = await mkdtemp(join(tmpdir(), 'postern-key-'))
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const keyfile = join(folder, 'vertex.json')
  await writeFile(
    keyfile,
    JSON.stringify({
      client_email: 'gateway@our-project.iam.gserviceaccount.com',
      project_id: 'our-project',
      private_key: await exportPKCS8(privateKey),
      token_uri: `${upstream.url}/token`,
    }),
  )
  const baseurl = upstream.url
  gateway = await startTestGateway({
    providers: {
      gemini: {
        baseurl,
        models: ['gemini-3-pro', 'both'],
        apikey: 'AIza-canary',
        authorization: 'x-goog-api-key',
        compatibility: { gemini_generate_content: true },
        context_length: 1_048_576,
      },
      vertex: {
        baseurl,
        models: ['gemini-v', 'claude-v'],
        apikey: `keyfile::${keyfile}`,
        compatibility: { google_generate_content: true, google_raw_predict: true },
      },
      bedrock: {
        baseurl,
        models: [claudeId, 'nova/lite'],
        apikey: 'bedrock-canary',
        compatibility: { bedrock_model_invoke: true, bedrock_converse: true },
      },
      chat: {
        baseurl,
        models: ['gpt', 'both'],
        apikey: 'sk-canary',
        prices: { '*': { input: 1, output: 2 } },
      },
      claude: {
        baseurl,
        models: ['claude-x'],
        apikey: 'sk-ant-canary',
        authorization: 'x-api-key',
        compatibility: { anthropic_messages: true },
      },
      hidden: { baseurl, models: ['gpt', 'secret'], compatibility: { openai_responses: true } },
    },
    grants: [
      {
        src: ['alice@example.com'],
        app: {
          'tailscale.com/cap/aperture': [
            {
              role: 'user',
              models: ['gemini/**', 'vertex/**', 'bedrock/**', 'chat/**', 'claude/**'],
            },
          ],
        },
      },
    ],
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
  await rm(folder, { recursive: true })
})

const ask = (path: string, body: object = {}, headers: Record<string, string> = {}) =>
  fetch(gateway.url + path, {
    method: 'POST',
    headers: { ...aliceHeaders, ...headers },
    body: JSON.stringify(body),
  })
const lastRow = () => gateway.store.usage.at(-1)
const lastSent = () => upstream.requests.at(-1)

const auto =
  '/v1/projects/_aperture_auto_vertex_project_id_/locations/_aperture_auto_vertex_region_/publishers'
const ours = '/v1/projects/our-project/locations/global/publishers'

const said = words.join('')

describe('each dialect whose path names the model', () => {
  it.each([
    {
      path: '/v1beta/models/gemini-3-pro:generateContent',
      sent: '/v1beta/models/gemini-3-pro:generateContent',
      header: ['x-goog-api-key', 'AIza-canary'],
      row: { provider: 'gemini', model: 'gemini-3-pro', dialect: 'gemini_generate_content' },
      tokens: { inputTokens: 11, outputTokens: 6, cachedTokens: 3, reasoningTokens: 2 },
    },
    {
      // The caller's own key in the query stays here.
      path: '/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse&key=KEY',
      sent: '/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse',
      header: ['x-goog-api-key', 'AIza-canary'],
      row: { provider: 'gemini', model: 'gemini-3-pro' },
      tokens: { inputTokens: 11, outputTokens: 6, cachedTokens: 3, reasoningTokens: 2 },
    },
    {
      path: '/v1beta/models/gemini-3-pro:streamGenerateContent',
      sent: '/v1beta/models/gemini-3-pro:streamGenerateContent',
      header: ['x-goog-api-key', 'AIza-canary'],
      row: { provider: 'gemini' },
      tokens: { inputTokens: 11, outputTokens: 6 },
    },
    {
      // A client whose base URL has no version.
      path: '/models/gemini-3-pro:generateContent',
      sent: '/v1beta/models/gemini-3-pro:generateContent',
      header: ['x-goog-api-key', 'AIza-canary'],
      row: { provider: 'gemini', dialect: 'gemini_generate_content' },
      tokens: { inputTokens: 11, outputTokens: 6 },
    },
    ...['v1', 'v1alpha'].map((version) => ({
      path: `/${version}/models/gemini-3-pro:streamGenerateContent?alt=sse`,
      sent: `/${version}/models/gemini-3-pro:streamGenerateContent?alt=sse`,
      header: ['x-goog-api-key', 'AIza-canary'],
      row: { provider: 'gemini', dialect: 'gemini_generate_content' },
      tokens: { inputTokens: 11, outputTokens: 6 },
    })),
    {
      path: `${auto}/google/models/gemini-v:generateContent`,
      sent: `${ours}/google/models/gemini-v:generateContent`,
      header: ['authorization', `Bearer ${token}`],
      row: { provider: 'vertex', dialect: 'google_generate_content' },
      tokens: { inputTokens: 11, outputTokens: 6 },
    },
    {
      path: `${auto}/google/models/gemini-v:streamGenerateContent?alt=sse`,
      sent: `${ours}/google/models/gemini-v:streamGenerateContent?alt=sse`,
      header: ['authorization', `Bearer ${token}`],
      row: { provider: 'vertex' },
      tokens: { inputTokens: 11, outputTokens: 6 },
    },
    {
      path: `${auto}/anthropic/models/claude-v:rawPredict`,
      sent: `${ours}/anthropic/models/claude-v:rawPredict`,
      header: ['authorization', `Bearer ${token}`],
      row: { provider: 'vertex', dialect: 'google_raw_predict' },
      tokens: { inputTokens: 11, outputTokens: 6 },
    },
    {
      path: `${auto}/anthropic/models/claude-v:streamRawPredict`,
      sent: `${ours}/anthropic/models/claude-v:streamRawPredict`,
      header: ['authorization', `Bearer ${token}`],
      row: { provider: 'vertex' },
      tokens: { inputTokens: 11, outputTokens: 6 },
    },
    ...['invoke', 'invoke-with-response-stream'].map((method) => ({
      path: `/bedrock/model/${encodeURIComponent(claudeId)}/${method}`,
      sent: `/model/${encodeURIComponent(claudeId)}/${method}`,
      header: ['authorization', 'Bearer bedrock-canary'],
      row: { provider: 'bedrock', model: claudeId, dialect: 'bedrock_model_invoke' },
      tokens: { inputTokens: 11, outputTokens: 6 },
    })),
    ...['converse', 'converse-stream'].map((method) => ({
      path: `/bedrock/model/nova/lite/${method}`,
      sent: `/model/nova%2Flite/${method}`,
      header: ['authorization', 'Bearer bedrock-canary'],
      row: { provider: 'bedrock', model: 'nova/lite', dialect: 'bedrock_converse' },
      tokens: { inputTokens: 11, outputTokens: 6 },
    })),
  ])('$path', async ({ path, sent, header, row, tokens }) => {
    const body = { contents: [{ parts: [{ text: 'hi' }] }] }
    const key = newRandomKey(randomBytes)
    gateway.store.changeKeys({
      keys: [apiKey({ digest: await digestOf(key), expiresAt: null })],
      signers: [],
    })
    const inQuery = path.endsWith('&key=KEY') ? { authorization: '' } : {}
    const response = await ask(path.replace(/KEY$/, key), body, inQuery)
    expect(response.status).toBe(200)
    const text = await response.text()
    const heard = path.includes('invoke-with') ? 'message_start' : words[0]?.trim()
    expect(path.includes('invoke-with') ? unwrap(text) : text).toContain(heard)
    expect(lastSent()?.path).toBe(sent)
    expect(lastSent()?.body).toBe(JSON.stringify(body))
    const [name = '', value] = header
    expect(lastSent()?.headers[name]).toBe(value)
    expect(lastRow()).toMatchObject({ ...row, ...tokens, tokensSource: 'reported', status: 200 })
  })

  it('asks for Vertex’s token once', () => {
    expect(tokensAsked).toBe(1)
  })

  it('counts tokens without being charged for any', async () => {
    const response = await ask('/v1beta/models/gemini-3-pro:countTokens')
    expect(await response.json()).toEqual({ totalTokens: 11 })
    expect(lastRow()).toMatchObject({ inputTokens: 0, tokensSource: 'none', status: 200 })
  })

  it.each(['v1', 'v1alpha', 'v1beta'])('embeds under %s', async (version) => {
    for (const method of ['embedContent', 'batchEmbedContents']) {
      const path = `/${version}/models/gemini-3-pro:${method}`
      expect((await ask(path)).status).toBe(200)
      expect(lastSent()?.path).toBe(path)
      expect(lastRow()).toMatchObject({ dialect: 'gemini_generate_content', outputTokens: 0 })
    }
  })

  it('takes bare ids only', async () => {
    const before = upstream.requests.length
    for (const path of [
      '/v1beta/models/gemini/gemini-3-pro:generateContent',
      `${auto}/google/models/vertex/gemini-v:generateContent`,
      '/bedrock/model/bedrock/nova/lite/converse',
    ]) {
      expect((await ask(path)).status).toBe(404)
    }
    expect(upstream.requests).toHaveLength(before)
  })
})

const unwrap = (stream: string): string =>
  [...stream.matchAll(/"bytes":"([^"]+)"/g)].map(([, bytes]) => atob(bytes ?? '')).join('')

describe('a refusal in the dialect of the path', () => {
  it('is Google’s', async () => {
    const response = await ask('/v1beta/models/nope:generateContent')
    expect(response.status).toBe(404)
    const message = 'no route found for model "nope" for user "alice@example.com"'
    expect(await response.json()).toMatchObject({
      error: { code: 404, message, status: 'NOT_FOUND' },
    })
  })

  it('is Amazon’s', async () => {
    const response = await ask('/bedrock/model/nope/converse')
    expect(response.status).toBe(404)
    expect(response.headers.get('x-amzn-errortype')).toBe('ResourceNotFoundException')
    const message = 'no route found for model "nope" for user "alice@example.com"'
    expect(await response.json()).toMatchObject({ message })
  })

  it.each([
    '/bedrock/model/x/delete',
    '/bedrock/x',
    '/v1beta/models/x:predict',
    '/v1alpha/x',
    '/v1beta1/x',
  ])('and %s is not there', async (path) => {
    expect((await ask(path)).status).toBe(404)
  })
})

describe('a model whose providers speak another dialect', () => {
  const messageOf = async (response: Response) =>
    JSON.stringify(await response.json()).replaceAll('\\"', '"')

  it('is refused with the dialects that would do', async () => {
    const response = await ask('/v1/messages', { model: 'gpt', messages: [], max_tokens: 5 })
    expect(response.status).toBe(404)
    expect(await messageOf(response)).toContain(
      'no route found for model "gpt" for user "alice@example.com": dialect not spoken: ' +
        'provider "chat" speaks /v1/chat/completions; not /v1/messages',
    )
    const qualified = await ask('/v1/responses', { model: 'claude/claude-x', input: 'hi' })
    expect(await messageOf(qualified)).toContain('provider "claude" speaks /v1/messages')
    const google = await ask('/v1beta/models/claude-v:generateContent')
    expect(await messageOf(google)).toContain('"vertex" speaks /v1/projects/')
  })

  it('is served by the one provider that speaks it', async () => {
    expect((await ask('/v1beta/models/both:generateContent')).status).toBe(200)
    expect(lastRow()?.provider).toBe('gemini')
    expect((await ask('/v1/chat/completions', { model: 'both', messages: [] })).status).toBe(200)
    expect(lastRow()?.provider).toBe('chat')
  })

  it('is just not there for who may not use it', async () => {
    const response = await ask('/v1/messages', { model: 'secret', messages: [], max_tokens: 5 })
    const text = await messageOf(response)
    expect(text).toContain('no route found for model "secret"')
    expect(text).not.toMatch(/dialect|hidden/)
  })
})

describe('the lists of models', () => {
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(gateway.url + path, {
      headers: { authorization: aliceHeaders.authorization, ...headers },
    })
    return { status: response.status, body: await response.json() }
  }

  it('in OpenAI’s shape hold what is granted, with endpoints and prices, each model once', async () => {
    const { body } = await get('/v1/models')
    const ids = body.data.map(
      (row: { id: string; metadata: { provider: { id: string } } }) =>
        `${row.metadata.provider.id}/${row.id}`,
    )
    expect(ids).toEqual([
      'gemini/gemini-3-pro',
      'gemini/both',
      'vertex/gemini-v',
      'vertex/claude-v',
      `bedrock/${claudeId}`,
      'bedrock/nova/lite',
      'chat/gpt',
      'claude/claude-x',
    ])
    expect(body.data[0]).toMatchObject({
      supported_endpoints: ['/v1beta/models/{model}:generateContent'],
      context_length: 1_048_576,
      metadata: { provider: { upstream: 'google', requires_client_auth: false } },
    })
    expect(body.data[1]).toMatchObject({
      supported_endpoints: ['/v1beta/models/{model}:generateContent', '/v1/chat/completions'],
      metadata: { provider: { id: 'gemini' }, providers: [{ id: 'gemini' }, { id: 'chat' }] },
    })
    expect(body.data[6]).toMatchObject({ pricing: { input: '0.00000100', output: '0.00000200' } })
    expect((await get('/v1/models/bedrock/nova/lite')).body.id).toBe('nova/lite')
  })

  it('in Gemini’s shape hold what speaks Gemini', async () => {
    const { body } = await get('/v1beta/models')
    expect(body.models.map(({ name }: { name: string }) => name)).toEqual([
      'models/gemini-3-pro',
      'models/both',
    ])
    expect(body.models[0]).toMatchObject({ inputTokenLimit: 1_048_576 })
    expect((await get('/v1beta/models/both')).body.name).toBe('models/both')
    const missing = await get('/v1beta/models/gpt')
    expect(missing.status).toBe(404)
    expect(missing.body).toMatchObject({ error: { status: 'NOT_FOUND' } })
  })

  it.each([
    ['/v1/models', 'x-goog-api-client'],
    ['/v1/models', 'x-goog-api-key'],
    ['/v1alpha/models', 'accept'],
  ])('at %s are in Gemini’s shape for a client that sends %s', async (path, header) => {
    const headers = { [header]: header === 'x-goog-api-key' ? 'alice:alice-password' : 'x/1' }
    const own = header === 'x-goog-api-key' ? { authorization: '' } : {}
    const { body } = await get(path, { ...headers, ...own })
    expect(body.models[0].name).toBe('models/gemini-3-pro')
    expect((await get(`${path}/both`, { ...headers, ...own })).body.name).toBe('models/both')
    const missing = await get(`${path}/gpt`, { ...headers, ...own })
    expect(missing.body).toMatchObject({ error: { code: 404, status: 'NOT_FOUND' } })
  })

  it('refuse in the shape of the client, also before anybody is known', async () => {
    const refused = { authorization: 'Bearer alice:wrong' }
    const anthropic = { ...refused, 'anthropic-version': '2023-06-01' }
    expect((await get('/v1/models', anthropic)).body).toMatchObject({
      type: 'error',
      error: { type: 'authentication_error' },
    })
    expect((await get('/v1/models/x', { 'anthropic-version': '2023-06-01' })).body).toMatchObject({
      type: 'error',
      error: { type: 'not_found_error' },
    })
    expect((await get('/v1/files', { 'anthropic-version': '2023-06-01' })).body).toMatchObject({
      type: 'error',
      error: { type: 'not_found_error' },
    })
    const google = { ...refused, 'x-goog-api-client': 'genai' }
    expect((await get('/v1/models', google)).body).toMatchObject({
      error: { code: 401, status: 'UNAUTHENTICATED' },
    })
    expect((await get('/v1/models/x')).body.error.code).toBe('model_not_found')
    // A path of OpenAI's alone has OpenAI's errors, whatever else a client says.
    const chat = await ask('/v1/chat/completions', { model: 'x', messages: [] }, anthropic)
    expect((await chat.json()).error.code).toBe('invalid_credentials')
  })

  it('please the SDKs that know them', async () => {
    const key = 'alice:alice-password'
    const openai = new OpenAI({ apiKey: key, baseURL: `${gateway.url}/v1`, maxRetries: 0 })
    expect((await openai.models.retrieve('gpt')).id).toBe('gpt')
    const anthropic = new Anthropic({ apiKey: key, baseURL: gateway.url, maxRetries: 0 })
    const page = await anthropic.models.list()
    expect(page.data.map(({ id }) => id)).toEqual(['claude-x'])
    expect(page.hasNextPage()).toBe(false)
    expect((await anthropic.models.retrieve('claude-x')).type).toBe('model')
    await expect(anthropic.models.retrieve('gpt')).rejects.toMatchObject({ status: 404 })
    let text = ''
    const stream = anthropic.messages.stream({
      model: 'claude-x',
      max_tokens: 10,
      messages: [{ role: 'user', content: 'hi' }],
    })
    stream.on('text', (piece) => {
      text += piece
    })
    await stream.finalMessage()
    expect(text).toBe(said)
  })
})

describe('a secret of either side', () => {
  it('stands in no log line, in no row, and does not cross', () => {
    const kept = JSON.stringify([gateway.log, gateway.store.usage, gateway.store.failures])
    for (const secret of [token, 'AIza-canary', 'bedrock-canary', 'PRIVATE KEY']) {
      expect(kept).not.toContain(secret)
    }
    expect(JSON.stringify(upstream.requests)).not.toContain('alice-password')
  })
})
