import type { Config, CorsConfig, GrantConfig, GrantEntry, UserConfig } from '../config.ts'
import { CAPABILITY, type GrantEntryFile } from '../schema/grants.ts'
import type { ConfigFile } from '../schema.ts'

export function buildGrants(file: ConfigFile, users: Config['users']): readonly GrantConfig[] {
  const { grants, temp_grants } = file
  if (!grants && !temp_grants) return defaultGrants(users)
  return [...(grants ?? []), ...(temp_grants ?? [])].map(toGrant)
}

const toGrant = (grant: NonNullable<ConfigFile['grants']>[number]): GrantConfig => {
  const { [CAPABILITY]: entries, ...others } = grant.app
  return {
    src: grant.src,
    ...(grant.via && { via: grant.via }),
    ...(grant.shared && { shared: true }),
    entries: entries.map(toEntry),
    ...(Object.keys(others).length > 0 && { capabilities: new Map(Object.entries(others)) }),
  }
}

/** An entry as the schema has read it, in the configuration or in the tailnet's own policy. */
export const toEntry = (entry: GrantEntryFile): GrantEntry => {
  const { role, models, add_headers } = entry
  const cors = toCors(entry)
  return {
    ...(role && { role }),
    ...(models !== undefined && { models: typeof models === 'string' ? [models] : models }),
    ...(entry.provider_resources && { providerResources: entry.provider_resources }),
    ...(add_headers && { addHeaders: add_headers }),
    ...(cors && { cors }),
    ...(entry.send_hooks && { sendHooks: entry.send_hooks }),
    ...(entry.quotas && { quotas: entry.quotas }),
    ...(entry.capture && { capture: entry.capture }),
    ...(entry.read_metrics && { readMetrics: true }),
    ...(entry.read_pricing && { readPricing: true }),
    ...(entry.filterable_headers && {
      filterableHeaders: entry.filterable_headers.map((name) => name.toLowerCase()),
    }),
  }
}

const toCors = (entry: GrantEntryFile): CorsConfig | undefined => {
  const origins = entry['Access-Control-Allow-Origin']
  const headers = entry['Access-Control-Allow-Headers']
  if (!entry.set_cors || !origins) return undefined
  return {
    paths: entry.cors_paths ?? ['/**'],
    origins,
    methods: entry['Access-Control-Allow-Methods'] ?? 'GET, POST',
    ...(headers !== undefined && { headers }),
  }
}

/** With no grants at all, the user called `owner` and who owns this node are admins and may use every model. */
function defaultGrants(users: ReadonlyMap<string, UserConfig>): readonly GrantConfig[] {
  const owner = users.get('owner')
  const src = [...(owner ? [owner.login] : []), '(owner)']
  return [{ src, entries: [{ role: 'admin', models: ['**'] }] }]
}

/** A login is one person by whatever door: what their password user is in, they are in on the tailnet as well. */
export function buildGroups(file: ConfigFile, users: Config['users']): Config['groups'] {
  const groups = new Map(Object.entries(file.groups))
  for (const { login, groups: named } of users.values()) {
    for (const name of named) groups.set(name, [...new Set([...(groups.get(name) ?? []), login])])
  }
  return groups
}
