import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Behaviour,
  chatStream,
  type FakeUpstream,
  startUpstream,
} from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { open, post, until } from '../support/raw.ts'
import { aliceHeaders, providerKey } from '../support/setup.ts'
import { frame } from '../usage/frames.ts'

/** What public reports say that servers send; each title names one. */

const usage = { prompt_tokens: 11, completion_tokens: 3, total_tokens: 14 }
const chunk = (content: string) => ({
  id: 'c',
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
})
const last = { id: 'c', object: 'chat.completion.chunk', choices: [], usage }

const sent =
  (
    pieces: readonly (string | Uint8Array)[],
    more: { status?: number; headers?: Record<string, string>; open?: boolean } = {},
  ): Behaviour =>
  async ({ response }) => {
    response.writeHead(more.status ?? 200, more.headers ?? { 'content-type': 'text/event-stream' })
    for (const piece of pieces) {
      response.write(piece)
      await sleep(10)
    }
    if (!more.open) response.end()
  }

const lines = (...events: readonly (object | string)[]): string =>
  events
    .map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
    .join('')

/** A header of Amazon's: name, 7 for text, length, value. */
const amazonHeader = (name: string, value: string): string =>
  `${String.fromCharCode(name.length)}${name}\u0007\u0000${String.fromCharCode(value.length)}${value}`

const exception = frame(
  '{"message":"Too many requests, please wait before trying again."}',
  amazonHeader(':exception-type', 'throttlingException') +
    amazonHeader(':message-type', 'exception'),
)

const refusing =
  (status: number, error: object): Behaviour =>
  (exchange) =>
    'stream_options' in exchange.json
      ? sent([JSON.stringify(error)], { status, headers: { 'content-type': 'application/json' } })(
          exchange,
        )
      : chatStream()(exchange)

const json = { 'content-type': 'application/json' }
const byModel: Readonly<Record<string, Behaviour>> = {
  ndjson: sent([lines(chunk('Hi'), last, '[DONE]')], {
    headers: { 'content-type': 'application/x-ndjson' },
  }),
  always: sent([lines(chunk('Hi'), last, '[DONE]')]),
  openrouter: sent([
    lines(chunk('Hi'), {
      id: 'gen',
      choices: [],
      error: {
        message: 'Worker local total request limit reached (33/32)',
        code: 502,
        metadata: { error_type: 'provider_unavailable' },
      },
    }),
  ]),
  'error-done': sent([lines({ error: { message: 'quota exceeded' } }, '[DONE]')]),
  nospace: sent([
    'data:{"choices":[{"delta":{"content":"Hi"}}]}\n\n',
    `data:${JSON.stringify(last)}\n\n`,
    'data:[DONE]\n\n',
  ]),
  'event-error': sent([lines(chunk('Hi')), 'event:error\ndata:{"message":"gone"}\n\n']),
  'bare-cr': sent(
    [`data: ${JSON.stringify(chunk('one'))}\r\r`, `data: ${JSON.stringify(chunk('two'))}\r\r`],
    { open: true },
  ),
  completed: sent([
    'event: response.created\ndata: {"type":"response.created","response":{"id":"r","error":null}}\n\n',
    'event: response.completed\ndata: {"type":"response.completed","response":{"id":"r","status":"completed","error":null,"usage":{"input_tokens":11,"output_tokens":3}}}\n\n',
  ]),
  'unknown-parameter': refusing(400, {
    error: {
      message: "Unknown parameter: 'stream_options'. (request id: 1)",
      type: 'invalid_request_error',
      param: 'stream_options',
      code: 'unknown_parameter',
    },
  }),
  mistral: refusing(422, {
    object: 'error',
    message: {
      detail: [
        {
          type: 'extra_forbidden',
          loc: ['body', 'stream_options'],
          msg: 'Extra inputs are not permitted',
          input: { include_usage: true },
        },
      ],
    },
    type: 'invalid_request_error',
  }),
  region: sent(
    [
      JSON.stringify({
        type: 'error',
        error: {
          type: 'RegionError',
          message:
            'The latest version of this model is only available hosted in China and requires explicit opt in: https://opencode.ai/workspace/w/go',
        },
      }),
    ],
    { status: 403, headers: json },
  ),
  'stale-coding': sent(['<html><body>502 Bad Gateway</body></html>'], {
    status: 502,
    headers: { 'content-type': 'text/html', 'content-encoding': 'gzip' },
  }),
  'key-hash': sent(
    [
      JSON.stringify({
        error: {
          message: `Authentication Error, Invalid proxy server token passed. Received API Key = sk-...6789, Key Hash (Token) =d748053a55933f7b. Unable to find token in cache or LiteLLM_VerificationTokenTable`,
          type: 'token_not_found_in_db',
          code: '401',
        },
      }),
    ],
    { status: 401, headers: json },
  ),
  timeout: sent(['<!DOCTYPE html><title>524: A timeout occurred</title>'], {
    status: 524,
    headers: { 'content-type': 'text/html; charset=UTF-8' },
  }),
  comments: sent(
    [
      ': OPENROUTER PROCESSING\n\n',
      ': OPENROUTER PROCESSING\n\n',
      lines(chunk('Hi'), last, '[DONE]'),
    ],
    { headers: {} },
  ),
  blanks: sent(
    ['\n', '\n', '\n', JSON.stringify({ choices: [{ message: { content: 'Hi' } }], usage })],
    { headers: json },
  ),
  'filter-first': sent([
    lines(
      { id: '', object: '', model: '', choices: [], prompt_filter_results: [{ prompt_index: 0 }] },
      chunk('Hi'),
      last,
      '[DONE]',
    ),
  ]),
}

let upstream: FakeUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startUpstream({
    byModel,
    handler: async (exchange) => {
      if (!exchange.request.path.includes('converse-stream')) return false
      const headers = { 'content-type': 'application/vnd.amazon.eventstream' }
      await sent([frame('{"contentBlockIndex":0,"delta":{"text":"Hi"}}'), exception], { headers })(
        exchange,
      )
      return true
    },
  })
  const compatibility = {
    openai_chat: true,
    openai_responses: true,
    anthropic_messages: true,
    bedrock_converse: true,
  }
  gateway = await startTestGateway({
    // One provider for each, as what is found out about one is remembered.
    providers: Object.fromEntries(
      [...Object.keys(byModel), 'amazon'].map((model) => [
        model,
        { baseurl: upstream.url, models: [model], apikey: providerKey, compatibility },
      ]),
    ),
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
  await upstream.stop()
})

const asked = async (model: string, { path = '/v1/chat/completions', stream = true } = {}) => {
  const before = gateway.store.usage.length
  const body = JSON.stringify({ model, stream, max_tokens: 9, messages: [] })
  const response = await fetch(gateway.url + path, { method: 'POST', headers: aliceHeaders, body })
  const text = await response.text()
  await until(() => gateway.store.usage.length > before)
  return { response, text, row: gateway.store.usage.at(-1) }
}

const reported = { outcome: 'ok', tokensSource: 'reported', inputTokens: 11, outputTokens: 3 }

describe('as public reports have it', () => {
  it.each([
    ['Lightning-AI/LitServe#359: events labelled as NDJSON', 'ndjson'],
    ['ggml-org/llama.cpp#16048: a usage frame whether it was asked for or not', 'always'],
    ['openclaw/openclaw#129905: no space after the colon', 'nospace'],
    ['OpenRouterTeam: comments before the first event, without a label', 'comments'],
    ['Azure: a frame without choices that is not about usage', 'filter-first'],
  ])('a stream is metered, and its usage frame is not shown: %s', async (_, model) => {
    const { response, text, row } = await asked(model)
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
    expect(row).toMatchObject(reported)
    expect(text).toContain('"Hi"')
    expect(text).not.toContain('"usage"')
    if (model === 'filter-first') expect(text).toContain('prompt_filter_results')
  })

  it('BerriAI/litellm#25766: a server that always streams is not labelled as JSON', async () => {
    const { response, text, row } = await asked('always', { stream: false })
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
    expect(text).toContain('[DONE]')
    expect(row).toMatchObject(reported)
  })

  it('DeepSeek: blank lines keep a connection alive until the answer is there', async () => {
    const { text, row } = await asked('blanks', { stream: false })
    expect(JSON.parse(text)).toMatchObject({ usage })
    expect(row).toMatchObject(reported)
  })

  it('router-for-me/CLIProxyAPI#5028: a response is complete without [DONE]', async () => {
    expect((await asked('completed', { path: '/v1/responses' })).row).toMatchObject(reported)
  })

  it.each([
    ['diegosouzapw/OmniRoute#8210: OpenRouter’s error between the frames', 'openrouter'],
    ['apache/rocketmq-dashboard#2178: an error, and [DONE] after it', 'error-done'],
    ['SamSaffron/term-llm#487: event:error without a space', 'event-error'],
  ])('a failure is one, for all that the status was 200: %s', async (_, model) => {
    const { response, row } = await asked(model)
    expect(response.status).toBe(200)
    expect(row).toMatchObject({ outcome: 'upstream_error', tokensSource: 'none' })
  })

  it('manaflow-ai/subrouter#68: an exception among Amazon’s frames is a failure', async () => {
    const { row } = await asked('amazon', { path: '/bedrock/model/amazon/converse-stream' })
    expect(row).toMatchObject({ status: 200, outcome: 'upstream_error', tokensSource: 'none' })
  })

  it('EdamAme-x/pentect#1438: events that end in bare CRs do not wait for the next', async () => {
    const socket = await open(gateway.port, post({ model: 'bare-cr', stream: true, messages: [] }))
    let text = ''
    socket.on('data', (bytes) => {
      text += bytes.toString()
    })
    await until(() => text.includes('two'))
    socket.destroy()
  })

  it.each([
    ['QuantumNous/new-api#418', 'unknown-parameter'],
    ['vybestack/llxprt-code#114: Mistral’s 422', 'mistral'],
  ])('a client is not blamed for stream_options that it did not send: %s', async (_, model) => {
    const { response, text } = await asked(model)
    expect(response.status).toBe(200)
    expect(text).toContain('Hello')
  })

  it('NousResearch/hermes-agent#76637: a region is not a wrong key', async () => {
    const { response, text } = await asked('region')
    expect(response.status).toBe(403)
    expect(text).toContain('requires explicit opt in')
  })

  it('diegosouzapw/OmniRoute#2561: a page under a coding that it does not have', async () => {
    const { response, text } = await asked('stale-coding')
    expect(response.status).toBe(502)
    expect(response.headers.get('content-encoding')).toBeNull()
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'upstream_error' } })
  })

  it('BerriAI/litellm#39757: what a gateway behind us says of our key stays with us', async () => {
    const { response, text } = await asked('key-hash')
    expect(response.status).toBe(502)
    expect(text).not.toMatch(/LiteLLM|d748053a|6789/)
  })

  it('ollama/ollama#3694: a page of Cloudflare’s keeps its status', async () => {
    const { response, text } = await asked('timeout')
    expect(response.status).toBe(524)
    expect(JSON.parse(text).error.message).toContain('524')
  })
})
