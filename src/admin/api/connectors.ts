import { z } from 'zod'
import { type AdminRoute, route } from './route.ts'

const connector = z.object({
  id: z.string(),
  description: z.string(),
  protocol: z.string(),
  provider: z.string(),
  category: z.string(),
  status: z.string(),
  auth_type: z.string(),
})

/** Aperture's clients ask which connectors there are before they show anything; Postern has none. */
export const connectorRoutes = (): AdminRoute[] => [
  route({
    method: 'get',
    path: '/api/connectors',
    id: 'listConnectorsAsAperture',
    summary: 'Connectors, as Aperture lists them: an empty list, because Postern has none yet.',
    needs: 'role',
    answers: z.object({ connectors: z.array(connector) }),
    handle: ({ c }) => c.json({ connectors: [] }),
  }),
]
