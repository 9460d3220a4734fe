import type { Dialect, Provider } from '../../platform/upstream.ts'
import { bedrock, gemini, type NamedPath, type PathParts, vertex } from './named-paths.ts'

/** Where a request goes at a provider, before it is joined to the base. */
export interface Address {
  /** `chat/completions`, `models/gemini-3-pro:generateContent`. */
  readonly operation: string
  /** What a base without a version gets; empty: nothing. */
  readonly version: string
}

/** One thing a client can ask of a model. */
export interface Operation {
  /** Ingress paths, canonical one first. */
  readonly paths: readonly string[]
  /** `chat/completions`, `generateContent`: what it is called in its dialect. */
  readonly operation: string
  /** Which flag of `compatibility` a provider needs. */
  readonly dialect: Dialect
  readonly body: 'json' | 'multipart'
  /** Present when the path names the model; else the body does. */
  readonly named?: NamedPath
  /** What a base without a version gets; empty: nothing; `atRoot`. */
  readonly version: string
  /** An answer is streamed unless the body says `"stream": false`. */
  readonly streams?: boolean
}

/**
 * The version of an operation that stands beside the OpenAI API of a server, such as Ollama's own: at the root, whatever
 * version the base ends in.
 */
export const atRoot = '..'

const openai = (operation: string, options: Partial<Operation> = {}): Operation => ({
  paths: [`/v1/${operation}`],
  operation,
  dialect: 'openai_chat',
  body: 'json',
  version: 'v1',
  ...options,
})

const inPath = (dialect: Dialect, named: NamedPath, paths: readonly string[]): Operation => ({
  paths,
  operation: named.method,
  dialect,
  body: 'json',
  named,
  version: '',
})

/**
 * Gemini's clients write the model's name short, in one of three versions or without one; Google's for Vertex with its
 * publisher (an express key has no project).
 */
const geminiCalls = (method: string): Operation =>
  inPath('gemini_generate_content', gemini(method), [
    ...['/v1beta', '/v1', '/v1alpha', ''].map((version) => `${version}/models/:call{.+:${method}}`),
    `/v1beta1/publishers/google/models/:call{.+:${method}}`,
    `/v1/publishers/google/models/:call{.+:${method}}`,
  ])

const vertexCalls = (dialect: Dialect, publisher: string, method: string): Operation =>
  inPath(
    dialect,
    vertex(publisher, method),
    ['v1', 'v1beta1'].map(
      (version) =>
        `/${version}/projects/:project/locations/:region/publishers/${publisher}/models/:call{.+:${method}}`,
    ),
  )

const bedrockCalls = (dialect: Dialect, method: string): Operation =>
  inPath(dialect, bedrock(method), [`/bedrock/model/:call{.+/${method}}`])

/** Ollama's own API: what asks a model, and nothing that changes the server's models. */
const ollama = (call: string, streams?: true): Operation => ({
  paths: [`/ollama/api/${call}`],
  operation: `api/${call}`,
  dialect: 'ollama',
  body: 'json',
  version: atRoot,
  ...(streams && { streams }),
})

/** The paths without `/v1` exist only where Open WebUI has none of that name. */
export const operations: readonly Operation[] = [
  openai('chat/completions', { paths: ['/v1/chat/completions', '/chat/completions'] }),
  openai('completions'),
  openai('embeddings', { paths: ['/v1/embeddings', '/embeddings'] }),
  openai('responses', {
    paths: ['/v1/responses', '/responses'],
    dialect: 'openai_responses',
  }),
  openai('responses/input_tokens', { dialect: 'openai_responses' }),
  openai('responses/compact', { dialect: 'openai_responses' }),
  // Codex with a ChatGPT subscription: `https://chatgpt.com/backend-api` has no versions.
  openai('codex/responses', {
    paths: ['/codex/responses'],
    dialect: 'openai_responses',
    version: '',
  }),
  openai('rerank'),
  openai('moderations'),
  openai('audio/speech'),
  openai('audio/transcriptions', { body: 'multipart' }),
  openai('audio/translations', { body: 'multipart' }),
  openai('images/generations'),
  openai('images/edits', { body: 'multipart' }),
  openai('images/variations', { body: 'multipart' }),
  openai('messages', { dialect: 'anthropic_messages' }),
  openai('messages/count_tokens', { dialect: 'anthropic_messages' }),
  geminiCalls('generateContent'),
  geminiCalls('streamGenerateContent'),
  geminiCalls('countTokens'),
  geminiCalls('embedContent'),
  geminiCalls('batchEmbedContents'),
  vertexCalls('google_generate_content', 'google', 'generateContent'),
  vertexCalls('google_generate_content', 'google', 'streamGenerateContent'),
  vertexCalls('google_generate_content', 'google', 'countTokens'),
  vertexCalls('google_raw_predict', 'anthropic', 'rawPredict'),
  vertexCalls('google_raw_predict', 'anthropic', 'streamRawPredict'),
  bedrockCalls('bedrock_model_invoke', 'invoke'),
  bedrockCalls('bedrock_model_invoke', 'invoke-with-response-stream'),
  bedrockCalls('bedrock_converse', 'converse'),
  bedrockCalls('bedrock_converse', 'converse-stream'),
  ollama('chat', true),
  ollama('generate', true),
  ollama('embed'),
  ollama('embeddings'),
]

/** Where an operation goes at this provider, for a model it knows by this name. `path` as `NamedPath.read` gave it. */
export const addressOf = (
  { operation, version, named }: Operation,
  path: PathParts,
  provider: Provider,
  model: string,
): Address => {
  const address = named?.address(path, provider, model) ?? { operation, version }
  const own = versionAt(provider, address.version)
  return own === address.version ? address : { ...address, version: own }
}

/** What stands between this provider's base and an operation whose dialect's usual version is given. */
export const versionAt = ({ versions }: Pick<Provider, 'versions'>, usual: string): string =>
  versions?.[usual] ?? usual
