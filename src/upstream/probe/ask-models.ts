import { joinBase } from '../join.ts'
import type { Provider, Send } from '../upstream.ts'
import { askJson } from './ask.ts'
import { describeRows, listRows, type ModelList } from './describe.ts'
import { identify, mergeDetails } from './identify.ts'
import type { Get } from './servers.ts'

/** A provider's own list. `server` where its answers showed which one it is. */
export interface AskedModels extends ModelList {
  readonly server?: string
}

const limits = { timeoutMs: 5_000, maxBytes: 8_000_000 }

/** Asks a provider for its models, with its credential. Undefined: it did not tell. Never rejects. */
export async function askModels(send: Send, provider: Provider): Promise<AskedModels | undefined> {
  const { origin, path } = joinBase(provider.baseurl, 'models')
  const headers = headersFor(provider)
  const get: Get = (target) =>
    askJson(send, { origin, path: target, method: 'GET', headers, body: null }, limits)
  const anthropic = onlyAnthropic(provider)
  const rows = listRows(await get(anthropic ? `${path}?limit=1000` : path))
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

const onlyAnthropic = ({ dialects }: Provider): boolean =>
  dialects.has('anthropic_messages') && dialects.size === 1

function headersFor(provider: Provider): [name: string, value: string][] {
  const { apikey, authorization, addHeaders } = provider
  const headers = addHeaders.map(([name, value]): [string, string] => [name, value])
  if (onlyAnthropic(provider)) headers.push(['anthropic-version', '2023-06-01'])
  if (apikey === '') return headers
  const credential: [string, string] =
    authorization === 'bearer' ? ['authorization', `Bearer ${apikey}`] : [authorization, apikey]
  return [...headers, credential]
}
