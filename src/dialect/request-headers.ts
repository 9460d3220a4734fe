import type { HeaderList } from '../http/headers.ts'
import type { Dialect } from '../upstream/upstream.ts'

/** The client headers that mean something to a provider of one dialect. All others are dropped. */
export interface RequestHeaders {
  readonly names: readonly string[]
  /** Families whose members are not all known yet. */
  readonly prefixes: readonly string[]
  /** They choose the account that pays: passed on only with a credential of the client's own. */
  readonly own: readonly string[]
}

/** Of every dialect. The session ids let a load balancer find the machine that has the prompt cache. */
const common = [
  'accept',
  'content-type',
  'user-agent',
  'idempotency-key',
  'x-client-request-id',
  'x-session-id',
  'x-session-affinity', // Fireworks, OpenCode
]

const openai: RequestHeaders = {
  names: [
    ...common,
    'openai-beta',
    'x-grok-conv-id', // xAI's cache
    'x-multi-turn-session-id', // Fireworks
    'http-referer', // which app asks, at OpenRouter
    'x-title', // its name
  ],
  prefixes: [],
  own: ['openai-organization', 'openai-project', 'chatgpt-account-id'],
}

const responses: RequestHeaders = {
  ...openai,
  // Codex: its conversation, and the state that its server wants returned.
  names: [
    ...openai.names,
    'session_id',
    'session-id',
    'conversation_id',
    'thread-id',
    'originator',
    'version',
    'x-codex-turn-state',
    'x-codex-turn-metadata',
    'x-codex-beta-features',
    'x-codex-window-id',
    'x-openai-subagent',
  ],
}

const anthropic: RequestHeaders = {
  names: [...common, 'x-app', 'x-claude-code-session-id'],
  prefixes: ['anthropic-'],
  own: [],
}

const google: RequestHeaders = {
  names: [
    ...common,
    'x-goog-api-client',
    'x-goog-request-params',
    'x-server-timeout',
    'x-vertex-ai-llm-request-type', // bought throughput, or none
    'x-vertex-ai-llm-shared-request-type',
  ],
  prefixes: [],
  own: ['x-goog-user-project'],
}

/** Guardrail, tier, performance, trace: a call without them is another one, so new members of the family pass as well. */
const bedrock: RequestHeaders = { names: common, prefixes: ['x-amzn-bedrock-'], own: [] }

const ollama: RequestHeaders = { names: common, prefixes: [], own: [] }

export const requestHeaders: Readonly<Record<Dialect, RequestHeaders>> = {
  openai_chat: openai,
  openai_responses: responses,
  anthropic_messages: anthropic,
  gemini_generate_content: google,
  google_generate_content: google,
  google_raw_predict: { ...google, prefixes: anthropic.prefixes },
  bedrock_model_invoke: bedrock,
  bedrock_converse: bedrock,
  ollama,
}

/** Passed on where the provider's configuration says so: they join our caller's trace to the provider's. */
export const traceHeaders = ['traceparent', 'tracestate'] as const

/** Several lines of these are one list, so the client's stands beside ours. */
const lists = new Set(['anthropic-beta', 'openai-beta'])

export interface SentTo {
  readonly dialect: Dialect
  /** The credential is the client's own. */
  readonly clientsOwn: boolean
  readonly traceContext: boolean
  /** Headers that we add; each replaces the client's of the same name. */
  readonly added: HeaderList
  /** Of the body, where it is not the client's own. */
  readonly contentType?: string | undefined
}

/** The client's headers that go to a model server, followed by ours. */
export const toProvider = (
  headers: Headers,
  { dialect, clientsOwn, traceContext, added, contentType }: SentTo,
): [string, string][] => {
  const { names, prefixes, own } = requestHeaders[dialect]
  const kept: [string, string][] = []
  const keep = (name: string, value: string): void => {
    if (lists.has(name) || added.every(([ours]) => ours !== name)) kept.push([name, value])
  }
  const keepNamed = (name: string): void => {
    const ours = name === 'content-type' ? contentType : undefined
    const value = ours ?? headers.get(name)
    if (value !== null) keep(name, value)
  }
  for (const name of names) keepNamed(name)
  if (clientsOwn) for (const name of own) keepNamed(name)
  if (traceContext) for (const name of traceHeaders) keepNamed(name)
  if (prefixes.length > 0) {
    for (const [name, value] of headers) {
      if (prefixes.some((prefix) => name.startsWith(prefix))) keep(name, value)
    }
  }
  // Compressed answers could be neither metered nor scrubbed, and would have to be inflated for some clients.
  kept.push(['accept-encoding', 'identity'])
  for (const [name, value] of added) kept.push([name, value])
  return kept
}
