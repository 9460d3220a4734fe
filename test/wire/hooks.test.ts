import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type Behaviour,
  chatStream,
  type FakeUpstream,
  startUpstream,
  words,
} from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { type HookRequest, type HookServer, say, startHookServer } from '../support/hook-server.ts'
import { chat } from '../support/setup.ts'

const secret = 'hook-signing-secret-0123456789abcdef'
const hookKey = 'hook-key-canary-0123456789'
const everything = [
  'request_body',
  'response_body',
  'raw_responses',
  'user_message',
  'tools',
  'grants',
  'estimated_cost',
  'quotas',
]

const toolCall: Behaviour = ({ response, json }) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  const call = {
    id: 'c',
    type: 'function',
    function: { name: 'bash', arguments: '{"command":"ls"}' },
  }
  const message = { role: 'assistant', content: null, tool_calls: [call] }
  response.end(
    JSON.stringify({
      object: 'chat.completion',
      model: json.model,
      choices: [{ index: 0, message }],
    }),
  )
}

const packed: Behaviour = ({ response }) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
  response.end(gzipSync(JSON.stringify({ choices: [{ message: { content: 'packed' } }] })))
}

let upstream: FakeUpstream
let server: HookServer
let gateway: TestGateway
let closedPort: number

/** A grant for one model only: each test has a model of its own, and by it the hooks it needs. */
const when = (model: string, ...hooks: object[]) => ({ models: `*/${model}`, send_hooks: hooks })
const before = (name: string, ...send: string[]) => ({ name, events: ['pre_request'], send })
const after = (name: string, ...send: string[]) => ({ name, events: ['entire_request'], send })

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })

const models = [
  'plain', 'guarded', 'chain', 'open', 'closed', 'down-open', 'down-closed', 'redacted', 'told',
  'toolish', 'packed', 'retried', 'union', 'dies', 'left', 'streamed', 'locked',
] // biome-ignore format: a list

const configFor = () => {
  const at = (path: string, more: object = {}) => ({
    url: server.url + path,
    timeout: '2s',
    ...more,
  })
  return {
    limits: { body: '256KiB' },
    providers: {
      local: {
        baseurl: upstream.url,
        models: [...models, 'spared'],
        apikey: 'provider-key',
        prices: { '*': { input: 1000, output: 2000 } },
        compatibility: {
          openai_chat: true,
          openai_responses: true,
          anthropic_messages: true,
          gemini_generate_content: true,
          bedrock_model_invoke: true,
        },
      },
      spare: { baseurl: upstream.url, models: ['spared'], preference: -1 },
    },
    hooks: {
      guard: at('/guard', { apikey: hookKey, authorization: 'x-api-key', secret, preference: 100 }),
      second: at('/second?token=t', { apikey: hookKey, preference: 50 }),
      open: at('/open', { timeout: '150ms' }),
      closed: at('/closed', { timeout: '150ms', fail_policy: 'fail_closed' }),
      'down-open': { url: `http://127.0.0.1:${closedPort}` },
      'down-closed': { url: `http://127.0.0.1:${closedPort}`, fail_policy: 'fail_closed' },
      audit: at('/audit', { secret }),
      tools: at('/tools'),
      flaky: at('/flaky', { secret }),
      off: at('/off', { disabled: true }),
      inside: { redact: { patterns: { ticket: 'ACME-[0-9]+' } }, fail_policy: 'fail_closed' },
      locked: { redact: { action: 'block' } },
    },
    grants: [
      {
        src: ['alice@example.com'],
        app: {
          'tailscale.com/cap/aperture': [
            { role: 'user', models: '*/**' },
            { models: 'spare/**', send_hooks: [before('guard')] },
            when(
              'guarded',
              before(
                'guard',
                'request_body',
                'user_message',
                'tools',
                'response_body',
                'raw_responses',
                'grants',
              ),
            ),
            when('chain', before('second', 'request_body'), before('guard', 'request_body')),
            when('open', before('open')),
            when('closed', before('closed', 'request_body')),
            when('down-open', before('down-open')),
            when('down-closed', before('down-closed')),
            when('redacted', before('inside')),
            when('locked', before('locked')),
            when('told', after('audit', ...everything), before('off')),
            when('streamed', after('audit', ...everything)),
            when('packed', after('audit', 'response_body')),
            when('dies', after('audit', 'response_body')),
            when('left', before('guard'), after('audit', 'user_message')),
            when('retried', after('flaky')),
            when('toolish', {
              name: 'tools',
              events: ['tool_call_entire_request'],
              send: ['tools'],
            }),
            when('union', after('audit', 'user_message')),
          ],
          'example.com/cap/policy': [{ tier: 'gold' }],
        },
      },
      {
        src: ['group:family'],
        app: {
          'tailscale.com/cap/aperture': [
            when('union', {
              name: 'audit',
              events: ['entire_request', 'tool_call_entire_request'],
              send: ['tools'],
            }),
          ],
        },
      },
    ],
  }
}

beforeAll(async () => {
  closedPort = await freePort()
  server = await startHookServer()
  upstream = await startUpstream({
    models,
    byModel: {
      toolish: toolCall,
      union: toolCall,
      packed,
      streamed: chatStream({ gap: 2 }),
      dies: chatStream({ gap: 2, dies: { after: 2, how: 'rst' } }),
    },
  })
  gateway = await startTestGateway(configFor())
})

afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
  await server.stop()
})

beforeEach(() => {
  server.reset()
  upstream.requests.length = 0
})

const ask = (model: string, more: object = {}, init: Parameters<typeof chat>[2] = {}) =>
  chat(gateway.url, { model, ...more }, init)

const said = (content: string) => ({ messages: [{ role: 'user', content }] })

/** As docs/hooks.md tells receivers to, with nothing of ours. */
const isSigned = ({ headers, text }: HookRequest): boolean => {
  const [, t = '', v1 = ''] =
    /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['x-postern-signature'])) ?? []
  const expected = createHmac('sha256', secret).update(`${t}.${text}`).digest()
  const fresh = Math.abs(Date.now() / 1000 - Number(t)) < 300
  return fresh && timingSafeEqual(expected, Buffer.from(v1, 'hex'))
}

describe('a guard before the request', () => {
  it('is asked, and lets it go', async () => {
    const answer = await ask('guarded', said('hello'))
    expect(answer.status).toBe(200)
    const [call] = await server.received('/guard')
    expect(call?.json).toEqual({
      metadata: {
        login_name: 'alice@example.com',
        user_agent: expect.any(String),
        url: '/v1/chat/completions',
        model: 'guarded',
        provider: 'local',
        tailnet_name: '',
        stable_node_id: '',
        request_id: answer.headers.get('x-request-id'),
        session_id: expect.stringMatching(/^oacc_[0-9a-f]{32}$/),
        grants: { 'example.com/cap/policy': [{ tier: 'gold' }] },
      },
      request_body: { model: 'guarded', messages: [{ role: 'user', content: 'hello' }] },
      user_message: 'hello',
      tool_calls: [],
      response_body: {},
      raw_responses: [],
    })
    expect(call?.headers).toMatchObject({
      'content-type': 'application/json',
      'x-api-key': hookKey,
      'x-postern-hook': 'guard',
      'x-postern-event': 'pre_request',
    })
    expect(isSigned(call!)).toBe(true)
    expect(call?.headers.authorization).toBeUndefined()
  })

  it('blocks with what it says, in the dialect of the path', async () => {
    server.reply('/guard', say({ action: 'block', status_code: 451, message: 'card number found' }))
    const message = 'card number found'
    const openai = { error: { message, type: 'guardrail_blocked' } }
    const google = { error: { code: 451, message, status: 'PERMISSION_DENIED' } }
    for (const [path, body] of [
      ['/v1/chat/completions', openai],
      ['/v1/responses', openai],
      ['/v1/messages', { type: 'error', error: { type: 'invalid_request_error', message } }],
      ['/v1beta/models/guarded:generateContent', google],
      ['/bedrock/model/guarded/invoke', { message }],
    ] as const) {
      const answer = await ask('guarded', {}, { path })
      expect([path, answer.status]).toEqual([path, 451])
      expect(await answer.json()).toEqual(body)
      if (path.startsWith('/bedrock')) {
        expect(answer.headers.get('x-amzn-errortype')).toBe('AccessDeniedException')
      }
    }
    expect(upstream.requests).toHaveLength(0)
  })

  it.each([[{}], [{ status_code: 200 }], [{ status_code: 302 }], [{ status_code: 'no' }]])(
    'blocks with 403 and a text of ours where it says %j',
    async (more) => {
      server.reply('/guard', say({ action: 'block', ...more }))
      const answer = await ask('guarded')
      expect(answer.status).toBe(403)
      expect(await answer.json()).toEqual({
        error: { message: 'request blocked by guardrail', type: 'guardrail_blocked' },
      })
    },
  )

  it('that changes the body is seen by the next, and by the provider', async () => {
    const change = (to: object) =>
      say({ action: 'modify', request_body: { ...to, model: 'other' } })
    server.reply('/guard', change({ ...said('first'), stream: true, temperature: 1 }))
    server.reply('/second', change(said('second')))
    const answer = await ask('chain', said('secret'))
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toContain('json')
    const [call] = await server.received('/second?token=t')
    // Model and stream stay what the client asked for.
    expect(call?.json.request_body).toEqual({ ...said('first'), temperature: 1, model: 'chain' })
    expect(call?.headers.authorization).toBe(`Bearer ${hookKey}`)
    expect(call?.headers['x-postern-signature']).toBeUndefined()
    expect(JSON.parse(upstream.requests[0]!.body)).toEqual({ ...said('second'), model: 'chain' })
  })

  it('of any provider that may serve it is asked, whoever serves it in the end', async () => {
    server.reply('/guard', say({ action: 'block' }))
    expect((await ask('spared')).status).toBe(403)
  })

  it('blocks before the next is asked', async () => {
    server.reply('/guard', say({ action: 'block' }))
    expect((await ask('chain')).status).toBe(403)
    expect(server.requests.map(({ path }) => path)).toEqual(['/guard'])
  })

  it.each([['text'], [[1]], [null], [undefined]])(
    'that changes the body to %j, which is not an object, allows it',
    async (request_body) => {
      server.reply('/guard', say({ action: 'modify', request_body }))
      expect((await ask('guarded', said('kept'))).status).toBe(200)
      expect(JSON.parse(upstream.requests[0]!.body)).toMatchObject(said('kept'))
    },
  )

  it('cannot be shown one body and the provider another', async () => {
    const body = '{"model":"guarded","messages":[{"role":"user","content":"hidden"}],"messages":[]}'
    expect((await ask('guarded', {}, { body })).status).toBe(400)
    const within =
      '{"model":"guarded","messages":[{"role":"user","content":"a","content":"hidden"}]}'
    const answer = await ask('guarded', {}, { body: within })
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain('given twice')
    expect(upstream.requests).toEqual([])
  })

  it('is shown the very bytes that go to the provider, whose digits it leaves alone', async () => {
    const body =
      '{"model":"guarded","seed":9007199254740993,"messages":[{"role":"user","content":"\\u00e9"}]}'
    expect((await ask('guarded', {}, { body })).status).toBe(200)
    expect(upstream.requests[0]?.body).toBe(body)
  })

  const failures: [string, Parameters<HookServer['reply']>[1]][] = [
    ['is late', () => {}],
    ['answers 500', say({ action: 'allow' }, 500)],
    ['answers 404', say({ action: 'allow' }, 404)],
    ['answers no JSON', (response) => response.end('allow')],
    ['answers nothing', (response) => response.writeHead(204).end()],
    ['answers a list', say([])],
    ['answers an unknown action', say({ action: 'maybe' })],
    ['answers without an end', (response) => void response.write('{"action":"allow"')],
    ['breaks off', (response) => response.destroy()],
    ['redirects', (response) => response.writeHead(307, { location: `${server.url}/guard` }).end()],
    [
      'answers without measure',
      (response) => response.end(`{"action":"allow","x":"${'x'.repeat(512 * 1024)}"}`),
    ],
    [
      'asks for what nobody may send',
      say({ action: 'modify', request_body: { api_base: 'http://evil' } }),
    ],
  ]
  it.each(failures)('that %s lets the request go where it fails open', async (_, reply) => {
    server.reply('/open', reply)
    expect((await ask('open')).status).toBe(200)
    expect(upstream.requests[0]?.body).not.toContain('evil')
    // A redirect is not followed.
    expect(server.requests.filter(({ path }) => path === '/guard')).toEqual([])
  })

  it.each(failures)('that %s answers 503 where it fails closed', async (_, reply) => {
    server.reply('/closed', reply)
    const answer = await ask('closed')
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({ error: { code: 'guardrail_failed' } })
    expect(upstream.requests).toHaveLength(0)
  })

  it('that is not there is a failure like any other', async () => {
    expect((await ask('down-open')).status).toBe(200)
    expect((await ask('down-closed')).status).toBe(503)
  })

  it('is not waited for by a client that has left', async () => {
    const asked = new Promise<() => void>((resolve) => {
      server.reply('/guard', (response) => {
        resolve(() => response.destroy())
      })
    })
    const leave = new AbortController()
    const answer = ask('left', {}, { signal: leave.signal }).catch(() => 'left')
    const end = await asked
    leave.abort()
    expect(await answer).toBe('left')
    await expect
      .poll(() => gateway.store.usage.at(-1))
      .toMatchObject({ model: 'left', outcome: 'client_gone' })
    end()
    expect(upstream.requests).toHaveLength(0)
  })

  it('is asked for each of many at once', async () => {
    const waiting: (() => void)[] = []
    server.reply('/guard', (response, { json }) => {
      const blocks = String(json.user_message).endsWith('3')
      waiting.push(() => say({ action: blocks ? 'block' : 'allow' })(response, {} as HookRequest))
      if (waiting.length === 10) for (const go of waiting) go()
    })
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => ask('guarded', said(`number ${i}`))),
    )
    expect(answers.map(({ status }) => status)).toEqual([
      200, 200, 200, 403, 200, 200, 200, 200, 200, 200,
    ])
    expect(upstream.requests).toHaveLength(9)
  })
})

describe('the guard inside', () => {
  it('hides secrets before a provider sees them', async () => {
    const answer = await ask('redacted', said('ana@example.com has 4111 1111 1111 1111 in ACME-7'))
    expect(answer.status).toBe(200)
    expect(JSON.parse(upstream.requests[0]!.body)).toMatchObject(
      said('[REDACTED:email] has [REDACTED:credit_card] in [REDACTED:ticket]'),
    )
    expect(JSON.stringify(gateway.log)).not.toContain('4111 1111')
  })

  it('blocks where it is told to', async () => {
    const answer = await ask('locked', said('ana@example.com'))
    expect(answer.status).toBe(403)
    expect(await answer.json()).toEqual({
      error: { message: 'request blocked by guardrail: it holds email', type: 'guardrail_blocked' },
    })
    expect((await ask('locked', said('nothing'))).status).toBe(200)
  })

  it('fails where it cannot look: at a form', async () => {
    const form = new FormData()
    form.set('model', 'redacted')
    form.set('file', new Blob(['x']), 'a.wav')
    const { authorization } = { authorization: `Basic ${btoa('alice:alice-password')}` }
    const answer = await fetch(`${gateway.url}/v1/audio/transcriptions`, {
      method: 'POST',
      headers: { authorization },
      body: form,
    })
    expect(answer.status).toBe(503)
  })
})

describe('a hook after the request', () => {
  it('is told everything it asks for', async () => {
    await (await ask('told', said('hello'))).text()
    const [call] = await server.received('/audit')
    expect(isSigned(call!)).toBe(true)
    expect(call?.headers).toMatchObject({
      'x-postern-event': 'entire_request',
      'x-postern-outcome': 'ok',
      'x-postern-status': '200',
    })
    const body = {
      choices: [{ message: { content: words.join('') } }],
      usage: { prompt_tokens: 11 },
    }
    expect(call?.json).toMatchObject({
      metadata: {
        login_name: 'alice@example.com',
        estimated_cost: {
          dollars: (11 * 1000 + 6 * 2000) / 1e6,
          cost_basis: 'own/told',
          usage: {
            input_tokens: 11,
            output_tokens: 6,
            cached_tokens: 3,
            reasoning_tokens: 2,
            cache_creation_input_tokens: 0,
            web_search_count: 0,
          },
        },
        grants: { 'example.com/cap/policy': [{ tier: 'gold' }] },
        quotas: {},
      },
      request_body: said('hello'),
      response_body: body,
      raw_responses: [body],
      user_message: 'hello',
      tool_calls: [],
    })
    expect(server.requests.filter(({ path }) => path === '/off')).toEqual([])
  })

  it('gets one answer of a stream that the client got byte for byte, usage and all', async () => {
    const client = await ask('streamed', { stream: true })
    const text = await client.text()
    const events = text.split('\n\n').filter(Boolean)
    expect(events).toHaveLength(words.length + 2)
    expect(events.at(-1)).toBe('data: [DONE]')
    expect(text).not.toContain('usage":{')
    const [call] = await server.received('/audit')
    expect(call?.json.response_body).toMatchObject({
      object: 'chat.completion',
      model: 'streamed',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: words.join('') },
          finish_reason: 'stop',
        },
      ],
      usage: { prompt_tokens: 11, completion_tokens: 6 },
    })
    expect(call?.json.raw_responses).toHaveLength(words.length + 2)
    expect(call?.json.metadata.estimated_cost).toMatchObject({ usage: { output_tokens: 6 } })
  })

  it('delays no answer, however long it takes', async () => {
    const held: (() => void)[] = []
    server.reply('/audit', (response) => void held.push(() => response.end()))
    for (let i = 0; i < 10; i++) {
      expect((await (await ask('told')).text()).length).toBeGreaterThan(0)
    }
    await server.received('/audit', 4)
    // So many at a time, and the others wait.
    expect(held).toHaveLength(4)
    server.reply('/audit', say({}))
    for (const end of held) end()
    await server.received('/audit', 10)
  })

  it('reads what came packed', async () => {
    const answer = await ask('packed')
    expect(await answer.json()).toEqual({ choices: [{ message: { content: 'packed' } }] })
    const [call] = await server.received('/audit')
    expect(call?.json.response_body).toEqual({ choices: [{ message: { content: 'packed' } }] })
  })

  it('is told of tools only when one was called', async () => {
    await (await ask('toolish')).text()
    const [call] = await server.received('/tools')
    expect(call?.json.tool_calls).toEqual([{ name: 'bash', params: { command: 'ls' } }])
    expect(call?.headers['x-postern-event']).toBe('tool_call_entire_request')
  })

  it('that several grants name is called once, with everything', async () => {
    await (await ask('union', said('hello'))).text()
    await server.received('/audit')
    await (await ask('told')).text()
    const calls = await server.received('/audit', 2)
    expect(calls).toHaveLength(2)
    expect(calls[0]?.json).toMatchObject({ user_message: 'hello', tool_calls: [{ name: 'bash' }] })
    expect(calls[0]?.headers['x-postern-event']).toBe('entire_request,tool_call_entire_request')
  })

  it('is told of an answer that broke off, as far as it came', async () => {
    await (await ask('dies', { stream: true })).text().catch(() => '')
    const [call] = await server.received('/audit')
    expect(call?.headers['x-postern-outcome']).toBe('upstream_error')
    expect(call?.json.response_body).toMatchObject({
      choices: [{ message: { content: words.slice(0, 2).join('') } }],
    })
  })

  it('is told again until it says that it has heard, signed anew and under the same id', async () => {
    let calls = 0
    server.reply('/flaky', (response, request) => {
      calls += 1
      say({}, calls === 1 ? 500 : 200)(response, request)
    })
    await (await ask('retried')).text()
    const [first, second] = await server.received('/flaky', 2)
    expect(second?.headers['x-postern-delivery']).toBe(first?.headers['x-postern-delivery'])
    expect(second?.text).toBe(first?.text)
    expect([isSigned(first!), isSigned(second!)]).toEqual([true, true])
  })

  it('outlives a change of the configuration, and not its own removal', async () => {
    server.reply('/flaky', say({}, 503))
    await (await ask('retried')).text()
    await server.received('/flaky')
    await gateway.reload(configFor())
    await server.received('/flaky', 2)
    const { flaky, ...hooks } = configFor().hooks
    await gateway.reload({ ...configFor(), hooks })
    const { dropped } = gateway.state.hooks.deliveries.counts
    await expect
      .poll(() => gateway.state.hooks.deliveries.counts.dropped, { timeout: 10_000 })
      .toBe(dropped + 1)
    expect(
      gateway.log.some(({ evt, reason }) => evt === 'hook.dropped' && reason === 'hook_gone'),
    ).toBe(true)
    await gateway.reload(configFor())
  }, 15_000)
})

describe('hooks', () => {
  it('are not asked of a request that no grant sends them', async () => {
    await (await ask('plain')).text()
    await (await ask('told')).text()
    await server.received('/audit')
    expect(server.requests.map(({ path }) => path)).toEqual(['/audit'])
  })

  it('leave neither prompts nor answers, nor their keys, in rows and log', () => {
    const kept = JSON.stringify([gateway.log, gateway.store.usage])
    for (const text of ['hello', words.join(''), hookKey, secret, 'token=t', '4111 1111']) {
      expect(kept).not.toContain(text)
    }
    expect(JSON.stringify(upstream.requests)).not.toContain(hookKey)
  })

  it('are told what is left when the gateway stops', async () => {
    const stopping = await startTestGateway(configFor())
    await (await chat(stopping.url, { model: 'told' })).text()
    await stopping.stop()
    expect(server.requests.filter(({ path }) => path === '/audit')).toHaveLength(1)
    expect(stopping.state.hooks.deliveries.counts).toEqual({ delivered: 1, failed: 0, dropped: 0 })
  })
})
