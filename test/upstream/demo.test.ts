import { afterEach, expect, test, vi } from 'vitest'
import { demoModel, demoProvider, withDemo } from '../../src/gateway/upstream/demo.ts'
import { joinBase } from '../../src/gateway/upstream/join.ts'
import { route } from '../../src/gateway/upstream/routing/route.ts'
import type { Send, UpstreamCall, UpstreamSink } from '../../src/platform/upstream.ts'

const send = withDemo(() => {
  throw new Error('the demo must not reach the network')
})

interface Played {
  status: number
  type: string
  frames: string[]
  text: string
}

const play = (
  operation: string,
  body: object | string | null,
  method = 'POST',
  version = 'v1',
): Promise<Played> =>
  new Promise((resolve, reject) => {
    const decoder = new TextDecoder()
    const played: Played = { status: 0, type: '', frames: [], text: '' }
    send(
      {
        ...joinBase(demoProvider.baseurl, operation, version),
        method,
        headers: [],
        body:
          body === null
            ? null
            : new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)),
      },
      {
        head: (status, headers) => {
          played.status = status
          played.type = headers.find(([name]) => name === 'content-type')?.[1] ?? ''
        },
        data: (chunk) => played.frames.push(decoder.decode(chunk)),
        end: () => resolve({ ...played, text: played.frames.join('') }),
        error: reject,
      },
    )
  })

const events = ({ text }: Played) =>
  text
    .split('\n\n')
    .flatMap((frame) => frame.split('\n').filter((line) => line.startsWith('data: {')))
    .map((line) => JSON.parse(line.slice(6)) as Record<string, never>)

const question = { model: demoModel, messages: [{ role: 'user', content: 'two words' }] }

afterEach(() => void vi.useRealTimers())

test('answers Gemini, whole, as events and as a list, with counts and the client’s limit', async () => {
  const body = { contents: [{ role: 'user', parts: [{ text: 'two words' }] }] }
  const at = (method: string, more: object = {}) =>
    play(`models/postern%2Fdemo:${method}`, { ...body, ...more }, 'POST', 'v1beta')
  const whole = JSON.parse((await at('generateContent')).text)
  const text: string = whole.candidates[0].content.parts[0].text
  expect(text).toMatch(/demo model/)
  expect(whole.candidates[0].finishReason).toBe('STOP')
  expect(whole.usageMetadata).toMatchObject({ promptTokenCount: 2 })

  const said = (parts: readonly { candidates: { content: { parts: { text: string }[] } }[] }[]) =>
    parts.map((part) => part.candidates[0]?.content.parts[0]?.text).join('')
  const streamed = await at('streamGenerateContent?alt=sse')
  expect(streamed.type).toBe('text/event-stream')
  const parts = events(streamed) as never[]
  expect(said(parts)).toBe(text)
  expect(parts.at(-1)).toMatchObject({ usageMetadata: whole.usageMetadata })
  expect(said(JSON.parse((await at('streamGenerateContent')).text))).toBe(text)

  const cut = JSON.parse(
    (await at('generateContent', { generationConfig: { maxOutputTokens: 2 } })).text,
  )
  expect(cut.candidates[0].finishReason).toBe('MAX_TOKENS')
  expect(cut.usageMetadata.candidatesTokenCount).toBe(2)
  expect(JSON.parse((await at('countTokens')).text)).toEqual({ totalTokens: 2 })
})

test('is found by its name in every dialect, and labels itself', () => {
  const spoken = [
    'openai_chat',
    'openai_responses',
    'anthropic_messages',
    'gemini_generate_content',
  ] as const
  for (const dialect of spoken) {
    expect(route([demoProvider], 'postern/demo', dialect).candidates).toHaveLength(1)
  }
  expect(demoProvider.name).toMatch(/demo/)
})

test('other origins go to the transport as they are', () => {
  const call = {} as UpstreamCall
  const transport = vi.fn<Send>(() => call)
  const request = { origin: 'http://h', path: '/', method: 'GET', headers: [], body: null }
  const sink = {} as UpstreamSink
  expect(withDemo(transport)(request, sink)).toBe(call)
  expect(transport).toHaveBeenCalledWith(request, sink)
})

test('answers a chat completion and says what it is and what to do', async () => {
  const played = await play('chat/completions', question)
  expect(played).toMatchObject({ status: 200, type: 'application/json' })
  const answer = JSON.parse(played.text)
  expect(answer).toMatchObject({ object: 'chat.completion', model: demoModel })
  const [{ message, finish_reason }] = answer.choices
  expect(message.content).toMatch(/demo model.*LM Studio, Ollama/s)
  expect(finish_reason).toBe('stop')
  const { prompt_tokens, completion_tokens, total_tokens } = answer.usage
  expect(prompt_tokens).toBe(2)
  expect(total_tokens).toBe(prompt_tokens + completion_tokens)
})

test('streams the same words in a few frames, ending with [DONE]', async () => {
  const [whole, streamed] = await Promise.all([
    play('chat/completions', question),
    play('chat/completions', { ...question, stream: true }),
  ])
  expect(streamed.type).toBe('text/event-stream')
  expect(streamed.frames.length).toBeGreaterThan(5)
  expect(streamed.frames.at(-1)).toBe('data: [DONE]\n\n')
  const chunks = events(streamed) as unknown as { choices: { delta: { content?: string } }[] }[]
  const words = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta.content ?? ''))
  expect(words.join('')).toBe(JSON.parse(whole.text).choices[0].message.content)
  expect(chunks.every((chunk) => !('usage' in chunk))).toBe(true)
})

test('tells usage in a frame of its own when asked', async () => {
  const body = { ...question, stream: true, stream_options: { include_usage: true } }
  const last = events(await play('chat/completions', body)).at(-1)
  expect(last).toMatchObject({ choices: [], usage: { prompt_tokens: 2 } })
})

test('keeps to the client’s limit of tokens and says so', async () => {
  const chat = JSON.parse((await play('chat/completions', { ...question, max_tokens: 3 })).text)
  expect(chat).toMatchObject({
    choices: [{ finish_reason: 'length' }],
    usage: { completion_tokens: 3 },
  })
  const message = JSON.parse((await play('messages', { ...question, max_tokens: 3 })).text)
  expect(message).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 3 } })
})

test('answers Anthropic messages, counted', async () => {
  const body = { ...question, max_tokens: 500, system: [{ type: 'text', text: 'be kind' }] }
  const answer = JSON.parse((await play('messages', body)).text)
  expect(answer).toMatchObject({
    type: 'message',
    role: 'assistant',
    stop_reason: 'end_turn',
    usage: { input_tokens: 4 },
  })
  expect(answer.content[0].text).toMatch(/demo model/)
  const counted = JSON.parse((await play('messages/count_tokens', body)).text)
  expect(counted).toEqual({ input_tokens: 4 })
})

test('streams Anthropic messages in the order their SDK expects', async () => {
  const seen = events(await play('messages', { ...question, max_tokens: 500, stream: true }))
  const types = seen.map((event) => String(event.type))
  expect([...new Set(types)]).toEqual([
    'message_start',
    'content_block_start',
    'content_block_delta',
    'content_block_stop',
    'message_delta',
    'message_stop',
  ])
})

test('answers responses, streamed and not', async () => {
  const body = { model: demoModel, input: 'two words' }
  const whole = JSON.parse((await play('responses', body)).text)
  expect(whole).toMatchObject({
    object: 'response',
    status: 'completed',
    usage: { input_tokens: 2 },
  })
  const seen = events(await play('responses', { ...body, stream: true }))
  expect(seen.at(0)?.type).toBe('response.created')
  expect(seen.at(-1)).toMatchObject({
    type: 'response.completed',
    response: { status: 'completed' },
  })
  expect(seen.map(({ sequence_number }) => sequence_number)).toEqual(seen.map((_, i) => i))
})

test('answers the older completions and lists itself', async () => {
  const completion = JSON.parse((await play('completions', { model: demoModel, prompt: 'x' })).text)
  expect(completion).toMatchObject({
    object: 'text_completion',
    choices: [{ finish_reason: 'stop' }],
  })
  const list = JSON.parse((await play('models', null, 'GET')).text)
  expect(list.data).toMatchObject([{ id: demoModel, object: 'model' }])
})

test.each([
  ['embeddings', 400],
  ['audio/transcriptions', 404],
  ['models', 404],
])('refuses POST %s with %i', async (operation, status) => {
  expect((await play(operation, question)).status).toBe(status)
})

test.each(['', '[]', 'null', '{"messages":42}', '{"max_tokens":-1,"stream":"yes"}', '{'])(
  'a body of %j does not upset it',
  async (body) => {
    expect((await play('chat/completions', body)).status).toBe(200)
  },
)

test('takes its time, waits while paused, and says nothing after an abort', async () => {
  vi.useFakeTimers()
  const seen: string[] = []
  const call = send(
    {
      ...joinBase(demoProvider.baseurl, 'chat/completions'),
      method: 'POST',
      headers: [],
      body: new TextEncoder().encode('{"stream":true}'),
    },
    {
      head: () => seen.push('head'),
      data: () => seen.push('data'),
      end: () => seen.push('end'),
      error: () => seen.push('error'),
    },
  )
  expect(seen).toEqual([])
  await vi.waitFor(() => expect(seen).toEqual(['head', 'data']), { interval: 1, timeout: 10_000 })
  vi.advanceTimersByTime(20)
  expect(seen).toHaveLength(3)
  call.pause()
  vi.advanceTimersByTime(1000)
  expect(seen).toHaveLength(3)
  call.resume()
  vi.advanceTimersByTime(0)
  expect(seen).toHaveLength(4)
  call.abort()
  call.abort()
  vi.advanceTimersByTime(10_000)
  expect(seen).toEqual(['head', 'data', 'data', 'data'])
})
