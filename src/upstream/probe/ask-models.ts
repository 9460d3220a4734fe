import { keyHeader } from '../credential/credential.ts'
import { joinBase } from '../join.ts'
import type { Provider, Send, UpstreamRequest } from '../upstream.ts'
import { askJson } from './ask.ts'
import { describeRows, geminiRows, listRows, type ModelList } from './describe.ts'
import { identify, mergeDetails } from './identify.ts'
import type { Get } from './servers.ts'

/** A provider's own list. `server` where its answers showed which one it is. */
export interface AskedModels extends ModelList {
  readonly server?: string
}

const limits = { timeoutMs: 5_000, maxBytes: 8_000_000 }

/** Where a provider tells its models, and what it wants to hear. */
interface List {
  readonly version: string
  readonly search: string
  readonly headers: UpstreamRequest['headers']
}

const openai: List = { version: 'v1', search: '', headers: [] }
const anthropic: List = {
  version: 'v1',
  search: '?limit=1000',
  headers: [['anthropic-version', '2023-06-01']],
}
const gemini: List = { version: 'v1beta', search: '?pageSize=1000', headers: [] }

/** Vertex and Bedrock have their lists elsewhere, in shapes and under rights of their own. */
const listOf = ({ dialects, geminiByVertex }: Pick<Provider, 'dialects' | 'geminiByVertex'>) => {
  if (dialects.has('openai_chat') || dialects.has('openai_responses')) return openai
  if (dialects.has('anthropic_messages')) return anthropic
  return dialects.has('gemini_generate_content') && !geminiByVertex ? gemini : undefined
}

export const canBeAsked = (provider: Parameters<typeof listOf>[0]): boolean =>
  listOf(provider) !== undefined

/** What asks a provider for its models, with its credential. Undefined: it is not to be asked. */
export const modelsRequest = (provider: Provider): UpstreamRequest | undefined => {
  const list = listOf(provider)
  if (!list) return undefined
  const { origin, path } = joinBase(provider.baseurl, 'models', list.version)
  const headers = [...provider.addHeaders, ...list.headers, ...keyHeader(provider)]
  return { origin, path: path + list.search, method: 'GET', headers, body: null }
}

/** Asks a provider for its models, with its credential. Undefined: it did not tell. Never rejects. */
export async function askModels(send: Send, provider: Provider): Promise<AskedModels | undefined> {
  const request = modelsRequest(provider)
  if (!request) return undefined
  const get: Get = (path) => askJson(send, { ...request, path }, limits)
  const answer = await get(request.path)
  const rows = listRows(answer) ?? geminiRows(answer)
  if (!rows) return undefined
  const { models, details } = describeRows(rows)
  const identity = await identify(rows, get)
  if (!identity) return { models, details }
  return {
    models,
    details: mergeDetails(details, identity.more),
    server: identity.server.kind,
  }
}
