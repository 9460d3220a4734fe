import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Behaviour,
  chatStream,
  type FakeUpstream,
  startUpstream,
} from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { aliceHeaders, providerKey } from '../support/setup.ts'

const basic = (name: string) => ({ authorization: `Basic ${btoa(`${name}:${name}-password`)}` })
const answer =
  (status: number, body: object | string, headers: Record<string, string> = {}): Behaviour =>
  ({ response }) => {
    const type = typeof body === 'string' ? 'text/html; charset=utf-8' : 'application/json'
    response.writeHead(status, { 'content-type': type, ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

const page = (title: string) =>
  `<html>\r\n<head><title>${title}</title></head><body><hr><center>nginx/1.27 at 10.0.0.5</center></body></html>`
const refused = (message: string, more: object = {}) => ({
  error: { message, type: 'permission_error', ...more },
})

/** Refuses whoever asks for usage, in its own words. */
const strict =
  (status: number, body: object): Behaviour =>
  (exchange) =>
    'stream_options' in exchange.json ? answer(status, body)(exchange) : chatStream()(exchange)

const byModel: Readonly<Record<string, Behaviour>> = {
  'page-413': answer(413, page('413 Request Entity Too Large')),
  'page-429': answer(429, page('429 Too Many Requests'), { 'retry-after': '17' }),
  'page-502': answer(502, page('502 Bad Gateway')),
  'page-503': answer(503, page('503 Service Unavailable'), { 'retry-after': '5' }),
  'page-mislabelled': answer(504, page('504'), { 'content-type': 'application/json' }),
  'empty-503': ({ response }) => {
    response.writeHead(503, { 'retry-after': '3' })
    response.end()
  },
  'text-503': answer(503, 'upstream connect error', { 'content-type': 'text/plain' }),
  'page-401': answer(401, page('401 Authorization Required')),
  'plain-500': answer(500, {
    error: { message: 'CUDA out of memory', type: 'server_error', code: 'oom' },
  }),
  'plain-404': answer(404, { error: { message: 'model not found', code: 'model_not_found' } }),
  'plain-407': answer(407, { error: { message: 'proxy' } }),
  'odd-status': answer(999, { error: { message: 'Request denied' } }),
  // 403 for what was asked for.
  'region-403': answer(
    403,
    refused('Country, region, or territory not supported', {
      code: 'unsupported_country_region_territory',
    }),
  ),
  'input-403': answer(403, {
    error: {
      code: 403,
      message: 'Your chosen model requires moderation and your input was flagged',
      metadata: { flagged_input: 'how do I rotate an API key?' },
    },
  }),
  'model-403': answer(
    403,
    refused('Project `p` does not have access to model `gpt-x`', { code: 'model_not_found' }),
  ),
  'beta-403': answer(403, refused('This beta is not available to your organization')),
  // 403 for our key.
  'key-403': answer(
    403,
    refused('Your API key does not have permission to use the specified resource'),
  ),
  'leaked-403': answer(403, {
    error: {
      code: 403,
      message: 'Your API key was reported as leaked. Please use another API key.',
      status: 'PERMISSION_DENIED',
    },
  }),
  'repeats-403': answer(403, refused(`no access for ${providerKey}`)),
  'scopes-403': answer(403, {
    error: {
      code: 403,
      message: 'Request had insufficient authentication scopes.',
      status: 'PERMISSION_DENIED',
    },
  }),
  'amazon-403': answer(
    403,
    { message: 'The security token included in the request is invalid.' },
    { 'x-amzn-errortype': 'UnrecognizedClientException' },
  ),
  'google-400': answer(400, {
    error: {
      code: 400,
      message: 'API key not valid. Please pass a valid API key.',
      status: 'INVALID_ARGUMENT',
      details: [{ reason: 'API_KEY_INVALID' }],
    },
  }),
  // Time to wait.
  'wait-long': answer(429, refused('slow down'), {
    'retry-after': '99999999',
    'retry-after-ms': '99999999999',
  }),
  'wait-date': answer(429, refused('slow down'), {
    'retry-after': new Date(Date.now() + 10 * 86_400_000).toUTCString(),
  }),
  'wait-soon': answer(429, refused('slow down'), {
    'retry-after': new Date(Date.now() + 60_000).toUTCString(),
  }),
  'wait-odd': answer(429, refused('slow down'), { 'retry-after': 'soon' }),
  headers: answer(429, refused('slow down'), {
    'x-should-retry': 'false',
    'retry-after-ms': '1500',
    'request-id': 'req_upstream',
    'x-ratelimit-remaining-requests': '0',
    'anthropic-ratelimit-tokens-reset': '2026-01-01T00:00:00Z',
    'openai-processing-ms': '12',
    'openai-organization': 'user-secret',
    'x-amzn-bedrock-input-token-count': '9',
    'set-cookie': 'a=b',
    server: 'uvicorn',
  }),
}

let upstream: FakeUpstream
let gateway: TestGateway
const compatibility = {
  openai_chat: true,
  anthropic_messages: true,
  openai_responses: true,
  bedrock_converse: true,
  gemini_generate_content: true,
}

beforeAll(async () => {
  upstream = await startUpstream({
    byModel: {
      ...byModel,
      strict: strict(400, {
        error: { message: 'Unrecognized request argument supplied: stream_options' },
      }),
      'strict-422': strict(422, {
        detail: [{ loc: ['body', 'stream_options'], msg: 'Extra inputs are not permitted' }],
      }),
      'strict-silent': strict(400, { error: { message: 'Bad Request' } }),
    },
    handler: (exchange) => {
      const named = Object.keys(byModel).find((model) =>
        exchange.request.path.includes(`/${model}`),
      )
      if (named === undefined) return false
      void byModel[named]?.(exchange)
      return true
    },
  })
  const provider = {
    baseurl: upstream.url,
    models: [...Object.keys(byModel), 'm'],
    apikey: providerKey,
    compatibility,
  }
  const strictOne = (model: string, more: object = {}) => ({
    ...provider,
    models: [model, 'm'],
    ...more,
  })
  gateway = await startTestGateway({
    providers: {
      local: provider,
      'strict-a': strictOne('strict'),
      'strict-b': strictOne('strict-422'),
      'strict-c': strictOne('strict-silent'),
      'strict-d': strictOne('strict', { stream_options: false }),
    },
    grants: [
      { src: ['owner'], app: { 'tailscale.com/cap/aperture': [{ role: 'admin', models: '**' }] } },
      {
        src: ['alice@example.com'],
        app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] },
      },
    ],
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
})

const asked = async (model: string, path = '/v1/chat/completions', body: object = {}) => {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: aliceHeaders,
    body: JSON.stringify({ model, max_tokens: 9, messages: [], ...body }),
  })
  const text = await response.text()
  return { response, text, row: gateway.store.usage.at(-1) }
}

describe('a web page in place of an error', () => {
  it.each([
    ['page-413', 413, null],
    ['page-429', 429, '17'],
    ['page-502', 502, null],
    ['page-503', 503, '5'],
    ['page-mislabelled', 504, null],
    ['empty-503', 503, '3'],
  ])(
    'keeps its status and the time to wait, in the dialect of the caller: %s',
    async (model, status, wait) => {
      for (const [path, shape] of [
        [
          '/v1/chat/completions',
          { error: { code: 'upstream_error', param: null }, request_id: expect.any(String) },
        ],
        ['/v1/messages', { type: 'error', error: { code: 'upstream_error' } }],
        [`/v1beta/models/${model}:generateContent`, { error: { code: status } }],
        [`/bedrock/model/${model}/converse`, { code: 'upstream_error' }],
      ] as const) {
        const { response, text, row } = await asked(model, path)
        expect(response.status).toBe(status)
        expect(response.headers.get('retry-after')).toBe(wait)
        expect(response.headers.get('content-type')).toMatch(/^application\/json/)
        expect(JSON.parse(text)).toMatchObject(shape)
        expect(text).not.toMatch(/nginx|10\.0\.0\.5|<html/)
        expect(row).toMatchObject({ status, outcome: 'upstream_error' })
      }
    },
  )

  it('is a rate limit to the SDKs of Anthropic', async () => {
    const { text } = await asked('page-429', '/v1/messages')
    expect(JSON.parse(text).error).toMatchObject({ type: 'rate_limit_error' })
  })

  it('of a server that wants a login is our own affair', async () => {
    expect((await asked('page-401')).response.status).toBe(502)
  })
})

describe('an error of a provider', () => {
  it.each([
    ['plain-500', 500],
    ['plain-404', 404],
    ['text-503', 503],
  ])('keeps its status and words: %s', async (model, status) => {
    const { response, text, row } = await asked(model)
    expect(response.status).toBe(status)
    expect(text).toMatch(/out of memory|model not found|upstream connect error/)
    expect(row).toMatchObject({
      status,
      outcome: 'upstream_error',
      tokensSource: 'none',
      costNanousd: 0,
    })
  })

  it.each(['region-403', 'input-403', 'model-403', 'beta-403'])(
    '403 is about what was asked for: %s',
    async (model) => {
      const { response, text } = await asked(model)
      expect(response.status).toBe(403)
      expect(JSON.parse(text)).toHaveProperty('error.message')
      expect(text).not.toContain('credentials')
    },
  )

  it.each([
    'key-403',
    'leaked-403',
    'repeats-403',
    'scopes-403',
    'amazon-403',
    'google-400',
    'plain-407',
  ])('that is about our own key is none of the caller’s: %s', async (model) => {
    const { response, text } = await asked(model)
    expect(response.status).toBe(502)
    expect(JSON.parse(text).error.message).toBe(
      "The model server refused the gateway's own credentials.",
    )
  })

  it('with a status that does not exist is a bad gateway', async () => {
    expect((await asked('odd-status')).response.status).toBe(502)
  })

  it('is one in the metrics, on the page of requests, and the provider’s last', async () => {
    await asked('plain-500')
    const metrics = await (
      await fetch(`${gateway.url}/metrics`, { headers: basic('owner') })
    ).text()
    const counted = (name: string, ...labels: string[]) =>
      metrics
        .split('\n')
        .filter((line) => line.startsWith(name) && labels.every((label) => line.includes(label)))
    expect(counted('postern_upstream_attempts_total', 'result="error"')).toHaveLength(1)
    expect(
      counted(
        'postern_requests_total',
        'outcome="upstream_error"',
        'status="5xx"',
        'model="plain-500"',
      ),
    ).toHaveLength(1)
    const { data } = await (
      await fetch(`${gateway.url}/postern/api/providers`, { headers: basic('owner') })
    ).json()
    expect(data.find(({ id }: { id: string }) => id === 'local')).toMatchObject({
      up: true,
      failure: { kind: 'error', reason: '500 oom' },
    })
  })
})

describe('headers of a provider', () => {
  it.each([
    ['wait-long', '86400'],
    ['wait-date', '86400'],
    ['wait-odd', null],
  ])('ask for no absurd patience: %s', async (model, wait) => {
    const { response } = await asked(model)
    expect(response.headers.get('retry-after')).toBe(wait)
    if (model === 'wait-long') expect(response.headers.get('retry-after-ms')).toBe('86400000')
  })

  it('may name a time to wait as a date', async () => {
    const { response } = await asked('wait-soon')
    expect(Date.parse(response.headers.get('retry-after') ?? '')).toBeGreaterThan(
      Date.now() + 50_000,
    )
  })

  it('pass as far as the SDKs of the dialect read them', async () => {
    const { response } = await asked('headers')
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-should-retry': 'false',
      'retry-after-ms': '1500',
      'x-upstream-request-id': 'req_upstream',
      'x-ratelimit-remaining-requests': '0',
      'anthropic-ratelimit-tokens-reset': '2026-01-01T00:00:00Z',
      'openai-processing-ms': '12',
    })
    for (const name of [
      'set-cookie',
      'server',
      'openai-organization',
      'x-amzn-bedrock-input-token-count',
      'request-id',
    ]) {
      expect(response.headers.get(name)).toBeNull()
    }
    const amazon = await asked('headers', '/bedrock/model/headers/converse')
    expect(amazon.response.headers.get('x-amzn-bedrock-input-token-count')).toBe('9')
    expect(amazon.response.headers.get('openai-processing-ms')).toBeNull()
  })

  it('name our own request on Anthropic’s paths as Anthropic does, in answers and errors', async () => {
    for (const model of ['m', 'headers', 'unheard-of']) {
      const { headers } = (await asked(model, '/v1/messages')).response
      expect(headers.get('request-id')).toBe(headers.get('x-request-id'))
      expect(headers.get('request-id')).toMatch(/^[0-9a-f-]{36}$/)
    }
  })
})

describe('a provider that refuses the usage of a stream, which only we asked for', () => {
  const stream = { stream: true }

  it.each(['strict-a/strict', 'strict-b/strict-422', 'strict-c/strict-silent'])(
    'is asked again without, once, and from then on: %s',
    async (model) => {
      const before = upstream.requests.length
      const first = await asked(model, undefined, stream)
      expect(first.response.status).toBe(200)
      expect(first.text).toContain('Hello')
      expect(upstream.requests.length).toBe(before + 2)
      expect(first.row).toMatchObject({ outcome: 'ok', tokensSource: 'estimated' })
      expect((await asked(model, undefined, stream)).response.status).toBe(200)
      expect(upstream.requests.length).toBe(before + 3)
    },
  )

  it('is not asked for it at all with stream_options: false', async () => {
    const before = upstream.requests.length
    expect((await asked('strict-d/strict', undefined, stream)).response.status).toBe(200)
    expect(upstream.requests.length).toBe(before + 1)
  })

  it('is not asked again where the client asked for it itself', async () => {
    const before = upstream.requests.length
    const body = { ...stream, stream_options: { include_usage: true } }
    const { response, text } = await asked('strict-a/strict', undefined, body)
    expect(response.status).toBe(400)
    expect(text).toContain('stream_options')
    expect(upstream.requests.length).toBe(before + 1)
  })

  it('is not asked again by one that took it before, and means something else', async () => {
    expect((await asked('local/m', undefined, stream)).response.status).toBe(200)
    const before = upstream.requests.length
    expect((await asked('local/google-400', undefined, stream)).response.status).toBe(502)
    expect(upstream.requests.length).toBe(before + 1)
  })
})

describe('too much to do', () => {
  it('is told Anthropic’s clients as Anthropic does, others as HTTP does', async () => {
    const limited = await startTestGateway({
      providers: {
        local: {
          baseurl: upstream.url,
          models: ['silent'],
          compatibility,
          limits: { concurrency: 1, queue: 0 },
        },
      },
    })
    const ask = (path: string) =>
      fetch(limited.url + path, {
        method: 'POST',
        headers: aliceHeaders,
        body: '{"model":"silent","max_tokens":9,"messages":[]}',
      })
    const leaving = new AbortController()
    const received = upstream.requests.length
    const first = fetch(`${limited.url}/v1/messages`, {
      method: 'POST',
      headers: aliceHeaders,
      body: '{"model":"silent","max_tokens":9,"messages":[]}',
      signal: leaving.signal,
    })
    await upstream.received(received + 1)
    const refused = await ask('/v1/messages')
    expect(refused.status).toBe(529)
    expect(await refused.json()).toMatchObject({
      error: { type: 'overloaded_error', code: 'overloaded' },
    })
    expect((await ask('/v1/chat/completions')).status).toBe(503)
    leaving.abort()
    await expect(first).rejects.toThrow()
    await limited.stop()
  })
})
