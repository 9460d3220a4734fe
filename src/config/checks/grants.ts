import { error, type Finding, type Path, quote, warning } from '../problem.ts'
import { CAPABILITY, type GrantEntryFile, WITHOUT_EFFECT } from '../schema/grants.ts'
import type { ConfigFile } from '../schema.ts'
import { nearest } from '../values/nearest.ts'
import type { Declared } from './check.ts'

type Grant = NonNullable<ConfigFile['grants']>[number]

export function checkGrants(file: ConfigFile, declared: Declared): Finding[] {
  const groups = new Set([...declared.groups, ...groupsOfUsers(file)])
  const known = {
    logins: declared.logins,
    groups,
    tailnet: knowsTailnet(file),
    issuers: declared.issuers,
    groupsOfIssuers: file.issuers.some(({ groups_claim }) => groups_claim !== undefined),
  }
  return [
    ...checkWhole(file, declared),
    ...LISTS.flatMap((list) =>
      (file[list] ?? []).flatMap((grant, index) => [
        ...checkSources(grant, [list, index, 'src'], known),
        ...checkApp(grant, [list, index], file, declared),
        ...everyoneAdmin(grant, [list, index, 'src'], file),
      ]),
    ),
    ...unusedGroups(file),
    ...usersWithoutGrant(file),
  ]
}

const LISTS = ['grants', 'temp_grants'] as const

/** Of both names; undefined when there is neither. */
const allGrants = ({ grants, temp_grants }: ConfigFile): readonly Grant[] | undefined =>
  grants || temp_grants ? [...(grants ?? []), ...(temp_grants ?? [])] : undefined

function checkApp(grant: Grant, path: Path, file: ConfigFile, declared: Declared): Finding[] {
  const place = [...path, 'app', CAPABILITY]
  const findings = grant.app[CAPABILITY].flatMap((entry, index) => [
    ...checkPatterns(entry, [...place, index], declared),
    ...checkResources(entry, [...place, index], declared),
    ...checkKeys(entry, [...place, index], declared),
    ...checkCors(entry, [...place, index], file),
  ])
  if (grant.ip !== undefined) findings.push(noEffect([...path, 'ip']))
  return [...findings, ...Object.keys(grant.app).flatMap((name) => checkName(name, path))]
}

/** `*` is everyone who has an account, a key or a device of the tailnet: one stolen password is then the whole gateway. */
function everyoneAdmin({ src, app }: Grant, path: Path, { mode }: ConfigFile): Finding[] {
  const at = src.indexOf('*')
  if (at === -1 || !app[CAPABILITY].some(({ role }) => role === 'admin')) return []
  const message = 'makes everyone an admin, who may read and change all of this'
  const remedy =
    'Name the logins of the admins, or "(owner)"; a second grant to "*" can have "role": "user"'
  const problem = mode === 'funnel' || mode === 'both' ? error : warning
  return [problem([...path, at], message, remedy)]
}

/** Any name is somebody's; one that is nearly ours is a slip that would grant nothing. */
function checkName(name: string, path: Path): Finding[] {
  if (name === CAPABILITY || nearest(name, [CAPABILITY]) === undefined) return []
  const message = `${quote(name)} is not a capability that Postern reads`
  return [warning([...path, 'app', name], message, `Did you mean ${quote(CAPABILITY)}?`)]
}

const checkKeys = (entry: GrantEntryFile, path: Path, declared: Declared): Finding[] =>
  Object.entries(entry)
    .filter(([key]) => WITHOUT_EFFECT.includes(key))
    .map(([key, value]) => unknownServer(key, value, path, declared) ?? noEffect([...path, key]))

/** `server/item` of the deprecated keys, in Aperture's sentence. */
function unknownServer(
  key: string,
  pattern: unknown,
  path: Path,
  { toolServers }: Declared,
): Finding | undefined {
  if (!key.startsWith('mcp_') || typeof pattern !== 'string') return undefined
  const [server = ''] = pattern.split('/')
  if (server.includes('*') || toolServers.includes(server)) return undefined
  const message = `${key} pattern ${quote(pattern)} references server ${quote(server)} which does not match any declared MCP server`
  return warning([...path, key], message, `Remove it: ${key} has no effect in this version`)
}

const noEffect = (path: Path): Finding =>
  warning(path, `${path.at(-1)} has no effect in this version`, 'Nothing else has to change')

function checkCors(entry: GrantEntryFile, path: Path, { mode }: ConfigFile): Finding[] {
  const origins = entry['Access-Control-Allow-Origin']
  if (entry.set_cors && !origins) {
    const message = 'no origin is named, so no page may use the API'
    return [warning([...path, 'set_cors'], message, 'Add "Access-Control-Allow-Origin"')]
  }
  const place = [...path, 'Access-Control-Allow-Origin']
  if (origins && !entry.set_cors) {
    return [warning(place, 'has no effect without "set_cors"', 'Add "set_cors": true')]
  }
  if (!origins?.includes('*') || (mode !== 'serve' && mode !== 'both')) return []
  const message = 'any web page that somebody on your tailnet opens can use models in their name'
  return [warning(place, message, 'Name the origins of your own pages')]
}

/** Somebody may come whom `users` does not know. */
const knowsTailnet = ({ mode, listeners }: ConfigFile): boolean =>
  mode !== 'local' || listeners.some(({ identity }) => identity !== 'none')

/** Sentences as Aperture writes them. */
function checkWhole(file: ConfigFile, declared: Declared): Finding[] {
  const { providers } = file
  const grants = allGrants(file)
  const byDefault = declared.users.includes('owner') || knowsTailnet(file)
  if ((grants === undefined && byDefault) || !declared.grantsWhole) return []
  if (nobodyCanCome(file, declared)) {
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

const nobodyCanCome = (file: ConfigFile, declared: Declared): boolean =>
  declared.users.length === 0 &&
  !declared.issuers &&
  !knowsTailnet(file) &&
  !allGrants(file)?.some(({ src }) => src.includes('(loopback)'))

interface Known {
  readonly logins: ReadonlySet<string>
  readonly groups: ReadonlySet<string>
  readonly tailnet: boolean
  /** Somebody else's tokens name logins, and groups. */
  readonly issuers: boolean
  readonly groupsOfIssuers: boolean
}

const checkSources = ({ src }: Grant, path: Path, known: Known): Finding[] =>
  src.flatMap((source, index) => checkSource(source, [...path, index], known))

function checkSource(source: string, place: Path, known: Known): Finding[] {
  if (source === '*' || source === '(loopback)' || source === '(owner)') return []
  if (source.startsWith('tag:')) {
    return known.tailnet ? checkTags(source, place) : [matchesNobody(source, place)]
  }
  if (source.startsWith('group:')) {
    if (known.groups.has(source) || known.groupsOfIssuers) return []
    const message = `group ${quote(source)} is not defined and has no members`
    return [warning(place, message, 'Add it to "groups", or to a user’s "groups"')]
  }
  if (known.tailnet || known.issuers || known.logins.has(source)) return []
  const message = `no user has the login ${quote(source)}`
  return [warning(place, message, `Run \`postern user add\`, or correct the login`)]
}

function matchesNobody(source: string, place: Path): Finding {
  const message = `${quote(source)} matches nobody while "mode" is "local"`
  return warning(place, message, 'Set "mode", with `postern expose serve` for example')
}

/** A node's tags are compared as a whole: sorted, with commas and nothing else between them. */
function checkTags(source: string, place: Path): Finding[] {
  const tags = source.split(',').map((tag) => (tag.startsWith('tag:') ? tag : `tag:${tag}`))
  const joined = [...new Set(tags)].sort().join(',')
  if (source === joined) return []
  const message = `${quote(source)} matches nobody: the tags of a node are compared sorted`
  return [warning(place, message, `Write ${quote(joined)}`)]
}

function checkPatterns({ models = [] }: GrantEntryFile, path: Path, declared: Declared): Finding[] {
  const many = typeof models === 'string' ? [models] : models
  return many.flatMap((pattern, index) => {
    const place = [...path, 'models', ...(typeof models === 'string' ? [] : [index])]
    return checkPattern(pattern, place, declared)
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

const checkResources = (
  { provider_resources = [] }: GrantEntryFile,
  path: Path,
  { providers }: Declared,
): Finding[] =>
  provider_resources.flatMap((text, index) => {
    const provider = text.slice(0, text.indexOf('/'))
    if (providers.length === 0 || providers.includes(provider)) return []
    const place = [...path, 'provider_resources', index]
    const message = `${quote(text)} names provider ${quote(provider)}, which is not declared`
    return [warning(place, message, 'Correct the name, or add the provider')]
  })

const groupsOfUsers = (file: ConfigFile): string[] =>
  Object.values(file.users).flatMap(({ groups }) => groups)

function unusedGroups(file: ConfigFile): Finding[] {
  const used = new Set(allGrants(file)?.flatMap(({ src }) => src))
  return Object.keys(file.groups)
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
function usersWithoutGrant(file: ConfigFile): Finding[] {
  const { users, groups } = file
  const grants = allGrants(file)
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
