import { z } from 'zod'
import * as field from '../values/fields.ts'

export const user = z.strictObject({
  password: field
    .passwordHash()
    .describe(
      'bcrypt hash (`$2a$`, `$2b$` or `$2y$`), cost 4 to 16, as `postern user add` writes it; `"env:NAME"` and ' +
        '`"file:/path"` work. Each step of cost doubles the time of a check: above 12 it is half a second and more.',
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
