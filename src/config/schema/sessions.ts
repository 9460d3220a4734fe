import { z } from 'zod'
import * as field from '../values/fields/fields.ts'

export const sessions = z
  .strictObject({
    secret: field
      .headerSecret()
      .optional()
      .describe(
        'Signs them: 32 characters or more, as `"env:NAME"` or `"file:/path"`, the same for every gateway of one address. ' +
          'Absent: a secret of this gateway, `session.key` in its data directory.',
      ),
    previous_secret: field
      .headerSecret()
      .optional()
      .describe(
        'The secret before it. Sessions that it signed stay good, and are signed anew with `secret` when they are used.',
      ),
  })
  .prefault({})
  .describe(
    'Browsers that signed in with a password. Several gateways that people reach by one address need a common `secret`.',
  )
