import type { Context } from 'hono'
import { z } from 'zod'
import { type Part, unpack } from '../../../gateway/capture/pack.ts'
import type { Env } from '../../../gateway/http/env.ts'
import type { Caller } from '../../../platform/caller.ts'
import { Failure } from '../../../platform/failure.ts'
import type { Platform } from '../../../platform/platform.ts'
import type { RequestSummary } from '../../../platform/records/figures.ts'
import type { Audit } from '../audit.ts'
import { type AdminRoute, route } from '../route.ts'
import { iso, loginOf } from './usage-scope.ts'

/** What was asked and answered; null: it was not kept, or is gone. */
export interface ReadCapture {
  /** Wall-clock ms since the epoch. */
  readonly at: number
  readonly request: Part | null
  readonly response: Part | null
  readonly tools: Part | null
}

/**
 * What was kept of a request; null when nothing was. That somebody read what another did is on record first.
 * @throws Failure 503 when it cannot be put on record: then nothing is shown
 */
export type CaptureReader = (
  c: Context<Env>,
  row: RequestSummary,
  caller: Caller,
) => Promise<ReadCapture | null>

export const captureReader =
  (store: Pick<Platform['store'], 'ask'>, audit: Audit): CaptureReader =>
  async (c, row, caller) => {
    const capture = await store.ask('capture', { id: row.id })
    if (!capture) return null
    if (row.login !== caller.login) {
      await audit(c, 'capture.read', 'done', { target: row.id, detail: `of ${row.login}` })
    }
    const read = async (packed: string | null) => (packed === null ? null : unpack(packed))
    return {
      at: capture.at,
      request: await read(capture.request),
      response: await read(capture.response),
      tools: await read(capture.tools),
    }
  }

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
}: CaptureRoutesOptions): AdminRoute[] => {
  const read = captureReader(store, audit)
  return [
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
        const capture = row && (await read(c, row, caller))
        if (!capture) throw new Failure('not_found', 'Nothing was kept of such a request.')
        return c.json({ id: row.id, ...capture, at: iso(capture.at) })
      },
    }),
  ]
}
