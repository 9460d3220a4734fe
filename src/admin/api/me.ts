import { z } from 'zod'
import { type AdminRoute, route } from './route.ts'

const me = z.object({
  login: z.string(),
  display_name: z.string().nullable(),
  kind: z.enum(['user', 'node', 'key', 'password', 'token']),
  node: z.string().nullable().describe('Device of the tailnet.'),
  tags: z.array(z.string()),
  groups: z.array(z.string()),
  role: z.enum(['user', 'admin']),
  door: z.enum(['local', 'tailnet', 'public']),
  address: z.string(),
})

/** Who am I here? */
export const meRoutes = (): AdminRoute[] => [
  route({
    method: 'get',
    path: '/postern/api/me',
    id: 'getMe',
    summary: 'Who is asking, as the gateway knows them, and by which door.',
    needs: 'role',
    answers: me,
    handle: ({ c, caller, permissions }) =>
      c.json({
        login: caller.login,
        display_name: caller.displayName ?? null,
        kind: caller.kind,
        node: caller.node ?? null,
        tags: caller.tags ?? [],
        groups: caller.groups,
        role: permissions.role ?? 'user',
        door: c.get('client').door,
        address: c.get('client').ip,
      }),
  }),
]
