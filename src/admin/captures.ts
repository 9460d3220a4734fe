import { z } from 'zod'
import { unpack } from '../capture/pack.ts'
import { Failure } from '../http/errors.ts'
import type { Platform } from '../platform.ts'
import type { Audit } from './audit.ts'
import { type AdminRoute, route } from './route.ts'
import { iso, loginOf } from './usage-scope.ts'

const part = z
  .object({ body: z.unknown(), truncated: z.boolean() })
  .nullable()
  .describe('Null: it was not kept, or is gone.')

export interface CaptureRoutesOptions {
  readonly platform: Pick<Platform, 'store'>
  readonly audit: Audit
}

/** What was asked and answered, for who asked; an admin who reads what others did is on record. */
export const captureRoutes = ({
  platform: { store },
  audit,
}: CaptureRoutesOptions): AdminRoute[] => [
  route({
    method: 'get',
    path: '/postern/api/requests/{id}/capture',
    id: 'getCapture',
    summary:
      'What was asked and answered, where it was kept: your own; everybody’s for admins, on record.',
    needs: 'role',
    answers: z.object({
      id: z.string(),
      at: z.string(),
      request: part,
      response: part,
      tools: part,
    }),
    handle: async (asked) => {
      const { c, caller } = asked
      const id = c.req.param('id') ?? ''
      const row = await store.ask('request', { id, ...loginOf(asked, undefined) })
      const capture = row && (await store.ask('capture', { id: row.id }))
      if (!capture) throw new Failure('not_found', 'Nothing was kept of such a request.')
      if (row.login !== caller.login) {
        await audit(c, 'capture.read', 'done', { target: row.id, detail: `of ${row.login}` })
      }
      const shown = async (packed: string | null) => (packed === null ? null : unpack(packed))
      return c.json({
        id: row.id,
        at: iso(capture.at),
        request: await shown(capture.request),
        response: await shown(capture.response),
        tools: await shown(capture.tools),
      })
    },
  }),
]
