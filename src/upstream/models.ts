import type { Context, Handler } from 'hono'
import type { Env } from '../http/env.ts'
import { Failure } from '../http/errors.ts'
import { anthropicModelList, modelRows } from './list.ts'
import type { Provider } from './upstream.ts'

export interface Providers {
  providers(): readonly Provider[]
}

/** `GET /v1/models`: what this caller may use, in the shape that their SDK understands. */
export const listModels =
  (registry: Providers): Handler<Env> =>
  (c) => {
    const { allows } = c.get('permissions')
    // Anthropic's SDK asks on the same path and says so in a header of its own.
    return c.req.header('anthropic-version') === undefined
      ? c.json(modelRows(registry.providers(), allows))
      : c.json(anthropicModelList(registry.providers(), allows))
  }

/** `GET /v1/models/NAME`, the name with its slashes, with or without its provider. */
export const showModel =
  (registry: Providers): Handler<Env> =>
  (c) => {
    const name = nameOf(c)
    const { data } = modelRows(registry.providers(), c.get('permissions').allows)
    const row = data.find(
      ({ id, metadata }) => id === name || `${metadata.provider.id}/${id}` === name,
    )
    if (!row) {
      const login = c.get('auth').caller?.login ?? ''
      throw new Failure('model_not_found', `no route found for model "${name}" for user "${login}"`)
    }
    return c.json(row)
  }

const nameOf = (c: Context<Env>): string => {
  const { path } = c.req
  return decodeURIComponent(path.slice(path.indexOf('/models/') + '/models/'.length))
}
