import type { Context } from 'hono'
import { z } from 'zod'
import { formatAmount, parseAmount } from '../../config/values/quota-text.ts'
import type { Env } from '../../gateway/http/env.ts'
import { Failure } from '../../platform/failure.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Refill } from '../../platform/records/balance.ts'
import type { Audit } from './audit.ts'
import { type AdminRequest, type AdminRoute, route } from './route.ts'

const units = ['dollars', 'tokens', 'requests', 'compute', 'concurrent'] as const

const bucket = z.object({
  bucket: z.string().describe('`team`, `day:ana@example.com`.'),
  unit: z
    .enum(units)
    .describe(
      'What the numbers count: billionths of a dollar, tokens, requests, ms, or requests at once.',
    ),
  balance: z.number().describe('What is left; below zero once it was overdrawn.'),
  held: z.number().describe('Of the balance: kept back for requests under way.'),
  capacity: z.number(),
  rate: z.string().describe('How fast it fills again; empty: not by itself.'),
  spent: z.number().describe('Everything that was ever charged.'),
})

const wanted = z.strictObject({
  bucket: z.string().min(1).max(512),
  amount: z
    .string()
    .max(64)
    .describe('`"$5.00"`, `"100k tokens"`. What does not fit into the bucket is lost.'),
})
type Wanted = z.output<typeof wanted>

type State = z.output<typeof bucket> & Pick<Refill, 'quota' | 'holder'>

export interface QuotaRoutesOptions {
  readonly platform: Pick<Platform, 'clock' | 'newId'>
  readonly audit: Audit
  /** Those that the caller's requests are charged to; with `all` everybody's. */
  readonly buckets: (c: Context<Env>, all: boolean) => Promise<readonly State[]>
  /** One by its name, used or not; undefined where no quota is called so. */
  readonly find: (bucket: string) => Promise<State | undefined>
  /** Puts it back now. */
  readonly refill: (refill: Refill) => void
}

/** Budgets, at Aperture's paths and at our own. */
export const quotaRoutes = (options: QuotaRoutesOptions): AdminRoute[] =>
  [
    ['/postern/api/quotas', ''],
    ['/api/quotas', 'AsAperture'],
  ].flatMap(([path = '', suffix = '']) => [
    route({
      method: 'get',
      path,
      id: `listQuotas${suffix}`,
      summary: 'Budgets: those that your requests are charged to, all of them for admins.',
      needs: 'role',
      answers: z.object({ quotas: z.array(bucket) }),
      handle: async ({ c, permissions }) => {
        const states = await options.buckets(c, permissions.role === 'admin')
        return c.json({ quotas: states.map(toRow) })
      },
    }),
    route({
      method: 'post',
      path: `${path}/refill`,
      id: `refillQuota${suffix}`,
      summary: 'Puts something back into a bucket.',
      needs: 'admin',
      body: wanted,
      answers: bucket,
      action: 'quota.refill',
      handle: (request: AdminRequest<Wanted>) => refill(options, request),
    }),
  ])

const refill = async (
  { platform, audit, find, refill: put }: QuotaRoutesOptions,
  { c, body }: AdminRequest<Wanted>,
): Promise<Response> => {
  const state = await find(body.bucket)
  if (!state) throw new Failure('not_found', 'No quota of this name is defined.')
  const given = parseAmount(body.amount)
  if (given?.unit !== state.unit || state.unit === 'concurrent') {
    const message = `is not a valid amount of ${state.unit} that could be put back`
    const details = [{ location: 'body.amount', message }]
    throw new Failure('invalid_content', `"${body.amount}" ${message}.`, { details })
  }
  const { quota, holder } = state
  const at = platform.clock.now()
  const change: Refill = { id: platform.newId(), quota, holder, amount: given.amount, at }
  await audit(c, 'quota.refill', 'done', {
    target: state.bucket,
    detail: formatAmount(given),
    change: { kind: 'quota.refill', refill: change },
  })
  put(change)
  return c.json(toRow((await find(body.bucket)) ?? state))
}

const toRow = ({ quota: _quota, holder: _holder, ...row }: State): z.output<typeof bucket> => row
