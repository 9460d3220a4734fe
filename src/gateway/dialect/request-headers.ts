import type { Dialect, HeaderList } from '../../platform/upstream.ts'

/** The client headers that mean something to a provider of one dialect. All others are dropped. */
export interface RequestHeaders {
  readonly names: ReadonlySet<string>
  /** Families whose members are not all known yet. */
  readonly prefixes: readonly string[]
  /** They choose the account that pays: passed on only with a credential of the client's own. */
  readonly own: ReadonlySet<string>
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
  names: new Set([
    ...common,
    'openai-beta',
    'x-grok-conv-id', // xAI's cache
    'x-multi-turn-session-id', // Fireworks
    'http-referer', // which app asks, at OpenRouter
    'x-title', // its name
  ]),
  prefixes: [],
  own: new Set<string>(['openai-organization', 'openai-project', 'chatgpt-account-id']),
}

const responses: RequestHeaders = {
  ...openai,
  // Codex: its conversation, and the state that its server wants returned.
  names: new Set([
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
  ]),
}

const anthropic: RequestHeaders = {
  names: new Set([...common, 'x-app', 'x-claude-code-session-id']),
  prefixes: ['anthropic-'],
  own: new Set<string>([]),
}

const google: RequestHeaders = {
  names: new Set([
    ...common,
    'x-goog-api-client',
    'x-goog-request-params',
    'x-server-timeout',
    'x-vertex-ai-llm-request-type', // bought throughput, or none
    'x-vertex-ai-llm-shared-request-type',
  ]),
  prefixes: [],
  own: new Set<string>(['x-goog-user-project']),
}

/** Guardrail, tier, performance, trace: a call without them is another one, so new members of the family pass as well. */
const bedrock: RequestHeaders = {
  names: new Set(common),
  prefixes: ['x-amzn-bedrock-'],
  own: new Set<string>([]),
}

const ollama: RequestHeaders = { names: new Set(common), prefixes: [], own: new Set<string>([]) }

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
export const traceHeaders: ReadonlySet<string> = new Set(['traceparent', 'tracestate'])

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
  const meansSomething = (name: string): boolean =>
    names.has(name) ||
    (clientsOwn && own.has(name)) ||
    (traceContext && traceHeaders.has(name)) ||
    prefixes.some((prefix) => name.startsWith(prefix))
  const sent: [string, string][] = []
  // One pass: looking up each of two dozen names would cost several times as much.
  for (const [name, value] of headers) {
    if (!meansSomething(name) || (name === 'content-type' && contentType !== undefined)) continue
    if (lists.has(name) || added.every(([ours]) => ours !== name)) sent.push([name, value])
  }
  if (contentType !== undefined) sent.push(['content-type', contentType])
  // Compressed answers could be neither metered nor scrubbed, and would have to be inflated for some clients.
  sent.push(['accept-encoding', 'identity'])
  for (const [name, value] of added) sent.push([name, value])
  return sent
}
