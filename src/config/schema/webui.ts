import { z } from 'zod'
import * as field from '../values/fields.ts'

export const webui = z
  .strictObject({
    url: field
      .siteUrl()
      .describe(
        'Where Open WebUI runs: scheme, host and port. Bind it to loopback: whoever reaches it past the gateway meets ' +
          'only its own login. May be `"env:NAME"`.',
      ),
    sso: z
      .enum(['off'])
      .prefault('off')
      .describe('`"off"`: Open WebUI keeps its own login and is told nothing about the caller.'),
    public: z
      .boolean()
      .prefault(true)
      .describe('Whether callers from outside this machine and the tailnet see it at all.'),
  })
  .optional()
  .describe(
    'Open WebUI, shown for every path that is not the gateway’s own. Absent: a plain status page.',
  )
