import { z } from 'zod'
import type { Platform } from '../../../platform/platform.ts'
import { type AdminRoute, route } from '../route.ts'

const row = z.object({
  id: z.string(),
  at: z.string(),
  login: z.string(),
  kind: z.string(),
  credential_id: z.string(),
  door: z.string(),
  client_ip: z.string(),
  action: z.string(),
  target: z.string(),
  outcome: z.enum(['done', 'denied', 'failed']),
  detail: z.string(),
  request_id: z.string(),
})

const query = z.object({
  before: z.string().max(64).optional().describe('Older than the row of this id.'),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
})

/** What was done to the gateway, by whom. */
export const auditRoutes = ({ store }: Pick<Platform, 'store'>): AdminRoute[] => [
  route({
    method: 'get',
    path: '/postern/api/audit',
    id: 'listAudit',
    summary: 'Acts on the gateway, allowed or not, newest first.',
    needs: 'admin',
    query,
    answers: z.object({ data: z.array(row) }),
    handle: async (request) => {
      const { before, limit } = query.parse(request.query)
      const rows = await store.ask('audit', { limit, ...(before !== undefined && { before }) })
      return request.c.json({
        data: rows.map(({ at, credentialId, clientIp, requestId, ...rest }) => ({
          ...rest,
          at: new Date(at).toISOString(),
          credential_id: credentialId,
          client_ip: clientIp,
          request_id: requestId,
        })),
      })
    },
  }),
]
