import { z } from 'zod'
import { priceDocument } from '../../../gateway/prices/document.ts'
import type { Platform } from '../../../platform/platform.ts'
import type { Provider } from '../../../platform/upstream.ts'
import { type AdminRequest, type AdminRoute, route } from '../route.ts'

export interface PricingRoutesOptions extends Pick<Platform, 'clock'> {
  /** In force, disabled ones among them. */
  readonly providers: () => readonly Provider[]
}

const unit = z.object({ basis: z.string(), quantity: z.int() })

const rate = z.object({
  source: z.string().describe('Whose list; `own`: the configuration.'),
  resolved_model: z.string().describe('The model that the price is of.'),
  resolver_adjustment: z.number().describe('By which the list’s price was multiplied.'),
  effective_pricing: z
    .record(z.string(), z.string())
    .describe('Decimal prices, each for what `units` says.'),
})

const adjustments = z.object({
  cost_basis: z.string().optional(),
  cost_basis_source: z.enum(['explicit', 'inferred', 'none']),
  model_cost_map: z.array(
    z.object({ match: z.string(), as: z.string(), adjustment: z.number().optional() }),
  ),
})

const answers = z.object({
  currency: z.string(),
  units: z.record(z.string(), unit).describe('What each kind of price is for.'),
  cost_bases: z
    .array(z.string())
    .describe('Lists of prices; `own/PROVIDER` are those that a provider’s owner wrote.'),
  models: z
    .record(z.string(), z.object({ cost_bases: z.record(z.string(), rate) }))
    .describe('By model; only those with a known price, before any `model_cost_map`.'),
  configured_adjustments: z.object({ providers: z.record(z.string(), adjustments) }),
})

const headers = {
  'If-None-Match': { needed: false, what: 'ETag of an earlier answer; 304 while it holds.' },
}

/** What models cost, for whoever may read that: of every model, as the right is to read prices and not to use models. */
export const pricingRoutes = (options: PricingRoutesOptions): AdminRoute[] => [
  route({
    method: 'get',
    path: '/aperture/pricing',
    id: 'get-pricing',
    summary: 'The prices of all models that have a known one.',
    needs: 'read_pricing',
    headers,
    answers,
    handle: (request) => show(options, request, undefined),
  }),
  route({
    method: 'get',
    path: '/aperture/pricing/{model}',
    id: 'get-model-pricing',
    summary:
      'The prices of one model, by its name or `provider/model`, slashes included; none when it is not known.',
    needs: 'read_pricing',
    headers,
    answers,
    handle: (request) => show(options, request, request.c.req.param('model')),
  }),
]

const show = async (
  { providers, clock }: PricingRoutesOptions,
  { c }: AdminRequest<unknown>,
  wanted: string | undefined,
): Promise<Response> => {
  // JSON is HuJSON without comments, so that every client can read it.
  const body = JSON.stringify(await priceDocument(providers(), clock.now(), wanted), null, 2)
  const etag = await etagOf(body)
  const known = c.req.header('if-none-match')?.split(',') ?? []
  if (known.some((tag) => tag.trim().replace(/^W\//, '') === etag || tag.trim() === '*')) {
    return c.body(null, 304, { etag })
  }
  return c.body(body, 200, { etag, 'content-type': 'application/json' })
}

const etagOf = async (body: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(body))
  return `"${[...new Uint8Array(digest, 0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}"`
}
