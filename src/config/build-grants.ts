import type { Config, GrantConfig, GrantEntry, UserConfig } from './config.ts'
import type { GrantEntryFile } from './schema/grants.ts'
import type { ConfigFile } from './schema.ts'

export const buildGrants = (file: ConfigFile, users: Config['users']): readonly GrantConfig[] =>
  file.grants?.map(toGrant) ?? defaultGrants(users)

const toGrant = (grant: NonNullable<ConfigFile['grants']>[number]): GrantConfig => ({
  src: grant.src,
  ...(grant.via && { via: grant.via }),
  ...(grant.shared && { shared: true }),
  entries: grant.app['tailscale.com/cap/aperture'].map(toEntry),
})

/** An entry as the schema has read it, in the configuration or in the tailnet's own policy. */
export const toEntry = ({ role, models }: GrantEntryFile): GrantEntry => ({
  ...(role && { role }),
  ...(models !== undefined && { models: typeof models === 'string' ? [models] : models }),
})

/** With no `grants` at all, the user called `owner` and who owns this node are admins and may use every model. */
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
