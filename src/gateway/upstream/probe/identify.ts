import type { ModelDetails } from '../../../platform/upstream.ts'
import { type Get, type Server, type ServerKind, servers } from './servers.ts'

export interface Identity {
  readonly server: Server
  /** Facts per model beside those of the list; `*` holds for every model without an entry of its own. */
  readonly more: ReadonlyMap<string, ModelDetails>
  readonly version?: string
}

/**
 * Which server is this? The rows of its list hint at it, one more question confirms it: a web server that happens to
 * answer JSON is not a model server.
 * @param unmarked whom to consider when no row hints at anybody
 */
export async function identify(
  rows: readonly Readonly<Record<string, unknown>>[],
  get: Get,
  unmarked: readonly ServerKind[] = [],
): Promise<Identity | undefined> {
  const hinted = servers.filter((server) => rows.some((row) => server.hints(row)))
  const considered =
    hinted.length > 0 ? hinted : servers.filter(({ kind }) => unmarked.includes(kind))
  for (const server of considered) {
    const confirmed = await server.confirm(get)
    if (confirmed) return { server, ...confirmed }
  }
  return undefined
}

/** The list's facts, overridden by the better ones. */
export const mergeDetails = (
  details: ReadonlyMap<string, ModelDetails>,
  more: ReadonlyMap<string, ModelDetails>,
): ReadonlyMap<string, ModelDetails> =>
  new Map([...details].map(([id, told]) => [id, { ...told, ...(more.get(id) ?? more.get('*')) }]))
