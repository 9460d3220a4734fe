import { setTimeout as sleep } from 'node:timers/promises'
import type { Behaviour, Exchange } from './fake-upstream.ts'

const created = 1_700_000_000

/** What the fake says, word by word, in JSON answers and streams alike. */
export const words = ['Hello', ' from', ' the', ' fake', ' model', '.']
const text = words.join('')
const usage = {
  prompt_tokens: 11,
  completion_tokens: words.length,
  total_tokens: 11 + words.length,
  prompt_tokens_details: { cached_tokens: 3 },
  completion_tokens_details: { reasoning_tokens: 2 },
}

export interface StreamScript {
  readonly frames?: readonly string[]
  /** ms between frames; 0 writes them at once. */
  readonly gap?: number
  /**
   * `asked`: an extra frame with empty `choices` when `stream_options.include_usage` was true, as OpenAI does.
   * `always`: that frame even when nobody asked. `last`: inside the frame that finishes. `none`: never.
   */
  readonly usage?: 'asked' | 'always' | 'last' | 'none'
  /** Break off after so many frames: `rst` resets the connection, `fin` closes it without the final chunk. */
  readonly dies?: { readonly after: number; readonly how: 'rst' | 'fin' }
}

/** OpenAI chat completion, not streamed. */
export const chat =
  (more: object = {}): Behaviour =>
  ({ json, response }) =>
    sendJson(response, 200, {
      id: 'chatcmpl-fake',
      object: 'chat.completion',
      created,
      model: json.model,
      choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
      usage,
      ...more,
    })

/** OpenAI chat completion as SSE, one frame per word. */
export const chatStream =
  (script: StreamScript = {}): Behaviour =>
  async (exchange) => {
    const { frames = words, usage: when = 'asked' } = script
    const options = exchange.json.stream_options as { include_usage?: boolean } | undefined
    const asked = options?.include_usage === true
    const chunk = (delta: object, finish: string | null, more: object = {}) =>
      `data: ${JSON.stringify({
        id: 'chatcmpl-fake',
        object: 'chat.completion.chunk',
        created,
        model: exchange.json.model,
        choices: [{ index: 0, delta, finish_reason: finish }],
        ...(when === 'asked' && asked ? { usage: null } : {}),
        ...more,
      })}\n\n`
    const tail = [chunk({}, 'stop', when === 'last' ? { usage } : {})]
    if (when === 'always' || (when === 'asked' && asked)) {
      tail.push(chunk({}, null, { choices: [], usage }))
    }
    const content = frames.map((word, i) =>
      chunk(i === 0 ? { role: 'assistant', content: word } : { content: word }, null),
    )
    await sse(exchange, [...content, ...tail, 'data: [DONE]\n\n'], script)
  }

/** Anthropic message, not streamed. */
export const message =
  (more: object = {}): Behaviour =>
  ({ json, response }) =>
    sendJson(response, 200, {
      id: 'msg_fake',
      type: 'message',
      role: 'assistant',
      model: json.model,
      content: [{ type: 'text', text }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 11, output_tokens: words.length, cache_read_input_tokens: 3 },
      ...more,
    })

/** Anthropic message as SSE. */
export const messageStream =
  (script: StreamScript = {}): Behaviour =>
  async (exchange) => {
    const { frames = words } = script
    const event = (type: string, data: object) =>
      `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`
    await sse(
      exchange,
      [
        event('message_start', {
          message: {
            id: 'msg_fake',
            type: 'message',
            role: 'assistant',
            model: exchange.json.model,
            content: [],
            stop_reason: null,
            stop_sequence: null,
            usage: { input_tokens: 11, output_tokens: 1, cache_read_input_tokens: 3 },
          },
        }),
        event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
        ...frames.map((word) =>
          event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: word } }),
        ),
        event('content_block_stop', { index: 0 }),
        event('message_delta', {
          delta: { stop_reason: 'end_turn', stop_sequence: null },
          usage: { output_tokens: frames.length },
        }),
        event('message_stop', {}),
      ],
      script,
    )
  }

/** OpenAI Responses, streamed or not as the body asks. */
export const responses =
  (script: StreamScript = {}): Behaviour =>
  async (exchange) => {
    const { frames = words } = script
    const message = {
      id: 'msg_fake',
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text: frames.join(''), annotations: [] }],
    }
    const response = {
      id: 'resp_fake',
      object: 'response',
      created_at: created,
      model: exchange.json.model,
      status: 'completed',
      output: [message],
      usage: { input_tokens: 11, output_tokens: frames.length, total_tokens: 11 + frames.length },
    }
    if (exchange.json.stream !== true) return sendJson(exchange.response, 200, response)
    const event = (type: string, data: object) =>
      `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`
    await sse(
      exchange,
      [
        event('response.created', { response: { ...response, status: 'in_progress', output: [] } }),
        ...frames.map((delta) =>
          event('response.output_text.delta', { item_id: message.id, output_index: 0, delta }),
        ),
        event('response.completed', { response }),
      ],
      script,
    )
  }

/** Any JSON with any status. */
export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Behaviour =>
  ({ response }) =>
    sendJson(response, status, body, headers)

/** Any status, headers and text. */
export const raw =
  (status: number, headers: Record<string, string>, body: string): Behaviour =>
  ({ response }) => {
    response.writeHead(status, headers)
    response.end(body)
  }

export const html = (): Behaviour =>
  raw(200, { 'content-type': 'text/html' }, '<!doctype html><title>It works!</title>')

/** 307 to another address: whoever follows it gives away key and prompt. */
export const redirect =
  (location: string, status = 307): Behaviour =>
  ({ response }) => {
    response.writeHead(status, { location })
    response.end()
  }

/** Takes the request and says nothing, for ever. */
export const silent = (): Behaviour => () => {}

/** An OpenAI-style 401 that repeats the credential it was sent. */
export const echoesKey = (): Behaviour => (exchange) => {
  const { authorization = '', 'x-api-key': key = '' } = exchange.request.headers
  sendJson(exchange.response, 401, {
    error: {
      message: `Incorrect API key provided: ${authorization.replace(/^Bearer /, '')}${key}.`,
      type: 'invalid_request_error',
      code: 'invalid_api_key',
    },
  })
}

/** An SSE stream of `bytes` bytes as fast as the reader takes it, then a clean end. */
export const flood =
  (bytes: number, frame = `data: ${'x'.repeat(16_000)}\n\n`): Behaviour =>
  async ({ response, upstream }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let left = bytes; left > 0 && !response.destroyed; left -= frame.length) {
      await write(response, frame)
      upstream.sent += frame.length
    }
    response.end()
  }

/** What a model name alone brings about; any other name answers as a normal model server would. */
export const behaviours: Readonly<Record<string, Behaviour>> = {
  default: (exchange) => normal(exchange),
  slow: (exchange) => stream({ gap: 20 })(exchange),
  'usage-always': chatStream({ usage: 'always' }),
  'usage-last': chatStream({ usage: 'last' }),
  'usage-none': chatStream({ usage: 'none' }),
  'dies-rst': (exchange) => stream({ gap: 5, dies: { after: 2, how: 'rst' } })(exchange),
  'dies-fin': (exchange) => stream({ gap: 5, dies: { after: 2, how: 'fin' } })(exchange),
  silent: silent(),
  empty: raw(200, { 'content-type': 'application/json' }, ''),
  html: html(),
  'echo-key': echoesKey(),
  flood: flood(100_000_000),
}

function normal(exchange: Exchange): void | Promise<void> {
  const { request, json: body, upstream, response } = exchange
  const path = request.path.split('?', 1)[0] ?? ''
  if (path.endsWith('/models')) {
    const data = upstream.models.map((id) => ({ id, object: 'model', created, owned_by: 'fake' }))
    return sendJson(response, 200, { object: 'list', data })
  }
  if (path.endsWith('/messages/count_tokens')) return sendJson(response, 200, { input_tokens: 11 })
  if (path.endsWith('/responses')) return responses()(exchange)
  if (path.endsWith('/embeddings')) {
    const data = [{ object: 'embedding', index: 0, embedding: [0.1, 0.2, 0.3] }]
    return sendJson(response, 200, { object: 'list', model: body.model, data, usage })
  }
  if (path.endsWith('/messages')) return body.stream ? stream()(exchange) : message()(exchange)
  if (/\/(chat\/)?completions$/.test(path)) {
    return body.stream ? stream()(exchange) : chat()(exchange)
  }
  return sendJson(response, 404, { error: { message: `no such path: ${path}`, type: 'not_found' } })
}

/** A stream in the dialect of the path. */
export const stream =
  (script: StreamScript = {}): Behaviour =>
  (exchange) =>
    (exchange.request.path.includes('/messages') ? messageStream : chatStream)(script)(exchange)

async function sse(
  { response, upstream }: Exchange,
  frames: readonly string[],
  { gap = 0, dies }: StreamScript,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.flushHeaders()
  for (const [i, frame] of frames.entries()) {
    if (response.destroyed) return
    if (dies?.after === i) return breakOff(response, dies.how)
    await write(response, frame)
    upstream.sent += frame.length
    if (gap > 0) await sleep(gap)
  }
  response.end()
}

function breakOff(response: Exchange['response'], how: 'rst' | 'fin'): void {
  if (how === 'rst') response.socket?.resetAndDestroy()
  else response.socket?.end()
}

/** Waits for the reader when the socket is full. */
async function write(response: Exchange['response'], chunk: string): Promise<void> {
  if (response.write(chunk)) return
  await new Promise<void>((resolve) => {
    const go = () => {
      response.off('drain', go)
      response.off('close', go)
      resolve()
    }
    response.on('drain', go)
    response.on('close', go)
  })
}

function sendJson(
  response: Exchange['response'],
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}
