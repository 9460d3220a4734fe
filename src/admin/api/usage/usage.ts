import { z } from 'zod'
import { type Compare, comparison } from '../../../gateway/prices/compare.ts'
import type { Platform } from '../../../platform/platform.ts'
import { DIMENSIONS, type UsageScope, type UsageSums } from '../../../platform/records/figures.ts'
import { type AdminRequest, type AdminRoute, route } from '../route.ts'
import { iso, refuse, scopeOf, scopeQuery } from './usage-scope.ts'

const latency = z
  .object({ p50: z.number(), p95: z.number() })
  .nullable()
  .describe(
    'ms; right within a factor of 1.41, mostly far closer. Null where steps are told apart.',
  )

const sums = z.object({
  requests: z.int(),
  failed: z.int().describe('Whose outcome is not ok.'),
  errors: z.int().describe('Of these: failed or refused by a provider, or cut short here.'),
  refused: z.int().describe('Of these: refused here, by a limit, a budget, a grant or a guard.'),
  input_tokens: z.int(),
  output_tokens: z.int(),
  cached_tokens: z.int(),
  reasoning_tokens: z.int(),
  cache_write_tokens: z.int(),
  tool_calls: z.int(),
  web_searches: z.int(),
  images: z.int(),
  audio_ms: z.int(),
  cost_nanousd: z.int().describe('Billionths of a dollar, of the requests whose price is known.'),
  unpriced: z.int().describe('Requests whose price is not known.'),
  estimated: z.int().describe('Requests whose tokens are our estimate.'),
  bytes_in: z.int(),
  bytes_out: z.int(),
  duration_ms: z.int(),
  first_byte: latency,
  duration: latency,
})
export type SumsRecord = z.output<typeof sums>

const period = { since: z.string(), until: z.string() }
const by = z.enum(DIMENSIONS)

const steps = {
  '1m': 60_000,
  '5m': 300_000,
  '15m': 900_000,
  '1h': 3_600_000,
  '6h': 21_600_000,
  '1d': 86_400_000,
  '7d': 604_800_000,
  '30d': 2_592_000_000,
} as const
type Step = keyof typeof steps

/** More than fit on a page, and less than would be slow. */
const mostPoints = 1500
/** Where values are told apart in each step. */
const mostSteps = 200
/** Sums by the minute are kept of two days: before them anything finer than hours is read row by row. */
const longestInMinutes = 2 * 86_400_000

const comparedQuery = scopeQuery.extend({
  compare_with: z
    .string()
    .max(128)
    .optional()
    .describe('As `anthropic/claude-sonnet-4-6`. Default: as the configuration says.'),
})

const compared = sums.extend({
  compared_nanousd: z
    .int()
    .nullable()
    .optional()
    .describe('What the same tokens would have cost there; null where no list has that model.'),
})
const comparedWith = z.string().optional().describe('The model of a cloud that it is held against.')

const groupsQuery = comparedQuery.extend({
  by,
  limit: z.coerce.number().int().min(1).max(1000).default(20),
})

const seriesQuery = scopeQuery.extend({
  step: z.enum(Object.keys(steps) as [Step, ...Step[]]).default('1d'),
  by: by.optional().describe('Tells these apart.'),
  top: z.coerce
    .number()
    .int()
    .min(1)
    .max(20)
    .default(8)
    .describe('With by: so many values, the others together as null.'),
})

export interface UsageRoutesOptions extends Pick<Platform, 'store' | 'clock'> {
  /** A model of a cloud; absent: none, unless somebody asks for it. */
  readonly compareWith?: string | undefined
}

/** What was used: sums, who and what used most, and how it went on. */
export const usageRoutes = ({ store, clock, compareWith }: UsageRoutesOptions): AdminRoute[] => {
  const now = clock.now
  const comparing = (request: AdminRequest<unknown>) => {
    const { compare_with: asked = compareWith } = request.query as z.output<typeof comparedQuery>
    return asked ? comparedTo(asked, now()) : nothing
  }
  return [
    route({
      method: 'get',
      path: '/postern/api/usage',
      id: 'getUsage',
      summary: 'Sums over a period: your own; everybody’s for admins.',
      needs: 'role',
      query: comparedQuery,
      answers: z.object({ ...period, compared_with: comparedWith, total: compared }),
      handle: async (request) => {
        const scope = scopeOf(request, now())
        const { name, cost } = await comparing(request)
        const total = await store.ask('usageTotals', scope)
        return request.c.json({
          ...periodOf(scope, now()),
          ...name,
          total: { ...toRecord(total), ...cost(total) },
        })
      },
    }),
    route({
      method: 'get',
      path: '/postern/api/usage/top',
      id: 'listTopUsage',
      summary:
        'Sums for each person, model, provider, door, program, status, outcome or error code, the most requests first.',
      needs: 'role',
      query: groupsQuery,
      answers: z.object({
        ...period,
        compared_with: comparedWith,
        data: z.array(compared.extend({ name: z.string() })),
      }),
      handle: async (request) => {
        const { by, limit } = request.query as z.output<typeof groupsQuery>
        const scope = scopeOf(request, now())
        const groups = await store.ask('usageGroups', { ...scope, by, limit })
        const other = await comparing(request)
        const data = groups.map(({ name, ...rest }) => ({
          name,
          ...toRecord(rest),
          ...other.cost(rest),
        }))
        return request.c.json({ ...periodOf(scope, now()), ...other.name, data })
      },
    }),
    route({
      method: 'get',
      path: '/postern/api/usage/series',
      id: 'getUsageSeries',
      summary: 'Sums and latencies step by step (UTC); steps without a request are left out.',
      needs: 'role',
      query: seriesQuery,
      answers: z.object({
        ...period,
        step_ms: z.int(),
        data: z.array(sums.extend({ at: z.string(), name: z.string().nullable() })),
      }),
      handle: async (request) => {
        const scope = scopeOf(request, now())
        const { by, top, step } = seriesOf(request, scope, now())
        const points = await store.ask('usageSeries', { ...scope, step, ...(by && { by, top }) })
        const data = points.map(({ at, name, ...rest }) => ({
          at: iso(at),
          name,
          ...toRecord(rest),
        }))
        return request.c.json({ ...periodOf(scope, now()), step_ms: step, data })
      },
    }),
    route({
      method: 'get',
      path: '/postern/api/usage/people',
      id: 'getActivePeople',
      summary: 'How many people there were on each day (UTC).',
      needs: 'admin',
      query: scopeQuery,
      answers: z.object({
        ...period,
        data: z.array(z.object({ at: z.string(), people: z.int() })),
      }),
      handle: async (request) => {
        const scope = scopeOf(request, now())
        const points = await store.ask('usagePeople', scope)
        const data = points.map(({ at, people }) => ({ at: iso(at), people }))
        return request.c.json({ ...periodOf(scope, now()), data })
      },
    }),
  ]
}

/** What is said of the comparison, in the answer and for each sum. */
interface Comparing {
  readonly name: { readonly compared_with?: string }
  readonly cost: (sums: UsageSums) => { readonly compared_nanousd?: number | null }
}

const nothing: Comparing = { name: {}, cost: () => ({}) }

const comparedTo = async (model: string, at: number): Promise<Comparing> => {
  const cost: Compare = await comparison(model, at)
  return {
    name: { compared_with: model },
    cost: (sums) => ({ compared_nanousd: cost(sums) }),
  }
}

const periodOf = ({ since, until }: UsageScope, now: number) => ({
  since: iso(since),
  until: iso(until ?? now),
})

const seriesOf = ({ query }: AdminRequest<unknown>, scope: UsageScope, now: number) => {
  const { since, until = now } = scope
  const { step: name, by, top } = query as z.output<typeof seriesQuery>
  const step = steps[name]
  const length = until - since
  const most = by === undefined ? mostPoints : mostSteps
  if (length / step > most) {
    throw refuse('query.step', `would be more than ${most} steps: take longer ones`)
  }
  if (step < steps['1h'] && length > longestInMinutes) {
    throw refuse('query.step', 'is for periods of two days at most')
  }
  return { step, by, top }
}

/** The same under the names of the API. */
export const toRecord = (given: UsageSums): SumsRecord => ({
  requests: given.requests,
  failed: given.failed,
  errors: given.errors,
  refused: given.refused,
  input_tokens: given.inputTokens,
  output_tokens: given.outputTokens,
  cached_tokens: given.cachedTokens,
  reasoning_tokens: given.reasoningTokens,
  cache_write_tokens: given.cacheWriteTokens,
  tool_calls: given.toolCalls,
  web_searches: given.webSearches,
  images: given.images,
  audio_ms: given.audioMs,
  cost_nanousd: given.costNanousd,
  unpriced: given.unpriced,
  estimated: given.estimated,
  bytes_in: given.bytesIn,
  bytes_out: given.bytesOut,
  duration_ms: given.durationMs,
  first_byte: given.firstByte,
  duration: given.duration,
})
