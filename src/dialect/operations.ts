import type { Dialect } from '../upstream/upstream.ts'

/** One thing a client can ask of a model. */
export interface Operation {
  /** Ingress paths, canonical one first. */
  readonly paths: readonly string[]
  /** What is joined to a provider's base. */
  readonly operation: string
  /** Which flag of `compatibility` a provider needs. */
  readonly dialect: Dialect
  readonly body: 'json' | 'multipart'
}

const openai = (operation: string, options: Partial<Operation> = {}): Operation => ({
  paths: [`/v1/${operation}`],
  operation,
  dialect: 'openai_chat',
  body: 'json',
  ...options,
})

/** The paths without `/v1` exist only where Open WebUI has none of that name (product.md §6). */
export const operations: readonly Operation[] = [
  openai('chat/completions', { paths: ['/v1/chat/completions', '/chat/completions'] }),
  openai('completions'),
  openai('embeddings', { paths: ['/v1/embeddings', '/embeddings'] }),
  openai('responses', {
    paths: ['/v1/responses', '/responses'],
    dialect: 'openai_responses',
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
]
