import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UsageRow } from '../../src/platform/records/usage.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { until } from '../support/raw.ts'
import { aliceHeaders } from '../support/setup.ts'

type Answer = object | readonly object[] | Uint8Array

/** What the provider answers next: one body, the events of a stream, or bytes. */
let answer: Answer = {}
let upstream: FakeUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startUpstream(({ response }) => {
    const type = Array.isArray(answer)
      ? 'text/event-stream'
      : answer instanceof Uint8Array
        ? 'audio/mpeg'
        : 'application/json'
    response.writeHead(200, { 'content-type': type })
    if (answer instanceof Uint8Array) response.end(answer)
    else if (!Array.isArray(answer)) response.end(JSON.stringify(answer))
    else {
      for (const event of answer) response.write(`data: ${JSON.stringify(event)}\n\n`)
      response.end('data: [DONE]\n\n')
    }
    return true
  })
  const prices = { '*': { input: 1, input_cache_read: 0.1, output: 2 } }
  const compatibility = {
    openai_chat: true,
    openai_responses: true,
    anthropic_messages: true,
    gemini_generate_content: true,
  }
  gateway = await startTestGateway({
    providers: {
      any: { baseurl: upstream.url, models: ['m'], prices, compatibility },
      cloud: {
        baseurl: upstream.url,
        models: ['whisper-1', 'tts-1', 'gpt-5', 'gpt-5-mini'],
        cost_basis: 'openai',
        compatibility,
      },
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
  await upstream.stop()
})

const line = async (path: string, body: object | FormData, told: Answer): Promise<UsageRow> => {
  answer = told
  const before = gateway.store.usage.length
  const { 'content-type': _, ...headers } = aliceHeaders as Record<string, string>
  const isForm = body instanceof FormData
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: isForm ? headers : { ...headers, 'content-type': 'application/json' },
    body: isForm ? body : JSON.stringify(body),
  })
  await response.arrayBuffer()
  await until(() => gateway.store.usage.length > before)
  return gateway.store.usage.at(-1) as UsageRow
}

const messages = { model: 'm', max_tokens: 100, messages: [] }
const chat = { model: 'm', messages: [] }
const start = (usage: object) => ({ type: 'message_start', message: { type: 'message', usage } })
const delta = (usage: object) => ({ type: 'message_delta', delta: {}, usage })
const chunk = (content: string, usage?: object) => ({
  choices: [{ index: 0, delta: { content } }],
  ...(usage && { usage }),
})

describe('usage as the field reports it', () => {
  it.each<[string, string, object, Answer, Partial<UsageRow>]>([
    [
      // maximhq/bifrost#5354
      'cached tokens that only the last event of Messages sets apart, once',
      '/v1/messages',
      messages,
      [
        start({ input_tokens: 1000, output_tokens: 0, cache_read_input_tokens: 0 }),
        delta({ input_tokens: 10, output_tokens: 20, cache_read_input_tokens: 990 }),
      ],
      { inputTokens: 1000, cachedTokens: 990, outputTokens: 20 },
    ],
    [
      // envoyproxy/ai-gateway#2239, deepnoodle-ai/dive#260
      'the input that both events of Messages report, once',
      '/v1/messages',
      messages,
      [
        start({ input_tokens: 500, output_tokens: 1, cache_read_input_tokens: 100 }),
        delta({ input_tokens: 500, output_tokens: 20, cache_read_input_tokens: 100 }),
      ],
      { inputTokens: 600, cachedTokens: 100, outputTokens: 20 },
    ],
    [
      // cline/cline#4346
      'the usage that only the last event of Messages has',
      '/v1/messages',
      messages,
      [start({ input_tokens: 0, output_tokens: 0 }), delta({ input_tokens: 70, output_tokens: 9 })],
      { inputTokens: 70, outputTokens: 9 },
    ],
    [
      // open-webui/open-webui#29064
      'the growing total of a stream whose chunks all report one, once',
      '/v1/chat/completions',
      { ...chat, stream: true },
      [1, 2, 3].map((completion_tokens) =>
        chunk('a', { prompt_tokens: 40, completion_tokens, total_tokens: 40 + completion_tokens }),
      ),
      { inputTokens: 40, outputTokens: 3 },
    ],
    [
      // router-for-me/CLIProxyAPI#5733
      'thoughts that stand beside an answer of nothing',
      '/v1/chat/completions',
      chat,
      {
        choices: [{ message: { content: '' } }],
        usage: {
          prompt_tokens: 21,
          completion_tokens: 0,
          total_tokens: 81,
          completion_tokens_details: { reasoning_tokens: 60 },
        },
      },
      { inputTokens: 21, outputTokens: 60, reasoningTokens: 60 },
    ],
    [
      // mozilla-ai/any-llm#1291, NousResearch/hermes-agent#48712
      'Gemini’s thoughts as part of the answer',
      '/v1beta/models/m:generateContent',
      { contents: [] },
      {
        candidates: [],
        usageMetadata: {
          promptTokenCount: 8,
          candidatesTokenCount: 12,
          thoughtsTokenCount: 300,
          totalTokenCount: 320,
        },
      },
      { inputTokens: 8, outputTokens: 312, reasoningTokens: 300 },
    ],
    [
      // maximhq/bifrost#2438, maximhq/bifrost#4846
      'what the last event of a stream of responses reports, whatever the others repeat',
      '/v1/responses',
      { model: 'm', input: 'x', stream: true },
      [
        { type: 'response.created', response: { usage: null } },
        {
          type: 'response.in_progress',
          response: { usage: { input_tokens: 9, output_tokens: 0, total_tokens: 9 } },
        },
        {
          type: 'response.completed',
          response: { usage: { input_tokens: 9, output_tokens: 12, total_tokens: 21 } },
        },
      ],
      { inputTokens: 9, outputTokens: 12 },
    ],
  ])('counts %s', async (_, path, body, told, expected) => {
    expect(await line(path, body, told)).toMatchObject({ ...expected, tokensSource: 'reported' })
  })
})

describe('a call of a tool', () => {
  it.each<[string, object[]]>([
    [
      // openai/openai-python#3201
      'whose first event has its index twice',
      [
        [
          { index: 0, id: 'c1', function: { name: 'weather' } },
          { index: 0, function: { arguments: '{' } },
        ],
        [{ index: 0, function: { arguments: '}' } }],
      ],
    ],
    [
      // NousResearch/hermes-agent#8259
      'whose every event has its name',
      ['{', '}', ''].map((piece) => [
        { index: 0, id: 'c1', function: { name: 'weather', arguments: piece } },
      ]),
    ],
  ])('counts once, %s', async (_, events) => {
    const told = events.map((tool_calls) => ({ choices: [{ index: 0, delta: { tool_calls } }] }))
    const row = await line('/v1/chat/completions', { ...chat, stream: true }, told)
    expect(row).toMatchObject({ toolCalls: 1 })
  })
})

describe('a tier', () => {
  // defog-ai/defog#303, Portkey-AI/gateway#1511
  it.each([
    ['flex', 'flex', 637_500],
    ['flex', 'default', 1_275_000],
    ['auto', 'priority', 2_295_000],
  ])('asked for as %s and given as %s sets the price of cached tokens too', async (...tier) => {
    const [service_tier, given, costNanousd] = tier
    const usage = {
      prompt_tokens: 2000,
      completion_tokens: 500,
      prompt_tokens_details: { cached_tokens: 1000 },
    }
    const body = { ...chat, model: 'gpt-5-mini', service_tier }
    const told = { choices: [], service_tier: given, usage }
    const row = await line('/v1/chat/completions', body, told)
    expect(row).toMatchObject({ costNanousd, cachedTokens: 1000 })
  })
})

/** Silence as a WAV file of that many seconds. */
const wav = (seconds: number): Blob => {
  const bytes = Buffer.alloc(44 + seconds * 16_000)
  bytes.write('RIFF')
  bytes.writeUInt32LE(bytes.length - 8, 4)
  bytes.write('WAVEfmt ', 8)
  bytes.writeUInt32LE(16, 16)
  bytes.writeUInt16LE(1, 20)
  bytes.writeUInt16LE(1, 22)
  bytes.writeUInt32LE(8000, 24)
  bytes.writeUInt32LE(16_000, 28)
  bytes.writeUInt16LE(2, 32)
  bytes.writeUInt16LE(16, 34)
  bytes.write('data', 36)
  bytes.writeUInt32LE(bytes.length - 44, 40)
  return new Blob([bytes], { type: 'audio/wav' })
}

describe('sound', () => {
  // langwatch/langwatch#6934
  it('that is transcribed without a word of its length costs what the file’s length costs', async () => {
    const form = new FormData()
    form.set('model', 'whisper-1')
    form.set('file', wav(30), 'a.wav')
    const row = await line('/v1/audio/transcriptions', form, { text: 'hello' })
    // $0.006 a minute.
    expect(row).toMatchObject({ audioMs: 30_000, costNanousd: 3_000_000, status: 200 })
  })

  it('that is made has an unknown price, not none, where no usage comes with it', async () => {
    const body = { model: 'tts-1', voice: 'alloy', input: 'hello' }
    const row = await line('/v1/audio/speech', body, Buffer.alloc(1000))
    expect(row).toMatchObject({ status: 200, costNanousd: null, tokensSource: 'none' })
  })
})

describe('a picture', () => {
  const bytes = Buffer.alloc(900_000, 'noise')
  Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').copy(bytes)
  bytes.writeUInt32BE(1024, 16)
  bytes.writeUInt32BE(768, 20)
  const data = bytes.toString('base64')
  const image_url = `data:image/png;base64,${data}`

  it.each<[string, string, object, number]>([
    [
      // BerriAI/litellm#32865
      'responses',
      '/v1/responses',
      { model: 'gpt-5', input: [{ role: 'user', content: [{ type: 'input_image', image_url }] }] },
      3000,
    ],
    [
      // arbs-io/github-copilot-llm-gateway#104, langgenius/dify#5868
      'chat',
      '/v1/chat/completions',
      {
        model: 'gpt-5',
        messages: [
          { role: 'user', content: [{ type: 'image_url', image_url: { url: image_url } }] },
        ],
      },
      3000,
    ],
    [
      'generateContent',
      '/v1beta/models/m:generateContent',
      { contents: [{ parts: [{ inlineData: { mimeType: 'image/png', data } }] }] },
      5000,
    ],
  ])('is not counted by its characters in %s', async (_, path, body, most) => {
    const row = await line(path, body, {})
    expect(row.tokensSource).toBe('estimated')
    expect(row.inputTokens).toBeGreaterThan(250)
    expect(row.inputTokens).toBeLessThan(most)
  })

  // BerriAI/litellm#36604
  it('can be counted for nothing', async () => {
    const source = { type: 'base64', media_type: 'image/png', data }
    const content = [{ type: 'image', source }]
    const body = { model: 'm', messages: [{ role: 'user', content }] }
    const row = await line('/v1/messages/count_tokens', body, { input_tokens: 1100 })
    expect(row).toMatchObject({ status: 200, costNanousd: 0, inputTokens: 0 })
  })
})

// diegosouzapw/OmniRoute#10840
describe('a document', () => {
  const { base64: data, pages } = JSON.parse(
    readFileSync(new URL('../golden/media.json', import.meta.url), 'utf8'),
  )['pdf.pdf']
  const file_data = `data:application/pdf;base64,${data}`
  const media_type = 'application/pdf'

  it.each<[string, string, object]>([
    [
      'chat',
      '/v1/chat/completions',
      { messages: [{ role: 'user', content: [{ type: 'file', file: { file_data } }] }] },
    ],
    [
      'responses',
      '/v1/responses',
      { input: [{ role: 'user', content: [{ type: 'input_file', file_data }] }] },
    ],
    [
      'messages',
      '/v1/messages',
      {
        max_tokens: 10,
        messages: [
          {
            role: 'user',
            content: [{ type: 'document', source: { type: 'base64', media_type, data } }],
          },
        ],
      },
    ],
    [
      'generateContent',
      '/v1beta/models/m:generateContent',
      { contents: [{ parts: [{ inlineData: { mimeType: media_type, data } }] }] },
    ],
  ])('comes to the same in %s as in every other dialect', async (_, path, body) => {
    const row = await line(path, path.includes('m:') ? body : { ...body, model: 'm' }, {})
    // A thousand tokens a page, and some of what surrounds it.
    expect(row.inputTokens - 1000 * pages).toBeGreaterThan(0)
    expect(row.inputTokens - 1000 * pages).toBeLessThan(60)
  })
})
