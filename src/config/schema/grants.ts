import { z } from 'zod'
import * as field from '../values/fields.ts'

export const grantEntry = z.strictObject({
  role: z
    .enum(['user', 'admin'])
    .optional()
    .describe(
      'Needed at all: who has no role is answered 403. `"admin"` also manages the gateway.',
    ),
  models: z
    .union([field.modelPattern(), z.array(field.modelPattern())])
    .optional()
    .describe(
      'Which models, as `provider/model`: `*` stands for anything but a slash, `?` for one character, `**` as a whole ' +
        'segment for any segments. One pattern, or several in a list.',
    ),
})

export const grant = z.strictObject({
  src: z
    .array(field.grantSource())
    .min(1)
    .describe(
      'Who: a login, `"group:name"`, `"*"` (everyone who has proved who they are) or `"(loopback)"` (every program on ' +
        'this machine, without a password).',
    ),
  app: z
    .strictObject({
      'tailscale.com/cap/aperture': z
        .array(grantEntry)
        .describe('What: roles and models. Several entries and several grants add up.'),
    })
    .describe('Capabilities, under the name that Aperture gives them.'),
})
