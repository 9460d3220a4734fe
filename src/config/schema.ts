import { z } from 'zod'
import { grant } from './schema/grants.ts'
import { authFailures, database, limits, log, rateLimits } from './schema/limits.ts'
import { listeners } from './schema/listeners.ts'
import { provider } from './schema/providers.ts'
import { user } from './schema/users.ts'
import { webui } from './schema/webui.ts'
import * as field from './values/fields.ts'

/**
 * The configuration file as written. The descriptions are its manual: `docs/configuration.md` and the JSON Schema
 * are generated from them, with the defaults. Keys are accepted only when they work.
 */

export const configSchema = z.strictObject({
  mode: z
    .enum(['local'])
    .prefault('local')
    .describe('Which door is open. `"local"`: this machine, and what `listeners` opens.'),
  front: z
    .enum(['none', 'caddy'])
    .prefault('none')
    .describe(
      'Who stands in front and ends TLS. With `"caddy"`, name it in `trusted_proxies`, or everyone looks like this machine.',
    ),
  listeners,
  allowed_hosts: z
    .array(field.hostName())
    .prefault([])
    .describe('Host names, beside loopback, that the dashboard answers to.'),
  webui,
  providers: z
    .record(z.string(), provider)
    .prefault({})
    .describe(
      'Model servers, by id (letters, digits, `.`, `_`, `-`). Empty: Postern looks for model servers on loopback, and ' +
        'its demo model stands in when there are none.',
    ),
  grants: z
    .array(grant)
    .optional()
    .describe(
      'Who may do what; nothing is allowed without one. Absent altogether: the user `owner`, if there is one, is admin ' +
        'and may use every model.',
    ),
  groups: z
    .record(z.string(), z.array(field.login()))
    .prefault({})
    .describe('Logins by group: `{ "group:family": ["alice@example.com", "bob"] }`.'),
  users: z
    .record(z.string(), user)
    .prefault({})
    .describe(
      'People and programs that sign in with a password, by user name. Names that differ only in case are refused.',
    ),
  rate_limits: rateLimits,
  auth_failures: authFailures,
  limits,
  database,
  log,
})

/** The file after validation, before it takes the shape the rest of the program knows. */
export type ConfigFile = z.output<typeof configSchema>
