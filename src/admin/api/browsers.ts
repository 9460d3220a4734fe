import { z } from 'zod'
import { Failure } from '../../platform/failure.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Audit } from './audit.ts'
import { type AdminRequest, type AdminRoute, route } from './route.ts'

export interface BrowserRoutesOptions {
  readonly platform: Pick<Platform, 'store' | 'clock'>
  readonly audit: Audit
  /** In force at once. */
  readonly ended: (id: string) => void
}

const browser = z.object({
  id: z.string(),
  login: z.string(),
  user_agent: z.string(),
  door: z.string(),
  client_ip: z.string(),
  started_at: z.iso.datetime(),
})

/** Browsers that people signed in with: everybody their own, admins all of them. */
export const browserRoutes = (options: BrowserRoutesOptions): AdminRoute[] => [
  route({
    method: 'get',
    path: '/postern/api/browsers',
    id: 'listBrowsers',
    summary: 'Browsers signed in with a password: your own; all of them for admins with ?all=true.',
    needs: 'role',
    query: z.object({ all: z.enum(['true', 'false']).optional() }),
    answers: z.object({ data: z.array(browser) }),
    handle: async (request) => {
      const rows = await options.platform.store.ask('browsers', scope(request))
      const data = rows.map(({ userAgent, clientIp, startedAt, endedAt: _, ...row }) => ({
        ...row,
        user_agent: userAgent,
        client_ip: clientIp,
        started_at: new Date(startedAt).toISOString(),
      }))
      return request.c.json({ data })
    },
  }),
  route({
    method: 'delete',
    path: '/postern/api/browsers/{id}',
    id: 'endBrowser',
    summary: 'Signs a browser out; within a second, everywhere.',
    needs: 'role',
    answers: z.object({ ended: z.string() }),
    action: 'session.end',
    handle: (request) => end(options, request),
  }),
]

const isAdmin = ({ permissions }: AdminRequest<unknown>): boolean => permissions.role === 'admin'

const scope = (request: AdminRequest<unknown>): { login?: string } => {
  if (request.query.all !== 'true') return { login: request.caller.login }
  if (isAdmin(request)) return {}
  throw new Failure('not_allowed', 'Only admins see the browsers of others.')
}

const end = async (
  { platform, audit, ended }: BrowserRoutesOptions,
  request: AdminRequest<unknown>,
): Promise<Response> => {
  const { c, caller } = request
  const id = c.req.param('id') ?? ''
  const mine = isAdmin(request) ? {} : { login: caller.login }
  const found = (await platform.store.ask('browsers', mine)).find((row) => row.id === id)
  if (!found) throw new Failure('not_found', 'There is no such browser.')
  const change = { kind: 'session.end', id, at: platform.clock.now() } as const
  await audit(c, 'session.end', 'done', { target: id, detail: found.login, change })
  ended(id)
  return c.json({ ended: id })
}
