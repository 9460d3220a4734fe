import type { Context, Handler } from 'hono'
import { LRUCache } from 'lru-cache'
import { Failure } from '../../platform/failure.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Candidate, Provider } from '../../platform/upstream.ts'
import { modelName } from '../dialect/body/model-name.ts'
import { type BodyLimits, readBody } from '../http/body.ts'
import type { Env } from '../http/env.ts'
import { isFromProgram } from '../http/guards/same-origin.ts'
import { askJson } from './ask.ts'
import { keyHeader } from './credential/credential.ts'
import { rootOf } from './join.ts'
import { ollamaRunning, ollamaShow, ollamaTags, ollamaVersion } from './list/ollama.ts'
import type { Allows } from './list/visible.ts'
import { isObject, type Row } from './probe/describe.ts'
import { route } from './routing/route.ts'

export interface OllamaOptions {
  readonly registry: { providers(): readonly Provider[] }
  readonly send: Platform['send']
  readonly limits: BodyLimits
}

/** A route of Ollama's own API that needs no inference. */
export interface OllamaRoute {
  readonly method: 'GET' | 'POST'
  readonly name: string
  readonly handle: Handler<Env>
}

/** The routes of Ollama's API that list and describe models, made from the registry for this caller. */
export const ollamaRoutes = (options: OllamaOptions): readonly OllamaRoute[] => {
  const { registry } = options
  const list =
    <Answer extends object>(make: (providers: readonly Provider[], allows: Allows) => Answer) =>
    (c: Context<Env>) =>
      c.json(make(registry.providers(), c.get('permissions').allows))
  return [
    { method: 'GET', name: 'tags', handle: list(ollamaTags) },
    { method: 'GET', name: 'ps', handle: list(ollamaRunning) },
    {
      method: 'GET',
      name: 'version',
      handle: list((providers, allows) => ({ version: ollamaVersion(providers, allows) })),
    },
    { method: 'POST', name: 'show', handle: showModel(options) },
  ]
}

const SHOW_LIMITS = { timeoutMs: 5_000, maxBytes: 4_000_000 }

/** The server is asked once per digest of a model: only its own `show` says what the model can do. */
const showModel = ({ registry, send, limits }: OllamaOptions): Handler<Env> => {
  const known = new LRUCache<string, Row>({ max: 200 })
  const describe = async ({ provider, model }: Candidate): Promise<Row | undefined> => {
    const digest = provider.details.get(model)?.listed?.digest
    const key = `${provider.id} ${provider.baseurl} ${model} ${digest}`
    const before = known.get(key)
    if (before) return before
    const { origin, path } = rootOf(provider.baseurl)
    const headers = [['content-type', 'application/json'], ...provider.addHeaders] as const
    const answer = await askJson(
      send,
      {
        origin,
        path: `${path}/api/show`,
        method: 'POST',
        headers: [...headers, ...keyHeader(provider)],
        body: new TextEncoder().encode(JSON.stringify({ model })),
      },
      SHOW_LIMITS,
    )
    if (!isObject(answer)) return undefined
    if (typeof digest === 'string') known.set(key, answer)
    return answer
  }
  return async function showModel(c) {
    const name = await nameIn(c, limits)
    const { allows } = c.get('permissions')
    const [found] = route(registry.providers(), name, 'ollama').candidates.filter((each) =>
      allows(each.provider.id, each.model),
    )
    if (!found) {
      const login = c.get('auth').caller?.login ?? ''
      throw new Failure('model_not_found', `no route found for model "${name}" for user "${login}"`)
    }
    const details = found.provider.details.get(found.model) ?? {}
    return c.json(ollamaShow({ ...found, details }, await describe(found)))
  }
}

/** Older clients say `name`. */
const nameIn = async (c: Context<Env>, limits: BodyLimits): Promise<string> => {
  const type = c.req.header('content-type') ?? ''
  if (!isFromProgram(c) && !/^application\/json\s*(?:;|$)/i.test(type)) {
    throw new Failure('unsupported_media_type', 'Send the body as application/json.')
  }
  const bytes = await readBody(c.req.raw, {
    limits: { ...limits, body: Math.min(limits.body, LARGEST_NAME_BODY) },
  })
  try {
    const body: unknown = JSON.parse(new TextDecoder().decode(bytes))
    const name = isObject(body) ? (body.model ?? body.name) : undefined
    if (typeof name === 'string') return modelName(name)
  } catch (error) {
    if (error instanceof Failure) throw error
  }
  throw new Failure('invalid_request', 'Send a JSON object with the name of a "model".')
}

/** Bytes of a body that contains a name. */
const LARGEST_NAME_BODY = 65_536
