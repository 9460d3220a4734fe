import { npmClients, pypiClients } from '../support/parts/clients.ts'

/** What clients are tried for. */
export const abilities = ['list', 'chat', 'stream', 'tools', 'embeddings'] as const
export type Ability = (typeof abilities)[number]

/** The APIs they ask, as documents name them. */
export type Api = 'chat completions' | 'responses' | 'messages' | 'generate content' | 'ollama'

export interface Client {
  /** As documents name it. */
  readonly name: string
  readonly from: 'npm' | 'pypi-clients' | 'llama-index'
  /** Below test/field/clients. */
  readonly program: string
  /** By API: what the client has of it. */
  readonly apis: Readonly<Partial<Record<Api, readonly Ability[]>>>
  /** Packages, whose versions documents name. */
  readonly packages: readonly string[]
}

const all = abilities
const talk = ['chat', 'stream', 'tools'] as const
const withVectors = [...talk, 'embeddings'] as const
const withList = ['list', ...talk] as const

export const clients: readonly Client[] = [
  {
    name: 'OpenAI SDK for JavaScript',
    from: 'npm',
    program: 'openai.mjs',
    packages: ['openai'],
    apis: { 'chat completions': all, responses: talk },
  },
  {
    name: 'OpenAI SDK for Python',
    from: 'pypi-clients',
    program: 'openai_sdk.py',
    packages: ['openai'],
    apis: { 'chat completions': all, responses: talk },
  },
  {
    name: 'Anthropic SDK for JavaScript',
    from: 'npm',
    program: 'anthropic.mjs',
    packages: ['@anthropic-ai/sdk'],
    apis: { messages: withList },
  },
  {
    name: 'Anthropic SDK for Python',
    from: 'pypi-clients',
    program: 'anthropic_sdk.py',
    packages: ['anthropic'],
    apis: { messages: withList },
  },
  {
    name: 'Google Gen AI SDK for JavaScript',
    from: 'npm',
    program: 'google.mjs',
    packages: ['@google/genai'],
    apis: { 'generate content': all },
  },
  {
    name: 'Google Gen AI SDK for Python',
    from: 'pypi-clients',
    program: 'google_genai.py',
    packages: ['google-genai'],
    apis: { 'generate content': all },
  },
  {
    name: 'Ollama for JavaScript (Karakeep)',
    from: 'npm',
    program: 'ollama.mjs',
    packages: ['ollama'],
    apis: { ollama: all },
  },
  {
    name: 'Ollama for Python (Home Assistant)',
    from: 'pypi-clients',
    program: 'ollama_client.py',
    packages: ['ollama'],
    apis: { ollama: all },
  },
  {
    name: 'Vercel AI SDK',
    from: 'npm',
    program: 'ai-sdk.mjs',
    packages: [
      ...['ai', '@ai-sdk/openai', '@ai-sdk/openai-compatible'],
      ...['@ai-sdk/anthropic', '@ai-sdk/google'],
    ],
    apis: {
      'chat completions': withVectors,
      responses: withVectors,
      messages: talk,
      'generate content': withVectors,
    },
  },
  {
    name: 'LangChain for JavaScript',
    from: 'npm',
    program: 'langchain.mjs',
    packages: ['@langchain/openai', '@langchain/anthropic', '@langchain/ollama'],
    apis: {
      'chat completions': withVectors,
      responses: talk,
      messages: talk,
      ollama: withVectors,
    },
  },
  {
    name: 'LangChain for Python',
    from: 'pypi-clients',
    program: 'langchain_client.py',
    packages: ['langchain-openai', 'langchain-anthropic', 'langchain-ollama'],
    apis: {
      'chat completions': withVectors,
      responses: talk,
      messages: talk,
      ollama: withVectors,
    },
  },
  {
    name: 'LiteLLM’s SDK',
    from: 'pypi-clients',
    program: 'litellm_client.py',
    packages: ['litellm'],
    apis: {
      'chat completions': withVectors,
      messages: talk,
      'generate content': talk,
      ollama: talk,
    },
  },
  {
    name: 'LlamaIndex',
    from: 'llama-index',
    program: 'llama_index_client.py',
    packages: ['llama-index-llms-openai-like', 'llama-index-embeddings-openai-like'],
    apis: { 'chat completions': withVectors },
  },
  {
    name: 'OpenAI Agents SDK for Python',
    from: 'pypi-clients',
    program: 'openai_agents.py',
    packages: ['openai-agents'],
    apis: { 'chat completions': talk, responses: talk },
  },
  {
    name: 'Pydantic AI',
    from: 'pypi-clients',
    program: 'pydantic_ai_client.py',
    packages: ['pydantic-ai-slim'],
    apis: { 'chat completions': talk },
  },
  {
    name: '`llm`',
    from: 'pypi-clients',
    program: 'llm_client.py',
    packages: ['llm'],
    apis: { 'chat completions': talk },
  },
]

/** The pinned version of a package. */
export const versionOf = ({ from }: Client, name: string): string => {
  const versions: Readonly<Record<string, string>> = from === 'npm' ? npmClients : pypiClients[from]
  const version = versions[name]
  if (version === undefined) throw new RangeError(`${name} has no version`)
  return version
}
