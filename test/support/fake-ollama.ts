import { setTimeout as sleep } from 'node:timers/promises'
import type { Exchange, Script } from './fake-upstream.ts'

const details = {
  parent_model: '',
  format: 'gguf',
  family: 'llama',
  families: ['llama'],
  parameter_size: '3.2B',
  quantization_level: 'Q4_K_M',
}
const at = '2026-05-04T14:56:49.277302595-07:00'
const row = (name: string) => ({
  name,
  model: name,
  modified_at: at,
  size: 2_019_393_189,
  digest: `a80c4f17acd5${name.length}`,
  details,
  capabilities: ['completion', 'tools'],
  remote_host: 'https://secret.example:443',
})

/** Names of the models that it lists. */
export const ollamaModels = ['llama3.2:latest', 'qwen3:8b', 'nomic-embed-text:latest'] as const

const gets: Readonly<Record<string, unknown>> = {
  '/v1/models': {
    object: 'list',
    data: ollamaModels.map((id) => ({
      id,
      object: 'model',
      created: 1_700_000_000,
      owned_by: 'library',
    })),
  },
  '/api/version': { version: '0.20.1' },
  '/api/tags': { models: ollamaModels.map(row) },
  '/api/ps': {
    models: [
      {
        ...row('llama3.2:latest'),
        expires_at: '2026-06-04T14:38:31.83753-07:00',
        size_vram: 2_019_393_189,
        context_length: 8192,
      },
    ],
  },
}

const counts = {
  total_duration: 4_883_583_458,
  load_duration: 1_334_875,
  prompt_eval_count: 26,
  prompt_eval_duration: 342_546_000,
  eval_count: 3,
  eval_duration: 4_535_599_000,
}
const words = ['The', ' sky', '.']

/** Ollama 0.20 as it answers: its lists, and its own API with streams of lines (https://github.com/ollama/ollama/blob/main/docs/api.md). */
export const ollama: NonNullable<Script['handler']> = async (exchange) => {
  const { method, path } = exchange.request
  if (method === 'GET') {
    const answer = gets[path]
    if (answer === undefined) send(exchange, 404, { error: 'not found' })
    else send(exchange, 200, answer)
    return true
  }
  const model = String(exchange.json.model)
  if (!path.startsWith('/api/')) return false
  if (!(ollamaModels as readonly string[]).includes(model)) {
    send(exchange, 404, { error: `model '${model}' not found` })
    return true
  }
  await calls[path.slice('/api/'.length)]?.(exchange, { model, created_at: at })
  return true
}

type Head = { readonly model: string; readonly created_at: string }

const calls: Readonly<Record<string, (exchange: Exchange, head: Head) => void | Promise<void>>> = {
  chat: (exchange, head) => {
    const tools = Array.isArray(exchange.json.tools) && exchange.json.tools.length > 0
    const call = { function: { name: 'weather', arguments: { city: 'Paris' } } }
    return stream(exchange, head, (content, last) => ({
      message: {
        role: 'assistant',
        content: tools ? '' : content,
        ...(tools && last && { tool_calls: [call] }),
      },
    }))
  },
  generate: (exchange, head) => stream(exchange, head, (response) => ({ response })),
  embed: (exchange, { model }) =>
    send(exchange, 200, {
      model,
      embeddings: [[0.1, 0.2]],
      total_duration: 14_143_917,
      load_duration: 1_019_500,
      prompt_eval_count: 8,
    }),
  embeddings: (exchange) => send(exchange, 200, { embedding: [0.5, 0.25] }),
  show: (exchange) =>
    send(exchange, 200, {
      license: 'long',
      modelfile: 'FROM /root/.ollama/models/blobs/sha256-dde5aa3fc5ff',
      parameters: 'num_keep 24',
      template: '{{ .Prompt }}',
      details,
      model_info: { 'general.architecture': 'llama', 'llama.context_length': 131_072 },
      capabilities: ['completion', 'tools'],
      modified_at: at,
    }),
}

/** Lines unless `"stream": false`; the last has the counts. `dies`: none, as the server is gone. */
const stream = async (
  exchange: Exchange,
  head: Head,
  said: (text: string, last: boolean) => object,
): Promise<void> => {
  const { response, json } = exchange
  const end = { done_reason: 'stop', done: true, ...counts }
  if (json.stream === false) {
    return send(exchange, 200, { ...head, ...said(words.join(''), true), ...end })
  }
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  for (const word of words) {
    response.write(`${JSON.stringify({ ...head, ...said(word, false), done: false })}\n`)
    await sleep(5)
  }
  if (json.keep_alive === 'dies') {
    response.socket?.resetAndDestroy()
    return
  }
  response.end(`${JSON.stringify({ ...head, ...said('', true), ...end })}\n`)
}

const send = ({ response }: Exchange, status: number, body: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
  response.end(JSON.stringify(body))
}
