import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UsageRow } from '../../src/platform/records/usage.ts'
import { type Exchange, type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { until } from '../support/raw.ts'
import { aliceHeaders } from '../support/setup.ts'
import { frame } from '../usage/frames.ts'

/** What a model of the fake says: its name and nothing of its usage. */
const texts: Readonly<Record<string, string>> = {
  short: 'hello',
  long: 'The quick brown fox jumps over the lazy dog. '.repeat(40),
  many: 'Grüße, 你好, こんにちは, привет, 🚪🚪 — “ja”\n'.repeat(20),
}
const thought = 'Let me think about it. '.repeat(10)

const pieces = (text: string): string[] => [...text.matchAll(/[\s\S]{1,7}/gu)].map(([each]) => each)
const events = (list: readonly object[]): string =>
  list.map((each) => `data: ${JSON.stringify(each)}\n\n`).join('')

const chat = (text: string, think: (text: string) => object) => ({
  whole: {
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: text, ...think(thought) } }],
  },
  stream: events([
    ...pieces(thought).map((each) => ({ choices: [{ index: 0, delta: think(each) }] })),
    ...pieces(text).map((content) => ({ choices: [{ index: 0, delta: { content } }] })),
  ]),
})

/** By path: the answer whole and streamed. */
const answers: Readonly<
  Record<string, (text: string) => { whole: object; stream: string | Uint8Array }>
> = {
  '/v1/chat/completions': (text) =>
    chat(text, (reasoning) => ({ reasoning, reasoning_details: [{ text: reasoning }] })),
  '/v1/completions': (text) => ({
    whole: { choices: [{ text }] },
    stream: events(pieces(text).map((each) => ({ choices: [{ index: 0, text: each }] }))),
  }),
  '/v1/messages': (text) => ({
    whole: {
      type: 'message',
      content: [
        { type: 'thinking', thinking: thought },
        { type: 'text', text },
      ],
    },
    stream: events([
      { type: 'message_start', message: { type: 'message', content: [] } },
      ...pieces(thought).map((thinking) => ({
        type: 'content_block_delta',
        index: 0,
        delta: { type: 'thinking_delta', thinking },
      })),
      ...pieces(text).map((each) => ({
        type: 'content_block_delta',
        index: 1,
        delta: { type: 'text_delta', text: each },
      })),
      { type: 'message_stop' },
    ]),
  }),
  '/v1/responses': (text) => {
    const output = [
      { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: thought }] },
      { type: 'message', content: [{ type: 'output_text', text }] },
    ]
    return {
      whole: { object: 'response', output },
      stream: events([
        { type: 'response.created', response: { output: [] } },
        ...pieces(thought).map((delta) => ({ type: 'response.reasoning_text.delta', delta })),
        ...pieces(text).map((delta) => ({ type: 'response.output_text.delta', delta })),
        { type: 'response.completed', response: { output } },
      ]),
    }
  },
  '/v1beta/models/MODEL:generateContent': (text) => ({
    whole: { candidates: [{ content: { parts: [{ text: thought, thought: true }, { text }] } }] },
    stream: events(
      [
        ...pieces(thought).map((each) => ({ text: each, thought: true })),
        ...pieces(text).map((each) => ({ text: each })),
      ].map((part) => ({ candidates: [{ content: { parts: [part] } }] })),
    ),
  }),
  '/bedrock/model/MODEL/converse': (text) => ({
    whole: {
      output: {
        message: {
          content: [{ reasoningContent: { reasoningText: { text: thought } } }, { text }],
        },
      },
    },
    stream: Buffer.concat(
      [
        ...pieces(thought).map((each) => ({ delta: { reasoningContent: { text: each } } })),
        ...pieces(text).map((each) => ({ delta: { text: each } })),
      ].map((each) => frame(JSON.stringify(each))),
    ),
  }),
}

const pathOf = (path: string, model: string, stream: boolean): string => {
  const named = path.replace('MODEL', model)
  if (!stream) return named
  return named
    .replace(':generateContent', ':streamGenerateContent')
    .replace(/\/converse$/, '/converse-stream')
}

const thinks = (path: string): boolean => path !== '/v1/completions'

/** Answers what the test wants, or in the dialect of the path. */
let special: ((exchange: Exchange) => object) | undefined
let upstream: FakeUpstream
let gateway: TestGateway

const serve = (exchange: Exchange): boolean => {
  const { request, json, response } = exchange
  if (special) {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(special(exchange)))
    return true
  }
  const isStream = json.stream === true || /stream/i.test(request.path)
  const kind = Object.keys(answers).find((path) =>
    new RegExp(
      `${path
        .replace('/bedrock', '')
        .replace(/^\/v1(?:beta)?/, '')
        .replace('MODEL', '[^/:]+')}$`,
      'i',
    ).test(request.path.replace(/\?.*/, '').replace('streamG', 'g').replace('-stream', '')),
  )
  const model = String(json.model ?? /models?\/(\w+)/.exec(request.path)?.[1])
  const answer = answers[kind ?? '']?.(texts[model] ?? 'hello')
  const binary = answer?.stream instanceof Uint8Array
  const type = binary ? 'application/vnd.amazon.eventstream' : 'text/event-stream'
  response.writeHead(200, { 'content-type': isStream ? type : 'application/json' })
  response.end(isStream ? answer?.stream : JSON.stringify(answer?.whole))
  return true
}

const models = [...Object.keys(texts), 'm', 'other']
beforeAll(async () => {
  upstream = await startUpstream({ handler: serve })
  const listed = (id: string, cost_basis: string, names: readonly string[]) => ({
    [id]: {
      baseurl: upstream.url,
      models: names,
      cost_basis,
      compatibility: { openai_chat: true, openai_responses: true, anthropic_messages: true },
    },
  })
  gateway = await startTestGateway({
    limits: { body: '16MiB' },
    providers: {
      local: {
        baseurl: upstream.url,
        models,
        prices: { '*': { input: 3, output: 15 } },
        compatibility: {
          openai_chat: true,
          openai_responses: true,
          anthropic_messages: true,
          gemini_generate_content: true,
          bedrock_converse: true,
        },
      },
      ...listed('openai', 'openai', ['gpt-4o', 'gpt-5', 'gpt-5.6-sol']),
      ...listed('anthropic', 'anthropic', ['claude-sonnet-4-5', 'claude-opus-5']),
      ...listed('router', 'openrouter', ['anthropic/claude-sonnet-4.5']),
    },
    quotas: { dollar: { capacity: '$1.00' }, none: { capacity: '$0.00' } },
    grants: [
      {
        src: ['alice@example.com'],
        app: {
          'tailscale.com/cap/aperture': [
            { role: 'user', models: '**' },
            { models: 'anthropic/**', quotas: [{ bucket: 'dollar' }] },
            { models: 'local/other', quotas: [{ bucket: 'none' }] },
          ],
        },
      },
    ],
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
})

const line = async (path: string, body: object, answer?: typeof special): Promise<UsageRow> => {
  special = answer
  const before = gateway.store.usage.length
  const { headers } = { headers: aliceHeaders }
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  })
  await response.arrayBuffer()
  await until(() => gateway.store.usage.length > before)
  special = undefined
  return gateway.store.usage.at(-1) as UsageRow
}

const left = (): number => {
  const [bucket] = gateway.state.quotas.show([{ quota: 'dollar', holder: '' }])
  return bucket?.balance ?? 0
}

/** A PNG of that many pixels, of as many bytes as a photo has. */
const picture = (width: number, height: number): string => {
  const bytes = Buffer.alloc(2_200_000, 'noise')
  Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').copy(bytes)
  bytes.writeUInt32BE(width, 16)
  bytes.writeUInt32BE(height, 20)
  return bytes.toString('base64')
}
const silent = () => ({ object: 'chat.completion', choices: [{ message: { content: 'hello' } }] })

describe('a request whose usage is not told', () => {
  it('counts a picture by its size in pixels, and does not empty a budget', async () => {
    const before = left()
    const data = picture(1200, 800)
    const row = await line(
      '/v1/messages',
      {
        model: 'claude-sonnet-4-5',
        max_tokens: 100,
        messages: [
          {
            role: 'user',
            content: [
              { type: 'image', source: { type: 'base64', media_type: 'image/png', data } },
              { type: 'text', text: 'What is it?' },
            ],
          },
        ],
      },
      () => ({ type: 'message', content: [{ type: 'text', text: 'hello' }] }),
    )
    // 43 × 29 patches, and some fifty tokens of text: once it was 733,000.
    expect(row.tokensSource).toBe('estimated')
    expect(row.inputTokens).toBeGreaterThan(43 * 29)
    expect(row.inputTokens).toBeLessThan(43 * 29 + 80)
    expect(row.outputTokens).toBe(2)
    await until(() => left() !== before)
    expect(before - left()).toBe(row.costNanousd)
    expect(row.costNanousd).toBeLessThan(10_000_000)
  })

  it('counts a picture of which only the address is known as a large one', async () => {
    const url = { type: 'image_url', image_url: { url: 'https://example.com/photo.jpg' } }
    const row = await line(
      '/v1/chat/completions',
      {
        model: 'gpt-4o',
        messages: [{ role: 'user', content: [url] }],
      },
      silent,
    )
    expect(row.inputTokens).toBeGreaterThan(765)
    expect(row.inputTokens).toBeLessThan(765 + 80)
  })

  it('counts text that only looks like a file as text', async () => {
    const text = 'A'.repeat(40_000)
    const row = await line(
      '/v1/chat/completions',
      {
        model: 'gpt-4o',
        messages: [{ role: 'user', content: text }],
      },
      silent,
    )
    expect(row.inputTokens).toBeGreaterThan(10_000)
  })

  it('is charged no more than the request allowed', async () => {
    const before = left()
    const row = await line(
      '/v1/messages',
      {
        model: 'claude-sonnet-4-5',
        max_tokens: 10,
        messages: [{ role: 'user', content: 'hi' }],
      },
      () => ({ type: 'message', content: [{ type: 'text', text: 'x'.repeat(4000) }] }),
    )
    expect(row).toMatchObject({ outputTokens: 10, tokensSource: 'estimated' })
    await until(() => left() !== before)
    expect(before - left()).toBe(row.costNanousd)
  })
})

describe('an answer whose usage is not told', () => {
  it.each(Object.keys(answers).flatMap((path) => Object.keys(texts).map((model) => [path, model])))(
    'comes to the same streamed and in one piece: %s, %s',
    async (path = '', model = '') => {
      const body = { model, max_tokens: 5000, messages: [], contents: [], prompt: 'x', input: 'x' }
      const { model: _, ...unnamed } = body
      const sent = path.includes('MODEL') ? unnamed : body
      const whole = await line(pathOf(path, model, false), sent)
      const streamed = await line(pathOf(path, model, true), { ...sent, stream: true })
      const written = (texts[model] ?? '') + (thinks(path) ? thought : '')
      const tokens = Math.ceil(Buffer.byteLength(written) / 4)
      expect(whole).toMatchObject({ tokensSource: 'estimated', outputTokens: tokens })
      expect(streamed).toMatchObject({ tokensSource: 'estimated', outputTokens: tokens })
    },
  )

  it('is one or two tokens for “hello”', async () => {
    const row = await line('/v1/completions', { model: 'short', prompt: 'x' })
    expect(row.outputTokens).toBe(2)
  })
})

describe('a price that is not the list’s', () => {
  const usage = { prompt_tokens: 1000, completion_tokens: 100 }
  const told = (more: object) => () => ({ ...silent(), usage, ...more })
  const ask = (model: string, body: object, answer: object) =>
    line('/v1/chat/completions', { model, messages: [], ...body }, told(answer))
  // $1.25 and $10 for a million.
  const listed = 1000 * 1250 + 100 * 10_000

  it.each([
    ['nothing is said', {}, {}, listed, 'openai/gpt-5'],
    [
      'the tier is the usual one',
      { service_tier: 'auto' },
      { service_tier: 'default' },
      listed,
      'openai/gpt-5',
    ],
    ['flex is asked for', { service_tier: 'flex' }, {}, listed / 2, 'openai/gpt-5#flex'],
    ['flex is what it came to', {}, { service_tier: 'flex' }, listed / 2, 'openai/gpt-5#flex'],
    [
      'priority was given',
      { service_tier: 'priority' },
      { service_tier: 'priority' },
      listed * 2,
      'openai/gpt-5#priority',
    ],
    [
      'priority was not given',
      { service_tier: 'priority' },
      { service_tier: 'default' },
      listed,
      'openai/gpt-5',
    ],
    ['nobody knows the tier', {}, { service_tier: 'ultrafast' }, null, null],
  ])('holds where %s', async (_, body, answer, costNanousd, costBasis) => {
    expect(await ask('gpt-5', body, answer)).toMatchObject({ costNanousd, costBasis })
  })

  it('is not known for a model whose priority has no price', async () => {
    const row = await ask('gpt-5.6-sol', { service_tier: 'priority' }, { service_tier: 'priority' })
    expect(row).toMatchObject({ costNanousd: null, costBasis: null })
  })

  it.each([
    ['fast mode', { speed: 'fast' }, 2],
    ['a place', { inference_geo: 'us' }, 1.1],
    ['both', { speed: 'fast', inference_geo: 'us' }, 2.2],
    ['the usual', { speed: 'standard', inference_geo: 'global', service_tier: 'standard' }, 1],
    ['a batch', { service_tier: 'batch' }, 0.5],
  ])('holds for %s, as Anthropic tells it', async (_, said, by) => {
    const usage = { input_tokens: 1000, output_tokens: 100, ...said }
    const row = await line(
      '/v1/messages',
      { model: 'claude-opus-5', max_tokens: 100, messages: [] },
      () => ({ type: 'message', content: [], usage }),
    )
    // $5 and $25 for a million.
    expect(row.costNanousd).toBe(Math.round((1000 * 5000 + 100 * 25_000) * by))
  })

  it('is not that of the owner, whatever the tier', async () => {
    const row = await ask('m', { service_tier: 'priority' }, { service_tier: 'priority' })
    expect(row).toMatchObject({ costNanousd: 1000 * 3000 + 100 * 15_000, costBasis: 'own/m' })
  })
})

describe('what is counted once', () => {
  it('is a call of a tool whose name every piece repeats', async () => {
    const before = gateway.store.usage.length
    const parts = ['{"city"', ':', '"Bern"', '}', ''].map((each) => ({
      choices: [
        {
          index: 0,
          delta: {
            tool_calls: [{ index: 0, id: 'c1', function: { name: 'weather', arguments: each } }],
          },
        },
      ],
    }))
    const repeated = await startUpstream(({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(events(parts))
      return true
    })
    const other = await startTestGateway({
      providers: { local: { baseurl: repeated.url, models: ['m'] } },
    })
    const answer = await fetch(`${other.url}/v1/chat/completions`, {
      method: 'POST',
      headers: aliceHeaders,
      body: JSON.stringify({ model: 'm', stream: true, messages: [] }),
    })
    await answer.text()
    await until(() => other.store.usage.length > 0)
    expect(other.store.usage[0]).toMatchObject({ toolCalls: 1 })
    expect(gateway.store.usage.length).toBe(before)
    await other.stop()
    await repeated.stop()
  })

  it('are cached tokens in OpenRouter’s messages', async () => {
    const usage = {
      input_tokens: 1200,
      output_tokens: 10,
      cache_read_input_tokens: 1000,
      cost: 0.001,
    }
    const row = await line(
      '/v1/messages',
      { model: 'anthropic/claude-sonnet-4.5', max_tokens: 10, messages: [] },
      () => ({ id: 'gen-1', type: 'message', content: [], usage }),
    )
    expect(row).toMatchObject({ inputTokens: 1200, cachedTokens: 1000, costNanousd: 1_000_000 })
  })

  it('is nothing of what only counts tokens, which passes though a budget is spent', async () => {
    const counts = () => ({ totalTokens: 31, input_tokens: 31 })
    const spent = await line('/v1/chat/completions', { model: 'other', messages: [] }, counts)
    expect(spent).toMatchObject({ status: 429, errorCode: 'quota_exceeded' })
    const free = { status: 200, costNanousd: 0, inputTokens: 0, tokensSource: 'none' }
    const gemini = '/v1beta/models/other:countTokens'
    expect(await line(gemini, { contents: [] }, counts)).toMatchObject(free)
    const messages = { model: 'other', messages: [] }
    expect(await line('/v1/messages/count_tokens', messages, counts)).toMatchObject(free)
    expect(gateway.state.quotas.open).toBe(0)
  })
})
