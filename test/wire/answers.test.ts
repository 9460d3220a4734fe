import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { type Behaviour, chatStream, messageStream, responses } from '../support/fake-upstream.ts'
import { open, post, until } from '../support/raw.ts'
import { aliceHeaders, chat, providerKey, together } from '../support/setup.ts'

const usage = { prompt_tokens: 11, completion_tokens: 3, total_tokens: 14 }
const chunk = (delta: object, more: object = {}) => ({
  id: 'c',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta, finish_reason: null }],
  ...more,
})
const sse = (event: object) => `data: ${JSON.stringify(event)}\n\n`

/** A chat stream under any label, with any coding. */
const labelled =
  (headers: Record<string, string>, pack = (body: string): string | Buffer => body): Behaviour =>
  ({ response }) => {
    const events = [
      chunk({ content: 'Hi' }),
      chunk({ content: ' you' }),
      chunk({}, { choices: [], usage }),
    ]
    response.writeHead(200, headers)
    response.end(pack(`${events.map(sse).join('')}data: [DONE]\n\n`))
  }

/** Answers with these events, and closes or breaks off. */
const events =
  (
    body: readonly string[],
    end: 'end' | 'break' | 'open' = 'end',
    type = 'text/event-stream',
  ): Behaviour =>
  async ({ response }) => {
    response.writeHead(200, { 'content-type': type })
    for (const piece of body) {
      response.write(piece)
      await sleep(5)
    }
    if (end === 'end') response.end()
    if (end === 'break') response.destroy()
  }

const json =
  (body: object, headers: Record<string, string> = {}): Behaviour =>
  ({ response }) => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(body))
  }

const event = (type: string, more: object) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`
const started = event('response.created', {
  sequence_number: 0,
  response: { id: 'resp_1', object: 'response', status: 'in_progress', output: [], error: null },
})
const failed = event('response.failed', {
  sequence_number: 1,
  response: {
    id: 'resp_1',
    status: 'failed',
    error: { code: 'server_error', message: `no: ${providerKey}` },
  },
})
const packed = (coding: string, pack: (body: string) => Buffer): Behaviour =>
  labelled({ 'content-type': 'text/event-stream', 'content-encoding': coding }, pack)
const packedJson = JSON.stringify({ choices: [{ message: { content: 'Hi' } }], usage })

/** Deeper than any stack. */
const deepList = '['.repeat(200_000) + ']'.repeat(200_000)

const byModel: Readonly<Record<string, Behaviour>> = {
  'label-text': labelled({ 'content-type': 'text/plain; charset=utf-8' }),
  'label-none': labelled({}),
  'label-case': labelled({ 'content-type': 'Text/Event-Stream;charset=UTF-8' }),
  'label-json': labelled({ 'content-type': 'application/json', 'cache-control': 'max-age=60' }),
  'label-html': labelled({ 'content-type': 'text/html' }),
  'label-length': (exchange) =>
    labelled({ 'content-type': 'application/json', 'x-length': '1' })(exchange),
  'json-as-text': ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.end(JSON.stringify({ ...chunk({}), choices: [{ message: { content: 'Hi' } }], usage }))
  },
  page: ({ response }) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end('<!doctype html><title>It works!</title>')
  },
  'ok-gzip': packed('gzip', gzipSync),
  'ok-br': packed('br', brotliCompressSync),
  'ok-deflate': packed('deflate', deflateSync),
  'ok-zstd': packed('zstd', zstdCompressSync),
  'ok-json-gzip': ({ response }) => {
    const body = gzipSync(packedJson)
    const headers = { 'content-encoding': 'gzip', 'content-length': String(body.length) }
    response.writeHead(200, { 'content-type': 'application/json', ...headers })
    response.end(body)
  },
  'error-json': json({ error: { message: 'full', type: 'server_error', code: 'overloaded' } }),
  'error-usage': json({ error: { message: 'cut', type: 'server_error' }, usage }),
  'error-openrouter': json({ choices: [{ index: 0, error: { code: 502, message: 'no' } }] }),
  'error-vllm': json({ object: 'error', message: 'no', type: 'BadRequestError', code: 400 }),
  'error-cloudflare': json({
    result: null,
    success: false,
    errors: [{ code: 5007, message: 'no' }],
  }),
  'error-list': json({ error: ['no such model'] }),
  'error-deep': ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(`data: {"error":${deepList}}\n\n`)
  },
  'error-deep-500': ({ response }) => {
    response.writeHead(500, { 'content-type': 'application/json' })
    response.end(`{"error":${deepList}}`)
  },
  'error-null': json({ error: null, choices: [{ message: { content: 'Hi' } }], usage }),
  'error-chat': events([
    sse(chunk({ content: 'Hi' })),
    sse({ error: { message: 'full', code: 'overloaded' } }),
  ]),
  'error-messages': events([
    event('message_start', { message: { usage: { input_tokens: 11, output_tokens: 1 } } }),
    event('error', { error: { type: 'overloaded_error', message: 'Overloaded' } }),
  ]),
  'error-responses': events([started, failed]),
  'error-named': events([sse(chunk({ content: 'Hi' })), 'event: error\ndata: timed out\n\n']),
  'done-chat': (exchange) => chatStream()({ ...exchange, response: keptOpen(exchange.response) }),
  'done-messages': (exchange) =>
    messageStream()({ ...exchange, response: keptOpen(exchange.response) }),
  'done-responses': (exchange) =>
    responses()({ ...exchange, response: keptOpen(exchange.response) }),
  'done-broken': events(
    [sse(chunk({ content: 'Hi' })), sse(chunk({}, { choices: [], usage })), 'data: [DONE]\n\n'],
    'break',
  ),
  'break-chat': events([sse(chunk({ content: 'Hi' })), 'data: {"cho'], 'break'),
  'break-messages': events(
    [
      event('message_start', {
        message: { id: 'm', content: [], usage: { input_tokens: 1, output_tokens: 1 } },
      }),
    ],
    'break',
  ),
  'break-responses': events(
    [started, event('response.output_text.delta', { sequence_number: 7, delta: 'Hi' })],
    'break',
  ),
  single: events(
    Array.from(
      { length: 8 },
      (_, i) => `data: ${JSON.stringify(chunk({ content: `w${i}` }))}\n`,
    ).concat(`data: ${JSON.stringify(chunk({}, { choices: [], usage }))}\n`, 'data: [DONE]\n'),
    'open',
  ),
  timings: events([
    sse(chunk({ content: 'Hi' })),
    sse(
      chunk(
        {},
        { choices: [], usage, timings: { prompt_n: 11, predicted_n: 3, predicted_ms: 12.5 } },
      ),
    ),
    'data: [DONE]\n\n',
  ]),
  'usage-only': events([
    sse(chunk({ content: 'Hi' })),
    'event: x\n',
    sse(chunk({}, { choices: [], usage })),
    'data: [DONE]\n\n',
  ]),
}

/** Ends as if the server kept the connection, as some do after their last event. */
const keptOpen = <Response extends object>(response: Response): Response =>
  new Proxy(response, {
    get: (target, name) => {
      if (name === 'end') return () => target
      const value = Reflect.get(target, name) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

const t = together({ script: { byModel } })
const rows = () => t.gateway.store.usage

/** The answer and its row. */
const asked = async (model: string, path = '/v1/chat/completions', stream = true) => {
  const before = rows().length
  const response = await chat(t.url, { model, stream, max_tokens: 9 }, { path })
  const text = await response.text()
  await until(() => rows().length > before)
  return { response, text, row: rows().at(-1) }
}
const reported = { tokensSource: 'reported', inputTokens: 11, outputTokens: 3, outcome: 'ok' }

describe('a stream under a wrong label', () => {
  it.each(['label-text', 'label-none', 'label-case', 'label-json', 'label-html'])(
    'is metered, keeps our usage frame to itself, and gets the right label: %s',
    async (model) => {
      const { response, text, row } = await asked(model)
      expect(row).toMatchObject(reported)
      expect(text).toContain('"Hi"')
      expect(text).not.toContain('"choices":[]')
      expect(response.headers.get('content-type')).toMatch(/^text\/event-stream\b/)
      expect(response.headers.get('cache-control')).toBe('no-cache, no-transform')
      expect(response.headers.get('x-accel-buffering')).toBe('no')
    },
  )

  it.each(['label-text', 'label-none', 'label-json'])('is read by an SDK: %s', async (model) => {
    const stream = await openai().chat.completions.create({ model, stream: true, messages: [] })
    let text = ''
    for await (const part of stream) text += part.choices[0]?.delta.content ?? ''
    expect(text).toBe('Hi you')
  })

  it('does not hide that an answer is JSON', async () => {
    const { response, row } = await asked('json-as-text', undefined, false)
    expect(row).toMatchObject(reported)
    expect(response.headers.get('content-type')).toMatch(/^application\/json\b/)
  })

  it('does not make a model’s answer of a web page', async () => {
    const { response, text } = await asked('page', undefined, false)
    expect(response.status).toBe(502)
    expect(text).not.toContain('It works')
  })
})

describe('an answer that came packed unasked', () => {
  it.each(['ok-gzip', 'ok-br', 'ok-deflate', 'ok-zstd', 'ok-json-gzip'])(
    'is unpacked and metered: %s',
    async (model) => {
      const before = rows().length
      const response = await fetch(`${t.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { ...aliceHeaders, 'accept-encoding': 'gzip, br, deflate, zstd' },
        body: JSON.stringify({ model, stream: model !== 'ok-json-gzip', messages: [] }),
      })
      expect(response.headers.get('content-encoding')).toBeNull()
      expect(await response.text()).toContain('"Hi"')
      await until(() => rows().length > before)
      expect(rows().at(-1)).toMatchObject(reported)
    },
  )
})

describe('an error of lists in lists', () => {
  it.each([
    ['error-deep', true, 200],
    ['error-deep-500', false, 500],
  ])('passes like any other: %s', async (model, stream, status) => {
    const before = rows().length
    const { response, text } = await asked(model, undefined, stream)
    expect(response.status).toBe(status)
    expect(text).toContain(deepList)
    await until(() => rows().length > before)
    expect(rows().at(-1)).toMatchObject({ status, outcome: 'upstream_error' })
  })
})

describe('an error inside a 200', () => {
  it.each([
    ['error-json', '/v1/chat/completions', false],
    ['error-openrouter', '/v1/chat/completions', false],
    ['error-vllm', '/v1/chat/completions', false],
    ['error-cloudflare', '/v1/chat/completions', false],
    ['error-list', '/v1/chat/completions', false],
    ['error-chat', '/v1/chat/completions', true],
    ['error-named', '/v1/chat/completions', true],
    ['error-responses', '/v1/responses', true],
  ])(
    'passes, is a failure of the provider, and costs nothing that it does not report: %s',
    async (model, path, stream) => {
      const { response, text, row } = await asked(model, path, stream)
      expect(response.status).toBe(200)
      expect(text).toMatch(/error|failed/)
      expect(text).not.toContain(providerKey)
      expect(row).toMatchObject({
        status: 200,
        outcome: 'upstream_error',
        tokensSource: 'none',
        inputTokens: 0,
        outputTokens: 0,
        costNanousd: 0,
      })
    },
  )

  it.each([
    ['error-usage', '/v1/chat/completions', false, 3],
    ['error-messages', '/v1/messages', true, 1],
  ])('is charged by what it reports: %s', async (model, path, stream, outputTokens) => {
    const { row } = await asked(model, path, stream)
    expect(row).toMatchObject({
      outcome: 'upstream_error',
      tokensSource: 'reported',
      inputTokens: 11,
      outputTokens,
    })
  })

  it('is not what a field called error makes of it', async () => {
    expect((await asked('error-null', undefined, false)).row).toMatchObject(reported)
  })
})

describe('a client that hangs up after the last event', () => {
  it.each([
    ['done-chat', '/v1/chat/completions', '[DONE]'],
    ['done-messages', '/v1/messages', 'message_stop"'],
    ['done-responses', '/v1/responses', 'response.completed"'],
  ])('has had all of its answer: %s', async (model, path, last) => {
    const before = rows().length
    const socket = await open(t.port, post({ model, stream: true, messages: [] }, { path }))
    let text = ''
    socket.on('data', (bytes) => {
      text += bytes.toString()
      if (text.includes(last)) socket.destroy()
    })
    await once(socket, 'close')
    await until(() => rows().length > before)
    expect(rows().at(-1)).toMatchObject({ status: 200, outcome: 'ok', outputTokens: 6 })
  })

  it('is told of no error when the server breaks the connection after that', async () => {
    const { text, row } = await asked('done-broken')
    expect(text).toMatch(/\[DONE\]\n\n$/)
    expect(row).toMatchObject(reported)
  })
})

const openai = () => {
  const defaultHeaders = { authorization: aliceHeaders.authorization }
  return new OpenAI({ baseURL: `${t.url}/v1`, apiKey: 'x', defaultHeaders, maxRetries: 0 })
}
const anthropic = () => {
  const defaultHeaders = { authorization: aliceHeaders.authorization, 'x-api-key': null }
  return new Anthropic({ baseURL: t.url, apiKey: 'x', defaultHeaders, maxRetries: 0 })
}
const drained = async (stream: Promise<AsyncIterable<unknown>>) => {
  for await (const _ of await stream);
}

describe('a stream that breaks off', () => {
  const prompt = { messages: [{ role: 'user' as const, content: 'hi' }] }

  it('is an error to OpenAI’s SDK in a chat', async () => {
    const stream = openai().chat.completions.create({
      model: 'break-chat',
      stream: true,
      ...prompt,
    })
    await expect(drained(stream)).rejects.toMatchObject({ code: 'upstream_error' })
  })

  it('is an error to OpenAI’s SDK in a response', async () => {
    const request = { model: 'break-responses', stream: true as const, input: 'hi' }
    await expect(drained(openai().responses.create(request))).rejects.toMatchObject({
      code: 'upstream_error',
    })
  })

  it('is an event of the responses API, numbered on', async () => {
    const socket = await open(
      t.port,
      post({ model: 'break-responses', stream: true, input: 'hi' }, { path: '/v1/responses' }),
    )
    let text = ''
    socket.on('data', (bytes) => {
      text += bytes.toString()
    })
    await once(socket, 'close')
    const data = /event: error\ndata: (.*)\n/.exec(text)?.[1] ?? '{}'
    expect(JSON.parse(data)).toMatchObject({
      type: 'error',
      code: 'upstream_error',
      message: 'The model server broke off its answer.',
      param: null,
      sequence_number: 8,
    })
  })

  it('is an error to Anthropic’s SDK', async () => {
    const request = { model: 'break-messages', max_tokens: 9, stream: true as const, ...prompt }
    await expect(drained(anthropic().messages.create(request))).rejects.toMatchObject({
      error: { type: 'error', error: { type: 'api_error' } },
    })
  })
})

describe('a stream whose events end in one line break', () => {
  it('passes line by line, without our usage frame', async () => {
    const before = rows().length
    const socket = await open(t.port, post({ model: 'single', stream: true, messages: [] }))
    let text = ''
    socket.on('data', (bytes) => {
      text += bytes.toString()
      // The server has not ended its answer, and never will.
      if (text.includes('[DONE]')) socket.destroy()
    })
    await once(socket, 'close')
    expect(text.match(/"content":"w\d"/g)).toHaveLength(8)
    expect(text).not.toContain('usage')
    await until(() => rows().length > before)
    expect(rows().at(-1)).toMatchObject(reported)
  })
})

describe('the usage frame that only we asked for', () => {
  it('keeps what is not ours, in a frame that every client reads', async () => {
    const { text, row } = await asked('timings')
    expect(row).toMatchObject(reported)
    expect(text).not.toContain('usage')
    expect(text).toContain('"timings":{"prompt_n":11,"predicted_n":3,"predicted_ms":12.5}')
    const frames = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data = '']) => JSON.parse(data))
    expect(frames).toHaveLength(2)
    for (const { choices } of frames) expect(choices[0].delta).toBeDefined()
  })

  it('goes, with the name of its event', async () => {
    const { text } = await asked('usage-only')
    expect(text.replace(/\{.*\}/, '{}')).toBe('data: {}\n\ndata: [DONE]\n\n')
  })
})
