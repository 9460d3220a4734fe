import { type Exchange, type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'

/** Answers of a server by path; a status instead of a body answers that. */
export type Answers = Readonly<Record<string, unknown>>

const list = (...data: object[]) => ({ object: 'list', data })
const row = (id: string, owned_by: string, more: object = {}) => ({
  id,
  object: 'model',
  owned_by,
  ...more,
})

/** What the servers of the day answer, cut to the fields that matter. */
export const answersOf = {
  vllm: {
    '/v1/models': list(row('Qwen/Qwen3.6-35B-A3B-FP8', 'vllm', { max_model_len: 131072 })),
    '/version': { version: '0.12.0' },
  },
  sglang: {
    '/v1/models': list(row('deepseek', 'sglang', { max_model_len: 65536 })),
    '/model_info': { model_path: '/models/deepseek', is_generation: true },
  },
  olderSglang: {
    '/v1/models': list(row('deepseek', 'sglang')),
    '/get_model_info': { model_path: '/models/deepseek' },
  },
  llamacpp: {
    '/v1/models': list(row('smollm2', 'llamacpp', { meta: { n_ctx_train: 8192, n_params: 1 } })),
    '/props': { total_slots: 4, build_info: 'b7000', default_generation_settings: { n_ctx: 2048 } },
  },
  lmstudio: {
    '/v1/models': list(
      row('qwen/qwen3-4b', 'organization_owner'),
      row('local-llm', 'organization_owner'),
      row('text-embedding-nomic', 'organization_owner'),
    ),
    '/api/v1/models': {
      models: [
        {
          type: 'llm',
          publisher: 'qwen',
          key: 'qwen/qwen3-4b',
          display_name: 'Qwen3 4B',
          loaded_instances: [{ id: 'local-llm', config: { context_length: 4096 } }],
          max_context_length: 262144,
        },
        {
          type: 'embedding',
          key: 'text-embedding-nomic',
          loaded_instances: [],
          max_context_length: 2048,
        },
      ],
    },
  },
  olderLmstudio: {
    '/v1/models': list(row('a', 'organization_owner'), row('b', 'organization_owner')),
    '/api/v0/models': list(
      { id: 'a', state: 'loaded', max_context_length: 32768, loaded_context_length: 8192 },
      { id: 'b', state: 'not-loaded', max_context_length: 32768 },
    ),
  },
  ollama: {
    '/v1/models': list(row('llama3:8b', 'library'), row('hf.co/x/y:Q4', 'x')),
    '/api/version': { version: '0.13.3' },
    '/api/ps': { models: [{ name: 'llama3:8b', context_length: 4096 }] },
  },
  ollamaWithNamespaceOnly: {
    '/v1/models': list(row('hf.co/x/y:Q4', 'x')),
    '/api/version': { version: '0.13.3' },
  },
  emptyOllama: {
    '/v1/models': { object: 'list', data: null },
    '/api/version': { version: '0.13.3' },
    '/api/ps': { models: [] },
  },
} as const satisfies Record<string, Answers>

/** A server that answers GETs from a table, and 404 for the rest. */
export const startServer = (answers: Answers, host?: string): Promise<FakeUpstream> =>
  startUpstream(({ request, response }: Exchange) => {
    const answer = Object.hasOwn(answers, request.path) ? answers[request.path] : 404
    if (typeof answer === 'number') response.writeHead(answer).end()
    else if (typeof answer === 'string') {
      response.writeHead(200, { 'content-type': 'text/html' }).end(answer)
    } else
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    return true
  }, host)
