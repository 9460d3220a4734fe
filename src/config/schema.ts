import { z } from 'zod'
import { withoutEffect } from './schema/aperture.ts'
import { exporters } from './schema/exporters.ts'
import { grants, temporaryGrants } from './schema/grants.ts'
import { hooks } from './schema/hooks.ts'
import { issuers } from './schema/issuers.ts'
import { authFailures, database, limits, log, rateLimits, redis } from './schema/limits.ts'
import { defaultListeners, listeners } from './schema/listeners.ts'
import { provider } from './schema/providers.ts'
import { quotas } from './schema/quotas.ts'
import { references } from './schema/references.ts'
import { sessions } from './schema/sessions.ts'
import { tailscale } from './schema/tailscale.ts'
import { user } from './schema/users.ts'
import { ui, webui } from './schema/webui.ts'
import * as field from './values/fields/fields.ts'

/**
 * The configuration file as written. The descriptions are its manual: `docs/configuration.md` and the JSON Schema
 * are generated from them, with the defaults. Keys are accepted only when they work.
 */

export const fileSchema = z.strictObject({
  mode: z
    .enum(['local', 'serve', 'funnel', 'both'])
    .prefault('local')
    .describe(
      'Which door tailscaled leads to. `"local"`: none; only this machine, and what `listeners` opens. `"serve"`: your ' +
        'tailnet, by identity. `"funnel"`: the internet and the tailnet, by password or key only. `"both"`: tailnet ' +
        'callers by identity, everyone else by password, on one address. `postern expose` sets it and tailscaled.',
    ),
  front: z
    .enum(['none', 'tailscale', 'caddy'])
    .prefault('none')
    .describe(
      'Who stands in front and ends TLS. `"tailscale"`: serve or funnel lead straight to us. With `"caddy"`, name it in ' +
        '`trusted_proxies`, or everyone looks like this machine.',
    ),
  listeners,
  tailscale,
  allowed_hosts: z
    .array(field.hostName())
    .prefault([])
    .describe(
      'Host names, beside loopback, that the dashboard answers to, and under which people are known by their device. ' +
        'Names of the tailnet need no mention for that.',
    ),
  webui,
  ui,
  providers: z
    .record(z.string(), provider)
    .prefault({})
    .describe(
      'Model servers, by id (letters, digits, `.`, `_`, `-`). Empty: Postern looks for model servers on loopback, and ' +
        'its demo model stands in when there are none.',
    ),
  grants,
  temp_grants: temporaryGrants,
  quotas,
  hooks,
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
  issuers,
  sessions,
  rate_limits: rateLimits,
  auth_failures: authFailures,
  limits,
  references,
  database,
  exporters,
  redis,
  log,
  auto_cost_basis: z
    .boolean()
    .prefault(true)
    .describe(
      'Whose list prices hold follows from a provider’s address and `compatibility`, where it has no `cost_basis` and ' +
        'is not in a private network.',
    ),
  compare_with: z
    .string()
    .prefault('')
    .describe(
      'A model of a cloud, such as `"anthropic/claude-sonnet-4-6"`: usage then tells what the same tokens would have ' +
        'cost there.',
    ),
  label_header: z
    .string()
    .regex(
      /^(?!(?:proxy-)?authorization$|cookie$|(?:x-|x-goog-)?api-key$)[\w!#$%&'*+.^`|~-]{1,64}$/i,
      'is not a header name, or names a header that carries secrets',
    )
    .prefault('x-postern-label')
    .describe('Header whose value is kept with a request in the ledger, cut to 64 characters.'),
  ...withoutEffect,
})

/** The keys of one section may decide the defaults of another. */
export const configSchema = fileSchema.transform(({ listeners, ...file }) => ({
  ...file,
  listeners: listeners ?? defaultListeners(file.front === 'tailscale' && file.mode !== 'local'),
}))

/** The file after validation, before it takes the shape the rest of the program knows. */
export type ConfigFile = z.output<typeof configSchema>
