import type { Dialect, Provider, Send } from '../../../platform/upstream.ts'
import { askJson } from '../ask.ts'
import { keyHeader } from '../credential/credential.ts'
import { rootOf } from '../join.ts'
import { describeRows, type ModelList } from './describe.ts'
import { identify, mergeDetails } from './identify.ts'
import { type FoundList, type Listed, listModels, modelsRequests } from './list-models.ts'
import type { Get, ServerKind } from './servers.ts'

/** A provider's own list. */
export interface AskedModels extends ModelList {
  /** What stood between the base and `models`, and in place of what. */
  readonly version: string
  readonly usual: string
  /** Which server it is, where its answers showed it, and what that speaks. */
  readonly server?: ServerKind
  readonly serverVersion?: string
  readonly dialects?: readonly Dialect[]
}

const limits = { timeoutMs: 5_000, maxBytes: 8_000_000 }

/** Servers whose rows may carry no mark: probed only where a local server is likely. */
const UNMARKED: readonly ServerKind[] = ['llamacpp', 'lmstudio', 'ollama']

/** Commercial providers use TLS. */
const mayBeLocal = ({ baseurl }: Provider): boolean => baseurl.startsWith('http:')

/** Outcome of asking; `asked` undefined: no list was found, and `tried` says why. */
export interface Asking {
  readonly asked: AskedModels | undefined
  readonly tried: Listed['tried']
}

/**
 * Asks a provider for its models, with its credential, and which server it is. Never rejects.
 * @param now ms since the epoch
 * @param known the last good answer
 */
export async function askModels(
  send: Send,
  provider: Provider,
  now: number,
  known?: AskedModels,
): Promise<Asking> {
  const requests = modelsRequests(provider, known?.version)
  const { found, tried } = await listModels(send, requests, limits)
  return { asked: found && (await understood(send, provider, found, { now, known })), tried }
}

/** GET below the root of a provider's server, with its credential. */
export const getBelowRoot = (send: Send, provider: Provider, timeoutMs: number): Get => {
  const root = rootOf(provider.baseurl)
  const headers = [...provider.addHeaders, ...keyHeader(provider)]
  return (path) =>
    askJson(
      send,
      { origin: root.origin, path: root.path + path, method: 'GET', headers, body: null },
      { ...limits, timeoutMs },
    )
}

const understood = async (
  send: Send,
  provider: Provider,
  { rows, request: { version, usual } }: FoundList,
  { now, known }: { readonly now: number; readonly known: AskedModels | undefined },
): Promise<AskedModels> => {
  const { models, details } = describeRows(rows, now)
  const get = getBelowRoot(send, provider, limits.timeoutMs)
  // A server that was not recognised is not probed again until its list changes.
  const unrecognised = known && !known.server && known.models.join() === models.join()
  const identity = await identify(rows, get, mayBeLocal(provider) && !unrecognised ? UNMARKED : [])
  if (!identity) return { models, details, version, usual }
  const { server, more, version: serverVersion } = identity
  return {
    models,
    details: mergeDetails(details, more),
    version,
    usual,
    server: server.kind,
    dialects: server.dialects,
    ...(serverVersion !== undefined && { serverVersion }),
  }
}
