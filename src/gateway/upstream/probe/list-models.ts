import type { Provider, Send, UpstreamRequest } from '../../../platform/upstream.ts'
import { type Answer, type AskLimits, ask } from '../ask.ts'
import { keyHeader } from '../credential/credential.ts'
import { joinBase, versionIn } from '../join.ts'
import { geminiRows, listRows, type Row } from './describe.ts'

/** Where providers of a dialect list their models, and the headers that they expect. */
interface List {
  /** What a base without a version usually gets. */
  readonly usual: string
  readonly search: string
  readonly headers: UpstreamRequest['headers']
}

const openai: List = { usual: 'v1', search: '', headers: [] }
const anthropic: List = {
  usual: 'v1',
  search: '?limit=1000',
  headers: [['anthropic-version', '2023-06-01']],
}
const gemini: List = { usual: 'v1beta', search: '?pageSize=1000', headers: [] }

/** Vertex and Bedrock have their lists elsewhere, in shapes and under rights of their own. */
const listOf = ({ dialects, geminiByVertex }: Pick<Provider, 'dialects' | 'geminiByVertex'>) => {
  if (dialects.has('openai_chat') || dialects.has('openai_responses')) return openai
  if (dialects.has('anthropic_messages')) return anthropic
  if (dialects.has('gemini_generate_content')) return geminiByVertex ? undefined : gemini
  return dialects.has('ollama') ? openai : undefined
}

export const canBeAsked = (provider: Parameters<typeof listOf>[0]): boolean =>
  listOf(provider) !== undefined

/** A request for the list at one place. */
export interface ListRequest extends UpstreamRequest {
  /** What stands between the base and `models`. */
  readonly version: string
  /** In whose place. */
  readonly usual: string
}

/**
 * Requests that ask a provider for its models, with its credential: one, or where its base has no version, one for each
 * place where the list may be, the likelier first. Empty: the provider has no list here.
 * @param known the version under which the list was found last
 */
export const modelsRequests = (provider: Provider, known?: string): readonly ListRequest[] => {
  const list = listOf(provider)
  if (!list) return []
  const { usual } = list
  return versionsToTry(provider, usual, known).map((version) => {
    const { origin, path } = joinBase(provider.baseurl, 'models', version)
    const headers = [...provider.addHeaders, ...list.headers, ...keyHeader(provider)]
    return { origin, path: path + list.search, method: 'GET', headers, body: null, version, usual }
  })
}

const versionsToTry = (
  { baseurl, version }: Provider,
  usual: string,
  known: string | undefined,
): readonly string[] => {
  const where = versionIn(baseurl)
  if (where === 'at its end') return [usual]
  if (version !== undefined) return [version]
  const likely = where === 'within' ? ['', usual] : [usual, '']
  return known === undefined ? likely : [...new Set([known, ...likely])]
}

/** Outcome of one request. */
export type ListAnswer =
  | { readonly request: ListRequest; readonly answer: Answer; readonly error?: undefined }
  | { readonly request: ListRequest; readonly answer?: undefined; readonly error: unknown }

export interface FoundList {
  readonly rows: readonly Row[]
  /** Where it was. */
  readonly request: ListRequest
}

export interface Listed {
  readonly found: FoundList | undefined
  /** Requests that found no list. */
  readonly tried: readonly ListAnswer[]
}

/** Tries one place after the other, and stops at the first server that does not answer at all. Never rejects. */
export async function listModels(
  send: Send,
  requests: readonly ListRequest[],
  limits: AskLimits,
): Promise<Listed> {
  const tried: ListAnswer[] = []
  for (const request of requests) {
    try {
      const answer = await ask(send, request, limits)
      const rows = rowsOf(answer)
      if (rows) return { found: { rows, request }, tried }
      tried.push({ request, answer })
    } catch (error) {
      tried.push({ request, error })
      break
    }
  }
  return { found: undefined, tried }
}

const rowsOf = ({ status, body }: Answer): readonly Row[] | undefined => {
  if (status !== 200) return undefined
  try {
    const json: unknown = JSON.parse(body)
    return listRows(json) ?? geminiRows(json)
  } catch {
    return undefined
  }
}
