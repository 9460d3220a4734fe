import type { Dialect, Send } from '../../platform/upstream.ts'
import { askJson } from './ask.ts'
import { describeRows, listRows, type ModelList } from './probe/describe.ts'
import { identify, mergeDetails } from './probe/identify.ts'
import type { Get, ServerKind } from './probe/servers.ts'

/** A model server on this machine. */
export interface FoundServer extends ModelList {
  readonly kind: ServerKind
  /** For people: `LM Studio`. */
  readonly name: string
  readonly port: number
  readonly baseurl: string
  readonly dialects: ReadonlySet<Dialect>
  /** Where it tells one. */
  readonly version?: string
}

export interface DiscoverOptions {
  readonly send: Send
  /** Default: where the usual servers listen. */
  readonly ports?: readonly number[]
  /** Our own listeners: a gateway must not find itself. */
  readonly skipPorts?: readonly number[]
  /** ms for each question; default 1200. */
  readonly timeoutMs?: number
  /** ms since the epoch. */
  readonly now?: () => number
}

/** LM Studio, Ollama, vLLM, SGLang, llama.cpp since and before mid 2026. */
const knownPorts: readonly number[] = [1234, 11434, 8000, 30000, 9931, 8080]

/** Servers whose rows may carry no mark of their own: Ollama's name the namespace a model came from. */
const unmarked: readonly ServerKind[] = ['llamacpp', 'lmstudio', 'ollama']

/** Never rejects: a port with something else, or nothing, is just not in the answer. Sends no credentials. */
export async function discoverServers(options: DiscoverOptions): Promise<FoundServer[]> {
  const { ports = knownPorts, skipPorts = [] } = options
  const found = await Promise.all(
    ports.filter((port) => !skipPorts.includes(port)).map((port) => look(port, options)),
  )
  return found.filter((server) => server !== undefined)
}

/** Some servers listen on one of the two only (Ollama with OLLAMA_HOST=[::1]); one that listens on both counts once. */
async function look(port: number, options: DiscoverOptions): Promise<FoundServer | undefined> {
  const [first, second] = await Promise.all(
    ['127.0.0.1', '[::1]'].map((host) => lookAt(`http://${host}:${port}`, port, options)),
  )
  return first ?? second
}

async function lookAt(
  origin: string,
  port: number,
  { send, now, timeoutMs = 1200 }: DiscoverOptions,
): Promise<FoundServer | undefined> {
  const get: Get = (path) =>
    askJson(
      send,
      // Ollama refuses a Host that is not on its list.
      { origin, path, method: 'GET', headers: [['host', `localhost:${port}`]], body: null },
      { timeoutMs, maxBytes: 4_000_000 },
    )
  const rows = listRows(await get('/v1/models'))
  const identity = rows && (await identify(rows, get, unmarked))
  if (!identity) return undefined
  const { server, more, version } = identity
  const { models, details } = describeRows(rows, now?.())
  return {
    kind: server.kind,
    name: server.name,
    port,
    baseurl: origin,
    dialects: new Set(server.dialects),
    models,
    details: mergeDetails(details, more),
    ...(version !== undefined && { version }),
  }
}
