import { expect, test } from 'vitest'
import { operations } from '../../src/gateway/dialect/operations.ts'
import { anthropicModelList } from '../../src/gateway/upstream/list/anthropic.ts'
import { geminiModelList } from '../../src/gateway/upstream/list/gemini.ts'
import { modelList, modelRows } from '../../src/gateway/upstream/list/openai.ts'
import { provider } from './provider.ts'

const everything = () => true

test('a row carries Aperture’s fields and what is known of the model', () => {
  const details = new Map([
    [
      'm',
      {
        contextLength: 32768,
        maxOutputTokens: 4096,
        loaded: true,
        ownedBy: 'qwen',
        created: 1_700_000_000,
      },
    ],
  ])
  const gpu = provider('gpu', ['m'], {
    name: 'GPU box',
    description: 'in the basement',
    server: 'vllm',
    dialects: new Set(['openai_chat', 'openai_responses', 'anthropic_messages']),
    details,
  })
  expect(modelList(modelRows([gpu], everything))).toEqual({
    object: 'list',
    data: [
      {
        id: 'm',
        object: 'model',
        created: 1_700_000_000,
        owned_by: 'qwen',
        supported_endpoints: ['/v1/chat/completions', '/v1/responses', '/v1/messages'],
        metadata: {
          provider: {
            id: 'gpu',
            name: 'GPU box',
            description: 'in the basement',
            requires_client_auth: false,
            upstream: 'vllm',
          },
          providers: [
            {
              id: 'gpu',
              name: 'GPU box',
              description: 'in the basement',
              requires_client_auth: false,
              upstream: 'vllm',
            },
          ],
        },
        context_length: 32768,
        max_output_tokens: 4096,
        loaded: true,
      },
    ],
  })
})

test('unknown facts are left out, and `upstream` is never empty', () => {
  const [row] = modelRows([provider('a', ['m'])], everything)
  expect(row).not.toHaveProperty('context_length')
  expect(row).not.toHaveProperty('loaded')
  expect(row?.owned_by).toBe('a')
  expect(row?.metadata.provider.upstream).toBe('openai')
  const claude = provider('c', ['m'], { dialects: new Set(['anthropic_messages']) })
  expect(modelRows([claude], everything)[0]?.metadata.provider.upstream).toBe('anthropic')
})

test('never says where a provider is or what its key is', () => {
  const secret = provider('a', ['m'], { baseurl: 'http://10.1.2.3:9', apikey: 'sk-secret' })
  const shown = JSON.stringify([
    modelRows([secret], everything),
    anthropicModelList([secret], everything),
  ])
  expect(shown).not.toMatch(/10\.1\.2\.3|sk-secret/)
})

test('one row per provider and model; disabled and not allowed ones are hidden', () => {
  const providers = [
    provider('a', ['m', 'n']),
    provider('b', ['m', 'secret']),
    provider('off', ['m'], { disabled: true }),
  ]
  const rows = modelRows(providers, (id, model) => `${id}/${model}` !== 'b/secret')
  expect(rows.map(({ id, metadata }) => `${metadata.provider.id}/${id}`)).toEqual([
    'a/m',
    'a/n',
    'b/m',
  ])
  expect(modelRows(providers, () => false)).toEqual([])
})

test('Anthropic’s list holds what speaks Messages, each id once', () => {
  const dialects = new Set(['anthropic_messages'] as const)
  const providers = [
    provider('chat', ['only-chat']),
    provider('a', ['claude-x', 'claude-y'], {
      dialects,
      details: new Map([['claude-x', { contextLength: 200_000 }]]),
    }),
    provider('b', ['claude-x'], { dialects }),
  ]
  const list = anthropicModelList(providers, everything)
  expect(list).toMatchObject({ has_more: false, first_id: 'claude-x', last_id: 'claude-y' })
  expect(list.data).toEqual([
    {
      type: 'model',
      id: 'claude-x',
      display_name: 'claude-x',
      created_at: '1970-01-01T00:00:00Z',
      max_input_tokens: 200_000,
      max_tokens: null,
      lifecycle: 'active',
      capabilities: null,
      deprecated_at: null,
      line: null,
      retires_at: null,
    },
    expect.objectContaining({ type: 'model', id: 'claude-y', max_input_tokens: null }),
  ])
  expect(anthropicModelList([], everything)).toEqual({
    data: [],
    has_more: false,
    first_id: null,
    last_id: null,
  })
})

test('Gemini’s list holds what speaks Gemini, with its limits', () => {
  const details = new Map([['g', { contextLength: 1_000_000, maxOutputTokens: 65_536 }]])
  const dialects = new Set(['gemini_generate_content'] as const)
  const providers = [provider('chat', ['only-chat']), provider('a', ['g'], { dialects, details })]
  expect(geminiModelList(providers, everything)).toEqual({
    models: [
      {
        name: 'models/g',
        baseModelId: 'g',
        version: '',
        displayName: 'g',
        description: '',
        inputTokenLimit: 1_000_000,
        outputTokenLimit: 65_536,
        supportedGenerationMethods: ['generateContent', 'countTokens'],
      },
    ],
  })
})

test('prices are those of the provider, per token, as Aperture writes them', () => {
  const prices = new Map([
    ['m', { input: 3, output: 15, inputCacheRead: 0.3, inputCacheWrite1h: 6, webSearch: 0.01 }],
    ['*', { input: 0.0125 }],
  ])
  const [m, other] = modelRows([provider('a', ['m', 'other'], { prices })], everything)
  expect(m?.pricing).toEqual({
    input: '0.00000300',
    output: '0.00001500',
    input_cache_read: '0.00000030',
    input_cache_write_1h: '0.00000600',
    web_search: '0.01000000',
  })
  expect(other?.pricing).toEqual({ input: '0.0000000125' })
})

test('a passthrough provider says that it wants the client’s own credential', () => {
  const own = provider('own', ['m'], { authMode: 'passthrough', upstream: 'anthropic' })
  expect(modelRows([own], everything)[0]?.metadata.provider).toMatchObject({
    requires_client_auth: true,
    upstream: 'anthropic',
  })
})

test('every dialect has its path in `supported_endpoints`', () => {
  const all = new Set(operations.map(({ dialect }) => dialect))
  const [row] = modelRows([provider('a', ['m'], { dialects: all })], everything)
  expect(row?.supported_endpoints).toHaveLength(9)
})

test('a model that several providers serve is one row of what the one that is asked first says', () => {
  const first = provider('first', ['m'], {
    preference: 1,
    details: new Map([['m', { contextLength: 1000, loaded: false }]]),
  })
  const second = provider('second', ['n', 'm'], {
    dialects: new Set(['anthropic_messages']),
    details: new Map([['m', { contextLength: 2000, loaded: true, created: 1_700_000_000 }]]),
  })
  const { data } = modelList(modelRows([second, first], everything))
  expect(data.map(({ id }) => id)).toEqual(['m', 'n'])
  expect(data[0]).toMatchObject({
    created: 1_700_000_000,
    context_length: 1000,
    loaded: true,
    supported_endpoints: ['/v1/chat/completions', '/v1/messages'],
    metadata: { provider: { id: 'first' }, providers: [{ id: 'first' }, { id: 'second' }] },
  })
})

test('Anthropic’s list says when a model was made, and the epoch where nobody knows', () => {
  const details = new Map([['m', { created: 1_700_000_000 }]])
  const claude = provider('c', ['m', 'n'], { dialects: new Set(['anthropic_messages']), details })
  const { data } = anthropicModelList([claude], everything)
  expect(data.map(({ created_at }) => created_at)).toEqual([
    '2023-11-14T22:13:20Z',
    '1970-01-01T00:00:00Z',
  ])
})
