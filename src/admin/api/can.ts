import { z } from 'zod'
import type { Door } from '../../platform/caller.ts'
import { type AdminRoute, route } from './route.ts'

const grounds = { grant: z.int(), entry: z.int(), source: z.string() }

const explanation = z.object({
  door: z.enum(['public', 'tailnet', 'local']),
  allowed: z.boolean(),
  role: z.object({ name: z.enum(['user', 'admin']), ...grounds }).optional(),
  routes: z.array(
    z.object({ provider: z.string(), model: z.string(), pattern: z.string(), ...grounds }),
  ),
  reasons: z
    .array(z.object({ code: z.string(), text: z.string(), grant: z.int().optional() }))
    .describe('Everything that stands in the way, and what nearly fits.'),
})
type Explanation = z.output<typeof explanation>

const query = z.object({
  who: z.string().min(1).max(512).describe('A login, user name, `tag:a,tag:b` or `group:x`.'),
  model: z.string().min(1).max(512),
  door: z
    .enum(['public', 'tailnet', 'local'])
    .optional()
    .describe('Absent: each they can come by.'),
})

/** Answers for each door asked about. */
export type Explain = (who: string, model: string, door: Door | undefined) => unknown[]

/** May they, and why or why not: what `postern can` says. */
export const canRoutes = (explain: Explain): AdminRoute[] => [
  route({
    method: 'get',
    path: '/postern/api/can',
    id: 'can',
    summary: 'May they use a model, and which grant says so, or every reason why not.',
    needs: 'admin',
    query,
    answers: z.object({ allowed: z.boolean(), doors: z.array(explanation) }),
    handle: (request) => {
      const { who, model, door } = query.parse(request.query)
      const doors = explain(who, model, door) as Explanation[]
      return request.c.json({ allowed: doors.some(({ allowed }) => allowed), doors })
    },
  }),
]
