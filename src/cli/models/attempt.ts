import { type Answer, ask } from '../../gateway/upstream/ask.ts'
import { keyHeader } from '../../gateway/upstream/credential/credential.ts'
import { joinBase } from '../../gateway/upstream/join.ts'
import type { Candidate, Provider, Send, UpstreamRequest } from '../../platform/upstream.ts'

export interface Attempt {
  readonly model: string
  readonly provider: string
  readonly ok: boolean
  readonly ms: number
  /** Why not, in one line; without the provider's key. */
  readonly cause?: string
}

/** A model on disk may have to be read into memory first. */
const limits = { timeoutMs: 180_000, maxBytes: 4_000_000 }

/** Asks a model for a few tokens, straight at its provider. Never rejects. */
export async function attempt(send: Send, { provider, model }: Candidate): Promise<Attempt> {
  const started = performance.now()
  const cause = await causeOfFailure(send, provider, model)
  const ms = Math.round(performance.now() - started)
  const outcome =
    cause === undefined ? { ok: true } : { ok: false, cause: hideKey(cause, provider) }
  return { model, provider: provider.id, ms, ...outcome }
}

async function causeOfFailure(
  send: Send,
  provider: Provider,
  model: string,
): Promise<string | undefined> {
  const question = questionFor(provider, model)
  if (!question) return 'its dialects cannot be tried from here'
  const { operation, body, answered, version = 'v1' } = question
  const request = {
    ...joinBase(provider.baseurl, operation, version),
    method: 'POST',
    headers: headersFor(provider),
    body: new TextEncoder().encode(JSON.stringify(body)),
  }
  try {
    return judge(await ask(send, request, limits), answered)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

interface Question {
  readonly operation: string
  readonly body: object
  /** What a base without one gets; default `v1`. */
  readonly version?: string
  /** Field of the answer that holds what was asked for. */
  readonly answered: string
}

/** Undefined for Vertex and Bedrock, which want tokens and paths that only the running gateway makes. */
function questionFor({ dialects, geminiByVertex }: Provider, model: string): Question | undefined {
  const text = 'Answer with the word OK.'
  const messages = [{ role: 'user', content: text }]
  // No list says what a model is for; those that only embed say so in their name.
  if (/embed/i.test(model)) {
    return { operation: 'embeddings', body: { model, input: text }, answered: 'data' }
  }
  if (dialects.has('openai_chat')) {
    const body = { model, messages, max_tokens: 16 }
    return { operation: 'chat/completions', body, answered: 'choices' }
  }
  if (dialects.has('anthropic_messages')) {
    const body = { model, messages, max_tokens: 16 }
    return { operation: 'messages', body, answered: 'content' }
  }
  if (dialects.has('openai_responses')) {
    const body = { model, input: text, max_output_tokens: 16 }
    return { operation: 'responses', body, answered: 'output' }
  }
  if (dialects.has('gemini_generate_content') && !geminiByVertex) {
    const body = { contents: [{ role: 'user', parts: [{ text }] }] }
    const operation = `models/${encodeURIComponent(model)}:generateContent`
    return { operation, version: 'v1beta', body, answered: 'candidates' }
  }
  return undefined
}

function headersFor(provider: Provider): UpstreamRequest['headers'] {
  const version = ['anthropic-version', '2023-06-01'] as const
  return [
    ['content-type', 'application/json'],
    ...(provider.dialects.has('anthropic_messages') ? [version] : []),
    ...keyHeader(provider),
    ...provider.addHeaders,
  ]
}

function judge({ status, body }: Answer, answered: string): string | undefined {
  const json = parse(body)
  if (status !== 200) return `status ${status}${messageOf(json)}`
  const value = json[answered]
  if (Array.isArray(value) && value.length > 0) return undefined
  return body === '' ? 'an empty answer' : `an answer without ${answered}`
}

function messageOf({ error }: Readonly<Record<string, unknown>>): string {
  const message =
    typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : error
  return typeof message === 'string' ? `: ${message}` : ''
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Some servers repeat the key they refuse. */
const hideKey = (text: string, { apikey }: Provider): string =>
  apikey === '' ? text : text.replaceAll(apikey, '***')
