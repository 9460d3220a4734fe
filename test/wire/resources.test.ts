import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Exchange, type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { type HookServer, say, startHookServer } from '../support/hook-server.ts'

/** Answers every path with what it was asked, as a provider answers that has all of them. */
const account = ({ request, response }: Exchange): boolean => {
  const { method, path } = request
  if (path.endsWith('/models') && method === 'GET') return false
  const path0 = path.split('?', 1)[0] ?? ''
  if (path0.endsWith('/content')) {
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-disposition': 'attachment; filename="a.jsonl"',
    })
    response.end('line\n')
  } else if (path0.endsWith('/hangup')) {
    response.writeHead(200)
    response.end()
  } else {
    response.writeHead(200, { 'content-type': 'application/json' })
    // What a provider tells of its own work is no use of this request's.
    const usage = { prompt_tokens: 700, completion_tokens: 300, total_tokens: 1000 }
    response.end(JSON.stringify({ id: 'obj_1', object: 'thing', method, path, usage }))
  }
  return true
}

const files = ['openai/files', 'openai/uploads', 'openai/batches', 'openai/assistants']
const more = [
  ...['openai/stored_completions', 'openai/fine_tuning', 'openai/realtime', 'openai/responses'],
  ...['openai/videos', 'openai/conversations', 'claude/files', 'claude/message_batches'],
]
const grant = (src: string, ...entries: object[]) => ({
  src: [src],
  app: { 'tailscale.com/cap/aperture': [{ role: 'user' }, ...entries] },
})
const providerOf = (baseurl: string | undefined, more: object = {}) => ({
  baseurl,
  models: ['gpt', 'gpt-dear'],
  apikey: 'sk-account-canary-0123456789',
  compatibility: { openai_chat: true, openai_responses: true },
  prices: { '*': { input: 1, output: 1 } },
  ...more,
})

let upstream: FakeUpstream
let claude: FakeUpstream
let hooks: HookServer
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startUpstream(account)
  claude = await startUpstream(account)
  hooks = await startHookServer()
  gateway = await startTestGateway({
    rate_limits: [],
    limits: { body: '1MiB' },
    providers: {
      openai: providerOf(upstream.url),
      lenient: providerOf(upstream.url, { other_models: 'any' }),
      second: providerOf(upstream.url, { preference: -1 }),
      claude: providerOf(claude.url, {
        compatibility: { anthropic_messages: true },
        authorization: 'x-api-key',
      }),
    },
    quotas: {
      'dollars:<user>': { capacity: '$5.00' },
      'tokens:<user>': { capacity: '1000000 tokens' },
      'requests:<user>': { capacity: '1000 requests' },
      'loose:<user>': { capacity: '$5.00', unknown_price: 'allow' },
    },
    hooks: { guard: { url: `${hooks.url}/guard`, fail_policy: 'fail_closed' } },
    grants: [
      grant('alice@example.com', {
        models: 'openai/gpt',
        provider_resources: [...files, ...more],
      }),
      // Every model and no resource.
      grant('bob', { models: '**' }),
      {
        src: ['owner'],
        app: { 'tailscale.com/cap/aperture': [{ role: 'admin', models: '**' }] },
      },
      grant('carol', { models: 'openai/gpt', provider_resources: files }),
      grant('carol', { models: 'openai/gpt-d*', quotas: [{ bucket: 'dollars:<user>' }] }),
      grant('dave', {
        models: '**',
        provider_resources: files,
        quotas: [{ bucket: 'tokens:<user>' }],
      }),
      grant('erin', {
        models: '**',
        provider_resources: files,
        quotas: [{ bucket: 'requests:<user>' }, { bucket: 'loose:<user>' }],
      }),
      grant('gina', { models: 'lenient/gpt', provider_resources: ['lenient/realtime'] }),
      grant('fred', {
        models: 'openai/**',
        provider_resources: files,
        send_hooks: [{ name: 'guard', events: ['pre_request'], send: ['request_body'] }],
      }),
    ],
    users: Object.fromEntries(
      ['alice', 'bob', 'owner', 'carol', 'dave', 'erin', 'fred', 'gina'].map((name) => [
        name,
        {
          password: '$2b$04$otTxTBeBJNqjnjxpr8AYnu1j4/5qlDBrWBQDEdm17/4x74JmGbRm6',
          login: name === 'alice' ? 'alice@example.com' : name,
        },
      ]),
    ),
  })
})
beforeEach(() => {
  upstream.requests.length = 0
  claude.requests.length = 0
  hooks.reset()
})
afterAll(async () => {
  await gateway?.stop()
  await hooks?.stop()
  await claude?.stop()
  await upstream?.stop()
})

interface Asked {
  readonly as?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

const ask = (method: string, path: string, { as = 'alice', body, headers }: Asked = {}) =>
  fetch(gateway.url + path, {
    method,
    headers: {
      authorization: `Basic ${btoa(`${as}:alice-password`)}`,
      ...(body !== undefined &&
        !(body instanceof FormData) && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: body instanceof FormData ? body : JSON.stringify(body) }),
  })

const errorOf = async (response: Response) => {
  const { error } = (await response.json()) as { error: { code: string; message: string } }
  return [response.status, error.code, error.message]
}

describe('what a provider keeps for its account', () => {
  it.each([
    ['GET', '/v1/files?limit=2&purpose=batch'],
    ['GET', '/v1/files/file-abc'],
    ['DELETE', '/v1/files/file-abc'],
    ['GET', '/v1/batches/batch_1'],
    ['POST', '/v1/batches/batch_1/cancel'],
    ['GET', '/v1/threads/thread_1/runs/run_1/steps?include%5B%5D=step_details.tool_calls'],
    ['POST', '/v1/threads/runs'],
    ['GET', '/v1/chat/completions?after=x'],
    ['DELETE', '/v1/chat/completions/chatcmpl-1'],
    ['GET', '/v1/fine_tuning/jobs/ftjob-1/events'],
    ['DELETE', '/v1/models/ft:gpt-4o-mini:acme:suffix:abc'],
    ['GET', '/v1/responses/resp_of_nobody/input_items'],
  ])('is reached by a caller with the grant: %s %s', async (method, path) => {
    const response = await ask(method, path)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ method, path })
    const [sent] = upstream.requests
    expect(sent?.headers.authorization).toBe('Bearer sk-account-canary-0123456789')
  })

  it.each([
    ['GET', '/v1/files', 'not_found', 404],
    ['POST', '/v1/batches', 'not_found', 404],
    ['GET', '/v1/chat/completions', 'method_not_allowed', 405],
    ['DELETE', '/v1/models/ft:gpt-4o-mini:acme:suffix:abc', 'not_found', 404],
    ['GET', '/v1/responses/resp_of_nobody', 'not_found', 404],
  ])(
    'is not there without the grant, whatever models the caller may use: %s %s',
    async (method, path, code, status) => {
      const response = await ask(method, path, { as: 'bob' })
      const [found, told, message] = await errorOf(response)
      expect([found, told]).toEqual([status, code])
      expect(message).not.toContain('provider_resources')
      expect(upstream.requests).toEqual([])
    },
  )

  it.each([
    ['GET', '/v1/organization/users'],
    ['POST', '/v1/organization/admin_api_keys'],
    ['GET', '/v1/projects/p/roles'],
    ['GET', '/v1/organizations/me'],
    ['GET', '/v1/agents'],
    ['POST', '/v1/sessions'],
    ['GET', '/v1/user_profiles'],
    ['DELETE', '/v1/models/gpt'],
    ['POST', '/v1/models/load'],
    ['GET', '/v1/videos'],
    ['PUT', '/v1/files/file-abc'],
    ['GET', '/v1/files/a/b'],
    ['GET', '/v1/files/file-abc/content/more'],
    ['POST', '/v1/threads/runs/run_1/cancel/x'],
  ])('is a table, and nothing beside it is reached: %s %s', async (method, path) => {
    const response = await ask(method, path, { as: method === 'GET' ? 'carol' : 'alice' })
    expect([404, 405]).toContain(response.status)
    expect(upstream.requests).toEqual([])
  })

  it('tells an admin which grant would lead there', async () => {
    const [status, code, message] = await errorOf(await ask('GET', '/v1/files', { as: 'owner' }))
    expect([status, code]).toEqual([404, 'not_found'])
    expect(message).toContain('"provider_resources": ["PROVIDER/files"]')
  })

  it('passes on files of any content, and their names', async () => {
    const response = await ask('GET', '/v1/files/file-abc/content')
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="a.jsonl"')
    expect(await response.text()).toBe('line\n')
  })

  it('takes an answer without a body for an answer', async () => {
    const response = await ask('POST', '/v1/realtime/calls/call_1/hangup')
    expect([response.status, await response.text()]).toEqual([200, ''])
  })

  it('writes forms anew, as those for models', async () => {
    const form = new FormData()
    form.set('purpose', 'batch')
    form.set('expires_after[anchor]', 'created_at')
    form.set('file', new Blob(['{"a":1}\n']), 'a.jsonl')
    const response = await ask('POST', '/v1/files', { body: form })
    expect(response.status).toBe(200)
    const [sent] = upstream.requests
    expect(sent?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=postern-/)
    expect(sent?.body).toContain('{"a":1}')
    expect(sent?.body).toContain('name="expires_after[anchor]"')
  })

  it('lets a batch say which path it is for', async () => {
    const body = { input_file_id: 'file-abc', endpoint: '/v1/responses', completion_window: '24h' }
    expect((await ask('POST', '/v1/batches', { body })).status).toBe(200)
    expect(JSON.parse(upstream.requests[0]?.body ?? '')).toEqual(body)
  })

  it('keeps credentials that stand in the query to itself', async () => {
    await ask('GET', '/v1/files?key=sk-callers-own&api_key=x&access_token=y&limit=1')
    expect(upstream.requests[0]?.path).toBe('/v1/files?limit=1')
  })

  it('asks the provider of the vendor that the client was made for', async () => {
    await ask('GET', '/v1/files', { headers: { 'anthropic-version': '2023-06-01' } })
    await ask('POST', '/v1/messages/batches', { body: { requests: [] } })
    expect(upstream.requests).toEqual([])
    expect(claude.requests.map(({ path }) => path)).toEqual(['/v1/files', '/v1/messages/batches'])
    expect(claude.requests[0]?.headers['x-api-key']).toBe('sk-account-canary-0123456789')
  })

  it('asks no other provider when that one is gone', async () => {
    const off = await startTestGateway({
      providers: {
        gone: providerOf('http://127.0.0.1:9'),
        openai: providerOf(upstream.url, { preference: -1 }),
      },
      grants: [grant('alice@example.com', { provider_resources: ['gone/files', 'openai/files'] })],
    })
    const response = await fetch(`${off.url}/v1/files`, {
      headers: { authorization: `Basic ${btoa('alice:alice-password')}` },
    })
    expect(response.status).toBe(502)
    expect(upstream.requests.filter(({ path }) => path === '/v1/files')).toEqual([])
    await off.stop()
  })

  it('is on the ledger without tokens or price, whatever an answer tells', async () => {
    const before = gateway.store.usage.length
    await (await ask('POST', '/v1/threads/thread_1/runs', { body: { assistant_id: 'a' } })).text()
    await expect.poll(() => gateway.store.usage.length).toBe(before + 1)
    expect(gateway.store.usage.at(-1)).toMatchObject({
      login: 'alice@example.com',
      route: '/v1/threads/thread_1/runs',
      provider: 'openai',
      model: null,
      upstreamModel: null,
      status: 200,
      outcome: 'ok',
      inputTokens: 0,
      outputTokens: 0,
      tokensSource: 'none',
      costNanousd: 0,
    })
  })
})

describe('a model that is named there', () => {
  it('needs nothing else: what bounds an answer elsewhere is a setting here', async () => {
    const body = { type: 'realtime', model: 'gpt', max_output_tokens: 'inf' }
    expect((await ask('POST', '/v1/realtime/calls/call_1/accept', { body })).status).toBe(200)
  })

  it.each([
    ['/v1/assistants', { model: 'gpt-dear' }],
    ['/v1/assistants', { model: 'openai/gpt-dear' }],
    ['/v1/realtime/client_secrets', { session: { type: 'realtime', model: 'gpt-dear' } }],
    [
      '/v1/realtime/client_secrets',
      { session: { audio: { input: { transcription: { Model: 'gpt-dear' } } } } },
    ],
    ['/v1/threads/runs', { assistant_id: 'a', tools: [{ type: 'x', model: 'gpt-dear' }] }],
    ['/v1/realtime/calls?model=gpt-dear', { sdp: 'v=0' }],
  ])('needs the same grant as anywhere: %s %j', async (path, body) => {
    const [status, code, message] = await errorOf(await ask('POST', path, { body }))
    expect([status, code]).toEqual([404, 'model_not_found'])
    expect(message).toContain('gpt-dear')
    expect(upstream.requests).toEqual([])
  })

  it('needs none beside its own where the provider takes any', async () => {
    const session = { type: 'realtime', model: 'gpt-dear' }
    const start = (body: object) => ask('POST', '/v1/realtime/client_secrets', { as: 'gina', body })
    expect((await start({ session })).status).toBe(200)
    expect((await start({ model: 'gpt-dear' })).status).toBe(404)
  })

  it('needs it in a form too', async () => {
    const form = new FormData()
    form.set('model', 'gpt-dear')
    form.set('prompt', 'a cat')
    const response = await ask('POST', '/v1/videos', { body: form })
    expect(await errorOf(response)).toEqual([404, 'model_not_found', expect.any(String)])
    expect(upstream.requests).toEqual([])
  })

  it('goes out under the provider’s name', async () => {
    const body = { model: 'openai/gpt', metadata: { model: 'gpt-dear' } }
    expect((await ask('POST', '/v1/assistants', { body })).status).toBe(200)
    expect(JSON.parse(upstream.requests[0]?.body ?? '')).toEqual({ ...body, model: 'gpt' })
  })
})

describe('what a responses request goes on from', () => {
  const go = (as: string, more: object) =>
    ask('POST', '/v1/responses', { as, body: { model: 'openai/gpt', input: 'hi', ...more } })

  it('may be a response that the gateway knows nothing of, or a conversation, for callers who may use all of them', async () => {
    expect((await go('alice', { previous_response_id: 'resp_of_nobody' })).status).toBe(200)
    expect((await go('alice', { conversation: 'conv_1' })).status).toBe(200)
    expect((await go('alice', { conversation: { id: 'conv_1' } })).status).toBe(200)
    expect(upstream.requests).toHaveLength(3)
  })

  it.each([
    { previous_response_id: 'resp_of_nobody' },
    { conversation: 'conv_1' },
    { conversation: { id: 'conv_1' } },
  ])('is not there for other callers: %j', async (more) => {
    expect(await errorOf(await go('bob', more))).toEqual([404, 'not_found', expect.any(String)])
    expect(upstream.requests).toEqual([])
    expect((await go('bob', { conversation: null })).status).toBe(200)
  })
})

describe('budgets and guards of any model of the provider', () => {
  it.each(['carol', 'dave'])('stop work whose use no answer says: %s', async (as) => {
    const body = { input_file_id: 'file-abc', endpoint: '/v1/responses' }
    const response = await ask('POST', '/v1/batches', { as, body })
    expect(response.headers.get('x-should-retry')).toBe('false')
    const [status, , message] = await errorOf(response)
    expect(status).toBe(429)
    expect(message).toContain('no answer says what this request uses')
    expect(upstream.requests).toEqual([])
    expect((await ask('GET', '/v1/batches', { as })).status).toBe(200)
    expect((await ask('DELETE', '/v1/files/file-abc', { as })).status).toBe(200)
  })

  it('let it pass where they count requests, or say that they take what has no price', async () => {
    const body = { input_file_id: 'file-abc', endpoint: '/v1/responses' }
    expect((await ask('POST', '/v1/batches', { as: 'erin', body })).status).toBe(200)
  })

  it('look at what is said to a thread', async () => {
    const body = { role: 'user', content: 'hello' }
    const response = await ask('POST', '/v1/threads/thread_1/messages', { as: 'fred', body })
    expect(response.status).toBe(200)
    expect(hooks.requests).toHaveLength(1)
    hooks.reply('/guard', say({ action: 'block', message: 'not that' }))
    const blocked = await ask('POST', '/v1/threads/thread_1/messages', { as: 'fred', body })
    expect(blocked.status).toBe(403)
    hooks.reply(
      '/guard',
      say({
        action: 'modify',
        request_body: { role: 'user', content: '[masked]' },
      }),
    )
    await ask('POST', '/v1/threads/thread_1/messages', { as: 'fred', body })
    hooks.reset()
    const sent = upstream.requests.map(({ method, path, body }) => [method, path, body])
    expect(sent).toEqual([
      ['POST', '/v1/threads/thread_1/messages', JSON.stringify(body)],
      ['POST', '/v1/threads/thread_1/messages', '{"role":"user","content":"[masked]"}'],
    ])
  })
})
