import { request } from 'node:http'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { type FakeWebui, startWebui } from '../support/fake-webui.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { raw } from '../support/raw.ts'
import { aliceHeaders } from '../support/setup.ts'

const model = 'meta-llama/Llama-3.3-70B'
const profile = 'arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-x'

let upstream: FakeUpstream
let webui: FakeWebui
let gateway: TestGateway
beforeAll(async () => {
  upstream = await startUpstream(({ request: { path }, response }) => {
    if (!/:generateContent$|\/invoke$/.test(path)) return false
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    return true
  })
  webui = await startWebui()
  const baseurl = upstream.url
  gateway = await startTestGateway({
    webui: { url: webui.url },
    providers: {
      local: { baseurl, models: [model, 'm', '/my/llms/Qwen3', 'aaa/llava:13b'] },
      gemini: {
        baseurl,
        models: ['tuned/mine'],
        compatibility: { gemini_generate_content: true },
      },
      bedrock: { baseurl, models: [profile], compatibility: { bedrock_model_invoke: true } },
    },
    grants: [
      {
        src: ['alice@example.com'],
        app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] },
      },
    ],
  })
})
afterAll(async () => {
  await gateway.stop()
  await webui.stop()
  await upstream.stop()
})

interface Answer {
  readonly status: number
  readonly body: string
}

/** Sends the path as it is: `fetch` would repair it. */
const ask = (path: string, body?: object, headers: object = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { port } = gateway
    const method = body ? 'POST' : 'GET'
    const sent = request(
      { host: '127.0.0.1', port, path, method, headers: { ...aliceHeaders, ...headers } },
      (response) => {
        let text = ''
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
      },
    )
    sent.on('error', reject)
    sent.end(body && JSON.stringify(body))
  })

describe('an encoded slash in the name of a model', () => {
  it('is what the OpenAI SDK sends, and finds the model', async () => {
    const client = new OpenAI({
      apiKey: 'alice:alice-password',
      baseURL: `${gateway.url}/v1`,
      maxRetries: 0,
    })
    expect((await client.models.retrieve(model)).id).toBe(model)
    expect(JSON.parse((await ask('/models/meta-llama%2fLlama-3.3-70B')).body).id).toBe(model)
    for (const path of ['%2Fmy%2Fllms%2FQwen3', '/my/llms/Qwen3']) {
      expect(JSON.parse((await ask(`/v1/models/${path}`)).body).id).toBe('/my/llms/Qwen3')
    }
    expect((await ask('/v1/models/aaa%2Fllava%3A13b')).status).toBe(200)
  })

  it('stays one segment at a provider whose paths name the model', async () => {
    await ask('/v1beta/models/tuned%2Fmine:generateContent', {})
    expect(upstream.requests.at(-1)?.path).toBe('/v1beta/models/tuned%2Fmine:generateContent')
    expect(gateway.store.usage.at(-1)).toMatchObject({ model: 'tuned/mine', status: 200 })
    await ask(`/bedrock/model/${encodeURIComponent(profile)}/invoke`, {})
    expect(upstream.requests.at(-1)?.path).toBe(`/model/${encodeURIComponent(profile)}/invoke`)
    expect(gateway.store.usage.at(-1)).toMatchObject({ model: profile, status: 200 })
  })

  it.each([
    '/v1/models/meta-llama%252FLlama-3.3-70B',
    '/v1/models/%2e%2e%2fadmin',
    '/v1/models/x%2F..%2F..%2Fui',
    '/v1/chat%2Fcompletions',
    '/v1%2Fmodels',
    '/bedrock%2Fmodel/x/invoke',
  ])('is decoded once and leads nowhere else: %s is refused', async (path) => {
    expect((await ask(path)).status).toBe(400)
  })
})

describe('a base URL with too much in it', () => {
  it.each([
    '/v1/v1/chat/completions',
    '/v1beta/v1/chat/completions',
    '//v1/chat/completions',
    '/v1//chat/completions',
    '/v1/chat/completions/',
    '/chat/completions/',
    '/%76%31/v1/chat/completions',
  ])('still reaches the model by %s, and is one path everywhere', async (path) => {
    const answer = await ask(path, { model: 'm', messages: [] })
    expect(answer.status).toBe(200)
    expect(upstream.requests.at(-1)?.path).toBe('/v1/chat/completions')
    const route = path === '/chat/completions/' ? '/chat/completions' : '/v1/chat/completions'
    expect(gateway.store.usage.at(-1)?.route).toBe(route)
    expect(gateway.log.findLast(({ evt }) => evt === 'access')?.route).toBe(route)
  })

  it.each(['/v1/v1/models', '/v1/models/', '//v1//models', '/models/', '/v1/v1beta/models'])(
    'still lists the models by %s, to those with a credential',
    async (path) => {
      expect((await ask(path)).status).toBe(200)
      expect((await ask(path, undefined, { authorization: '' })).status).toBe(401)
    },
  )

  it.each([
    ['/v1/v1/bedrock/model/x/invoke', '/v1'],
    ['/v1/ollama/api/tags', '/v1'],
    ['/v1/api/chat', '/v1'],
    ['/v1beta/ui', '/v1beta'],
    ['/v1/postern/api/me', '/v1'],
    ['/bedrock/v1/model/x/invoke', '/v1'],
    ['/v1/chat/completions/v1/chat/completions', '/chat/completions'],
    ['/v1/chat/completions/models', '/chat/completions'],
    ['/v1/messages/v1/messages', '/messages'],
  ])('is named where %s cannot be meant for anything', async (path, extra) => {
    const { status, body } = await ask(path, {})
    expect(status).toBe(404)
    expect(body).toContain(`Leave ${extra} off the base URL.`)
  })

  it('is not blamed for a path that is just not there', async () => {
    const { status, body } = await ask('/v1/files', {})
    expect(status).toBe(404)
    expect(body).toContain('There is no /v1/files here.')
    expect(body).not.toContain('base URL')
  })
})

describe('a base URL without /v1', () => {
  it.each(['/completions', '/messages', '/audio/speech', '/images/edits'])(
    'is named where %s needs it',
    async (path) => {
      const alone = await startTestGateway()
      const response = await fetch(alone.url + path, { method: 'POST', headers: aliceHeaders })
      expect(response.status).toBe(404)
      expect(await response.text()).toContain('Add /v1 to the base URL.')
      await alone.stop()
    },
  )
})

describe('a WebSocket on a path that has HTTP only', () => {
  const upgrade = (path: string) =>
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://localhost\r\n\r\n`

  it.each([
    '/v1/responses',
    '/responses',
    '/codex/responses',
    '/v1/chat/completions',
    '/v1/models',
    '/v1/realtime',
    '/v1beta/models/m:generateContent',
    '/postern/api/me',
    '/ui',
    '/metrics',
  ])('is answered 426 on %s, with what is spoken there instead', async (path) => {
    const { text, statuses, closed } = await raw(gateway.port, upgrade(path))
    expect(statuses).toEqual([426])
    expect(closed).toBe(true)
    // RFC 9110 §15.5.22: the answer must name a protocol, and §7.8: Connection must name the field.
    expect(text).toMatch(/\r\nupgrade: HTTP\/1\.1\r\n/i)
    expect(text).toMatch(/\r\nconnection: close, Upgrade\r\n/i)
    expect(text).toContain('upgrade_required')
  })
})

describe('a path that is Open WebUI’s alone', () => {
  it.each([
    '/api/v1/files/a%2Fb/content',
    '/api/v1/files/100%25.txt?x=%2F',
    '/api/v1/knowledge/a;b=c',
    '/cache//x//y/',
    '/static/%61%2520[1]|x',
  ])('arrives there as it was sent: %s', async (path) => {
    expect((await ask(path)).status).toBe(200)
    expect(webui.requests.at(-1)?.url).toBe(path)
  })

  it.each([
    '/api//pull',
    '/api/%70ull',
    '/api%2Fpull',
    '/API%252Fpull',
    '/;x/api/pull',
    '/api;x/pull',
    '/ui//',
    '/%2575i',
    '//postern/api/me',
    '/static/..%2f..%2fui',
    '/static/..;/ui',
    '/static/%252e%252e/ui',
    '//evil.example/x',
  ])('is none that some reader takes for one of ours: %s stays here', async (path) => {
    const before = webui.requests.length
    expect([400, 404]).toContain((await ask(path)).status)
    expect(webui.requests).toHaveLength(before)
  })
})
