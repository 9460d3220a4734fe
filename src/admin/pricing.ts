import { z } from 'zod'
import type { Platform } from '../platform.ts'
import { type Priced, priceFinder } from '../prices/price.ts'
import { priceRecord, units } from '../prices/record.ts'
import type { Provider } from '../upstream/upstream.ts'
import { type AdminRequest, type AdminRoute, route } from './route.ts'

export interface PricingRoutesOptions extends Pick<Platform, 'clock'> {
  /** In force, disabled ones among them. */
  readonly providers: () => readonly Provider[]
}

const unit = z.object({ basis: z.string(), quantity: z.number() })

const price = z
  .object({
    provider: z.string(),
    model: z.string(),
    source: z.string().describe('`own`: the configuration. Else whose list.'),
    resolved_model: z.string().describe('The model that the price is of.'),
    resolver_adjustment: z.number().describe('By which the list’s price was multiplied.'),
  })
  .catchall(z.number())

const answers = z.object({
  units: z.record(z.string(), unit).describe('What each kind of price is for, in USD.'),
  models: z
    .record(z.string(), price)
    .describe('By `provider/model`; only those with a known price.'),
})

/** What models cost, for whoever may read that: of every model, as the right is to read prices and not to use models. */
export const pricingRoutes = (options: PricingRoutesOptions): AdminRoute[] => [
  route({
    method: 'get',
    path: '/aperture/pricing',
    id: 'getPricing',
    summary: 'The prices of all models that have a known one. Honours If-None-Match.',
    needs: 'read_pricing',
    answers,
    handle: (request) => show(options, request, () => true),
  }),
  route({
    method: 'get',
    path: '/aperture/pricing/{model}',
    id: 'getPricingOfModel',
    summary:
      'The prices of one model, by its name or `provider/model`, slashes included; none when it is not known.',
    needs: 'read_pricing',
    answers,
    handle: (request) => {
      const wanted = request.c.req.param('model')
      return show(options, request, (provider, model) =>
        [model, `${provider}/${model}`].some((name) => name === wanted),
      )
    },
  }),
]

const show = async (
  { providers, clock }: PricingRoutesOptions,
  { c }: AdminRequest<unknown>,
  wanted: (provider: string, model: string) => boolean,
): Promise<Response> => {
  const enabled = providers().filter(({ disabled }) => !disabled)
  const priceOf = await priceFinder(enabled, clock.now())
  const models = enabled.flatMap((provider) =>
    provider.models.flatMap((model) => {
      const priced = wanted(provider.id, model) ? priceOf({ provider, model }) : undefined
      return priced ? [[`${provider.id}/${model}`, entry(provider, model, priced)] as const] : []
    }),
  )
  // JSON is HuJSON without comments, so that every client can read it.
  const body = JSON.stringify({ units, models: Object.fromEntries(models) })
  const etag = await etagOf(body)
  const known = c.req.header('if-none-match')?.split(',') ?? []
  if (known.some((tag) => tag.trim().replace(/^W\//, '') === etag || tag.trim() === '*')) {
    return c.body(null, 304, { etag })
  }
  return c.body(body, 200, { etag, 'content-type': 'application/json' })
}

const entry = (provider: Provider, model: string, priced: Priced) => ({
  ...priceRecord(priced.price),
  provider: provider.id,
  model,
  source: priced.source,
  resolved_model: priced.model,
  resolver_adjustment: priced.adjustment,
})

const etagOf = async (body: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(body))
  return `"${[...new Uint8Array(digest, 0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}"`
}
