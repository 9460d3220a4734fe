import { type Finding, type Path, quote, warning } from '../problem.ts'
import type { ConfigFile } from '../schema.ts'
import type { Declared } from './check.ts'

type Grant = NonNullable<ConfigFile['grants']>[number]

const CAPABILITY = 'tailscale.com/cap/aperture'

export function checkGrants(file: ConfigFile, declared: Declared): Finding[] {
  const grants = file.grants ?? []
  const groups = new Set([...declared.groups, ...groupsOfUsers(file)])
  return [
    ...checkWhole(file, declared),
    ...grants.flatMap((grant, index) => [
      ...checkSources(grant, ['grants', index, 'src'], groups, declared.logins),
      ...checkPatterns(grant, ['grants', index, 'app', CAPABILITY], declared),
    ]),
    ...unusedGroups(file),
    ...usersWithoutGrant(file),
  ]
}

/** Sentences as Aperture writes them. */
function checkWhole({ grants, providers }: ConfigFile, declared: Declared): Finding[] {
  const isDefault = grants === undefined && declared.users.includes('owner')
  if (isDefault || !declared.grantsWhole) return []
  if (declared.users.length === 0 && !grants?.some(({ src }) => src.includes('(loopback)'))) {
    const message = 'no users are defined; every request will be refused'
    return [warning(['users'], message, 'Run `postern user add NAME`')]
  }
  if (!grants || grants.length === 0) {
    const subject = Object.keys(providers).length > 0 ? 'providers are configured but ' : ''
    const message = `${subject}no grants or temp_grants defined; all access will be denied`
    return [warning(['grants'], message, 'Add a grant; docs/configuration.md has one to copy')]
  }
  if (grants.some((grant) => grant.app[CAPABILITY].some(({ role }) => role === 'admin'))) return []
  const message =
    'no grant in grants or temp_grants assigns role:admin; nobody will be able to manage this instance'
  return [warning(['grants'], message, 'Add { "role": "admin" } to a grant')]
}

function checkSources(
  { src }: Grant,
  path: Path,
  groups: ReadonlySet<string>,
  logins: ReadonlySet<string>,
): Finding[] {
  return src.flatMap((source, index) => {
    const place = [...path, index]
    if (source === '*' || source === '(loopback)') return []
    if (source.startsWith('tag:')) {
      const message = `${quote(source)} matches nobody in this version`
      return [warning(place, message, 'Remove it for now')]
    }
    if (source.startsWith('group:')) {
      if (groups.has(source)) return []
      const message = `group ${quote(source)} is not defined and has no members`
      return [warning(place, message, 'Add it to "groups", or to a user’s "groups"')]
    }
    if (logins.has(source)) return []
    const message = `no user has the login ${quote(source)}`
    return [warning(place, message, `Run \`postern user add\`, or correct the login`)]
  })
}

function checkPatterns({ app }: Grant, path: Path, declared: Declared): Finding[] {
  return app[CAPABILITY].flatMap(({ models = [] }, entry) => {
    const many = typeof models === 'string' ? [models] : models
    return many.flatMap((pattern, index) => {
      const place = [...path, entry, 'models', ...(typeof models === 'string' ? [] : [index])]
      return checkPattern(pattern, place, declared)
    })
  })
}

function checkPattern(pattern: string, path: Path, { providers }: Declared): Finding[] {
  const [provider = '', ...model] = pattern.split('/')
  if (provider === '**') return []
  if (model.length === 0) {
    const message = `models pattern ${quote(pattern)} has no provider part, so it matches nothing`
    return [warning(path, message, `Write ${quote(`*/${pattern}`)} for any provider`)]
  }
  // With no providers in the file, their ids are not known before model servers are looked for.
  const source = provider
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.')
  const matches = new RegExp(`^${source}$`)
  if (providers.length === 0 || providers.some((id) => matches.test(id))) return []
  const message =
    `models pattern ${quote(pattern)} references provider ${quote(provider)} ` +
    'which does not match any declared provider'
  return [warning(path, message, 'Correct the name, or add the provider')]
}

const groupsOfUsers = (file: ConfigFile): string[] =>
  Object.values(file.users).flatMap(({ groups }) => groups)

function unusedGroups({ groups, grants = [] }: ConfigFile): Finding[] {
  const used = new Set(grants.flatMap(({ src }) => src))
  return Object.keys(groups)
    .filter((name) => !used.has(name))
    .map((name) =>
      warning(
        ['groups', name],
        `no grant names ${quote(name)}`,
        'Grant it something, or remove it',
      ),
    )
}

/** They can sign in, and are then refused everything. */
function usersWithoutGrant({ users, grants, groups }: ConfigFile): Finding[] {
  const owner = users.owner?.login ?? 'owner'
  const sources = new Set(grants ? grants.flatMap(({ src }) => src) : [owner])
  if (sources.size === 0 || sources.has('*') || (!grants && !users.owner)) return []
  const members = new Set(
    Object.keys(groups).flatMap((name) => (sources.has(name) ? (groups[name] ?? []) : [])),
  )
  return Object.entries(users).flatMap(([name, user]) => {
    const login = user.login ?? name.toLowerCase()
    if (members.has(login) || [login, ...user.groups].some((it) => sources.has(it))) return []
    const message = `no grant covers the login ${quote(login)}`
    const remedy = 'Add it to the "src" of a grant, or to a group that has one'
    return [warning(['users', name], message, remedy)]
  })
}
