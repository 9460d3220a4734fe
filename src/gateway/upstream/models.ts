import type { Context, Handler } from 'hono'
import { Failure } from '../../platform/failure.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Provider } from '../../platform/upstream.ts'
import { clientOf } from '../dialect/envelope.ts'
import { spellingsOf } from '../dialect/model-tags.ts'
import type { Env } from '../http/env.ts'
import { priceFinder } from '../prices/price.ts'
import { anthropicModelList } from './list/anthropic.ts'
import { geminiModelList } from './list/gemini.ts'
import { type ModelRow, modelList, modelRows } from './list/openai.ts'
import type { Allows } from './list/visible.ts'
import { tagged } from './routing/tagged.ts'

export interface Providers {
  providers(): readonly Provider[]
}

type Host = Pick<Platform, 'clock' | 'log'>

/** `GET /v1/models`: what this caller may use, in the shape that their SDK understands. */
export const listModels =
  (registry: Providers, host: Host): Handler<Env> =>
  async (c) => {
    const { allows } = c.get('permissions')
    switch (clientOf((name) => c.req.header(name))) {
      case 'anthropic':
        return c.json(anthropicModelList(registry.providers(), allows))
      case 'gemini':
        return c.json(geminiModelList(registry.providers(), allows))
      case 'openai':
        return c.json(modelList(await pricedRows(registry, host, allows)))
    }
  }

/** `GET /v1/models/NAME`, the name with its slashes, with or without its provider. */
export const showModel =
  (registry: Providers, host: Host): Handler<Env> =>
  async (c) => {
    const name = nameIn(c)
    const { allows } = c.get('permissions')
    switch (clientOf((name) => c.req.header(name))) {
      case 'anthropic': {
        const { data } = anthropicModelList(registry.providers(), allows)
        const row = data.find(({ id }) => id === name)
        return c.json(found(c, name, row))
      }
      case 'gemini':
        return c.json(geminiRow(c, registry))
      case 'openai': {
        const rows = await pricedRows(registry, host, allows)
        return c.json(found(c, name, rowNamed(name, rows, tagged(registry))))
      }
    }
  }

/** By its id, or its provider's and its id; at Ollama with its tag or without. */
const rowNamed = (
  name: string,
  rows: readonly ModelRow[],
  hasTags: (provider: string) => boolean,
): ModelRow | undefined => {
  const isNamed = (bare: string, { metadata, id }: ModelRow): boolean =>
    id === bare || (hasTags(metadata.provider.id) && spellingsOf(id).includes(bare))
  const { data } = modelList(rows)
  return (
    data.find(({ id }) => id === name) ??
    // mistral.rs names a model by its file; `//` of its id became one slash in the path.
    data.find(({ id }) => id === `/${name}`) ??
    data.find((row) => isNamed(name, row)) ??
    rows.find((row) => {
      const prefix = `${row.metadata.provider.id}/`
      return name.startsWith(prefix) && isNamed(name.slice(prefix.length), row)
    })
  )
}

/** With list prices, too. That these cannot be read is no reason to list nothing. */
export const pricedRows = async (registry: Providers, { clock, log }: Host, allows: Allows) => {
  const providers = registry.providers()
  try {
    return modelRows(providers, allows, await priceFinder(providers, clock.now()))
  } catch (error) {
    log('error', 'prices.unread', { reason: String(error) })
    return modelRows(providers, allows)
  }
}

/** `GET /v1beta/models`. */
export const listGeminiModels =
  (registry: Providers): Handler<Env> =>
  (c) =>
    c.json(geminiModelList(registry.providers(), c.get('permissions').allows))

/** `GET /v1beta/models/NAME`. */
export const showGeminiModel =
  (registry: Providers): Handler<Env> =>
  (c) =>
    c.json(geminiRow(c, registry))

const geminiRow = (c: Context<Env>, registry: Providers) => {
  const name = nameIn(c)
  const { models } = geminiModelList(registry.providers(), c.get('permissions').allows)
  const row = models.find((model) => model.name === `models/${name}`)
  return found(c, name, row)
}

const nameIn = (c: Context<Env>): string => {
  const { pathname } = new URL(c.req.url)
  try {
    return decodeURIComponent(pathname.slice(pathname.indexOf('/models/') + '/models/'.length))
  } catch {
    throw new Failure('invalid_request', 'The model in the path is not valid UTF-8.')
  }
}

const found = <T>(c: Context<Env>, name: string, row: T | undefined): T => {
  if (row) return row
  const login = c.get('auth').caller?.login ?? ''
  throw new Failure('model_not_found', `no route found for model "${name}" for user "${login}"`)
}
