import { z } from 'zod'
import * as field from '../values/fields/fields.ts'

export const user = z.strictObject({
  password: field
    .passwordHash()
    .describe(
      'bcrypt hash (`$2a$`, `$2b$` or `$2y$`), cost 4 to 16, as `postern user add` writes it; `"env:NAME"` and ' +
        '`"file:/path"` work. Each step of cost doubles the time of a check: above 12 it is half a second and more.',
    ),
  totp: field
    .totpSecret()
    .optional()
    .describe(
      'Secret of an authenticator app (base32), as `postern user totp` writes it; `"env:NAME"` and `"file:/path"` work. ' +
        'Wherever people are meant (`/ui`, our own API, Open WebUI with `sso`) the password then counts only for a ' +
        'browser that has signed in with a code; for the APIs of models it is enough by itself.',
    ),
  login: field
    .login()
    .optional()
    .describe('Who this is in grants and in the ledger. Absent: the user name.'),
  groups: z
    .array(field.groupName())
    .prefault([])
    .describe('Groups this user is in, as `"group:name"`.'),
})
