import { z } from 'zod'

export const references = z
  .strictObject({
    env: z
      .array(
        z
          .string()
          .regex(
            /^[A-Za-z_*][A-Za-z0-9_*]*$/,
            'is not a name of an environment variable, with * for anything',
          ),
      )
      .prefault([])
      .describe('Names of environment variables; `*` stands for anything: `"PROVIDER_*"`.'),
    files: z
      .array(z.string().regex(/^[^\0\n\r]+$/, 'is not a path'))
      .prefault([])
      .describe('Files, and folders for everything below them: `"/run/credentials"`.'),
  })
  .prefault({})
  .describe(
    'Which `env:`, `file:` and `keyfile::` references an edit over the API, or on the dashboard, may make that are not in this ' +
      'file already. Only an edit of this file itself can add to the list. Nothing listed: none.',
  )
