import { z } from 'zod'
import type { Health, Provider } from '../../platform/upstream.ts'
import { type AdminRoute, route } from './route.ts'

export interface ProviderRoutesOptions {
  /** In force, disabled ones among them. */
  readonly providers: () => readonly Provider[]
  readonly health: (provider: string) => Health | undefined
  readonly load: (provider: string) => { readonly open: number; readonly waiting: number }
}

const ofAperture = {
  id: z.string(),
  name: z.string(),
  description: z.string(),
  models: z.array(z.string()),
  compatibility: z.record(z.string(), z.literal(true)).describe('What it speaks.'),
}

const row = z.object({
  ...ofAperture,
  disabled: z.boolean(),
  baseurl: z.string(),
  server: z.string().nullable().describe('Which server it is, where that could be found out.'),
  preference: z.number(),
  up: z.boolean().nullable().describe('Was its last request answered? null: none was sent yet.'),
  answered_at: z.iso.datetime().nullable(),
  failure: z
    .object({ at: z.iso.datetime(), kind: z.string(), reason: z.string() })
    .nullable()
    .describe('The last request that was not answered, or with an error.'),
  open: z.int().describe('Requests under way.'),
  waiting: z.int().describe('Requests in its queue.'),
  concurrency: z.int().nullable(),
})
type Row = z.output<typeof row>

/** What is behind the gateway, and how it does. */
export const providerRoutes = (options: ProviderRoutesOptions): AdminRoute[] => [
  route({
    method: 'get',
    path: '/postern/api/providers',
    id: 'listProviders',
    summary: 'The providers in force, disabled ones among them, and how each does.',
    needs: 'admin',
    answers: z.object({ data: z.array(row) }),
    handle: ({ c }) => c.json({ data: options.providers().map((each) => rowOf(each, options)) }),
  }),
  route({
    method: 'get',
    path: '/api/providers',
    id: 'listProvidersAsAperture',
    summary: 'The providers in force, in Aperture’s words.',
    needs: 'admin',
    answers: z.array(z.object(ofAperture)),
    handle: ({ c }) => c.json(options.providers().map(asAperture)),
  }),
]

const asAperture = ({ id, name, description = '', models, dialects }: Provider) => ({
  id,
  name,
  description,
  models: [...models],
  compatibility: Object.fromEntries([...dialects].sort().map((dialect) => [dialect, true])),
})

const rowOf = (provider: Provider, { health, load }: ProviderRoutesOptions): Row => {
  const known = health(provider.id)
  return {
    ...(asAperture(provider) as Pick<Row, keyof typeof ofAperture>),
    disabled: provider.disabled,
    baseurl: provider.baseurl,
    server: provider.server ?? null,
    preference: provider.preference,
    up: known?.up ?? null,
    answered_at: known?.answeredAt ? timeOf(known.answeredAt) : null,
    failure: known?.failure ? { ...known.failure, at: timeOf(known.failure.at) } : null,
    ...load(provider.id),
    concurrency: provider.limits?.concurrency ?? null,
  }
}

const timeOf = (at: number): string => new Date(at).toISOString()
