import {
  demoBase,
  type Provider,
  type Send,
  type UpstreamCall,
  type UpstreamRequest,
  type UpstreamSink,
} from '../../platform/upstream.ts'
import { countTokens, message } from './demo/anthropic.ts'
import { countGeminiTokens, generate } from './demo/gemini.ts'
import { completion, type DemoAnswer, embeddingRefusal, notFound } from './demo/openai.ts'
import { response } from './demo/responses.ts'

export const demoModel = 'postern/demo'

/** The provider of last resort: no model server was found, and a first request should be answered all the same. */
export const demoProvider: Provider = {
  id: 'postern',
  name: 'Postern demo',
  description: 'A canned answer, no model: it is here until a model server is found.',
  baseurl: demoBase,
  models: [demoModel],
  apikey: '',
  authorization: 'bearer',
  authMode: 'none',
  dialects: new Set([
    'openai_chat',
    'openai_responses',
    'anthropic_messages',
    'gemini_generate_content',
  ]),
  addHeaders: [],
  preference: 0,
  disabled: false,
  server: 'demo',
  details: new Map([[demoModel, { contextLength: 8192, loaded: true, ownedBy: 'postern' }]]),
}

/** ms between the frames of a stream, so that it looks like one. */
const pace = 20

/** The transport, with the demo model answering for `demo:` inside this process. */
export const withDemo =
  (send: Send): Send =>
  (request, sink) =>
    request.origin === demoBase ? new DemoCall(request, sink) : send(request, sink)

/** Plays an answer frame by frame, as a transport would: never before `send` returned, nothing after an abort. */
class DemoCall implements UpstreamCall {
  readonly #sink: UpstreamSink
  readonly #frames: Uint8Array[] = []
  #timer: ReturnType<typeof setTimeout> | undefined
  #paused: boolean = false
  #over: boolean = false

  constructor(request: UpstreamRequest, sink: UpstreamSink) {
    this.#sink = sink
    void readBody(request.body).then((body) => this.#begin(request, body))
  }

  #begin(request: UpstreamRequest, body: Readonly<Record<string, unknown>>): void {
    if (this.#over) return
    const { status, type, frames } = answer(request, body)
    const encoder = new TextEncoder()
    this.#frames.push(...frames.map((frame) => encoder.encode(frame)))
    this.#sink.head(status, [['content-type', type]])
    this.#next()
  }

  #next(): void {
    this.#timer = undefined
    if (this.#over || this.#paused) return
    const frame = this.#frames.shift()
    if (!frame) {
      this.#over = true
      this.#sink.end()
      return
    }
    this.#sink.data(frame)
    if (!this.#over) this.#timer = setTimeout(() => this.#next(), this.#frames.length ? pace : 0)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#timer ??= setTimeout(() => this.#next(), 0)
  }

  abort(): void {
    this.#over = true
    clearTimeout(this.#timer)
  }
}

function answer(
  { method, path }: UpstreamRequest,
  body: Readonly<Record<string, unknown>>,
): DemoAnswer {
  const operation = path.replace(/^\/v1\//, '').replace(/\?.*$/s, '')
  if (method === 'GET' && operation === 'models') return modelList
  const gemini = /^\/v1beta\/models\/[^/]+:(\w+)$/.exec(operation)?.[1]
  if (gemini === 'countTokens') return countGeminiTokens(body)
  if (gemini) return generate(body, gemini.startsWith('stream'), path.endsWith('?alt=sse'))
  switch (operation) {
    case 'chat/completions':
      return completion(body, 'chat')
    case 'completions':
      return completion(body, 'text')
    case 'responses':
      return response(body)
    case 'messages':
      return message(body)
    case 'messages/count_tokens':
      return countTokens(body)
    case 'embeddings':
      return embeddingRefusal
    default:
      return notFound
  }
}

const modelList: DemoAnswer = {
  status: 200,
  type: 'application/json',
  frames: [
    JSON.stringify({
      object: 'list',
      data: [{ id: demoModel, object: 'model', created: 0, owned_by: 'postern' }],
    }),
  ],
}

const piecesOf = async (body: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>[]> => {
  const pieces: Uint8Array<ArrayBuffer>[] = []
  for await (const piece of body) pieces.push(piece as Uint8Array<ArrayBuffer>)
  return pieces
}

/** An object, whatever came: the demo answers every request that is JSON enough. */
async function readBody(body: UpstreamRequest['body']): Promise<Record<string, unknown>> {
  try {
    const whole = body !== null && 'size' in body ? new Blob(await piecesOf(body)) : body
    const value: unknown = await new Response(whole as BodyInit | null).json()
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
