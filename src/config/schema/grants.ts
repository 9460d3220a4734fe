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

export type GrantEntryFile = z.output<typeof grantEntry>

export const grant = z.strictObject({
  src: z
    .array(field.grantSource())
    .min(1)
    .describe(
      'Who: a login; `"group:name"`; `"tag:ci"`, a tagged node with exactly this tag, or `"tag:api,tag:prod"` with ' +
        'exactly these, sorted; `"*"`, everyone who has proved who they are; `"(owner)"`, tailnet callers whose user ' +
        'also owns the node this gateway runs on; `"(loopback)"`, every program on this machine, without a password.',
    ),
  via: z
    .array(z.enum(['public', 'tailnet', 'local']))
    .min(1)
    .optional()
    .describe(
      'Through which door only: `"public"`, `"tailnet"` or `"local"` (this machine). Absent: any.',
    ),
  shared: z
    .boolean()
    .prefault(false)
    .describe(
      '`"*"` also means users of other tailnets whose machines are shared into yours. Otherwise they must be named by ' +
        'their full login.',
    ),
  app: z
    .strictObject({
      'tailscale.com/cap/aperture': z
        .array(grantEntry)
        .describe('What: roles and models. Several entries and several grants add up.'),
    })
    .describe('Capabilities, under the name that Aperture gives them.'),
})
