import type { GrantConfig, GrantEntry } from '../../config/config.ts'
import { compileGlobs } from '../../config/values/glob.ts'
import { spellingsOf } from '../dialect/model-tags.ts'
import { ANY_MODEL, type Permissions } from '../http/env.ts'

type Granted = Pick<GrantConfig, 'entries' | 'capabilities'>

/** Does this provider read a name without a tag as `:latest`, as Ollama does? */
export type HasTags = (provider: string) => boolean

const never: HasTags = () => false

/** Every `provider/model` that means this model. */
export const namesOf = (provider: string, model: string, hasTags: HasTags): readonly string[] =>
  hasTags(provider)
    ? spellingsOf(model).map((name) => `${provider}/${name}`)
    : [`${provider}/${model}`]

/** The union of grants. Without a role, nothing. */
export function merge(grants: readonly Granted[], hasTags: HasTags = never): Permissions {
  const entries = grants.flatMap((grant) => grant.entries)
  const roles = new Set(entries.map((entry) => entry.role))
  const role = roles.has('admin') ? 'admin' : roles.has('user') ? 'user' : undefined
  if (!role) return nobody
  const matches = compileGlobs(entries.flatMap((entry) => entry.models ?? []))
  const headers = new Set(entries.flatMap((entry) => entry.filterableHeaders ?? []))
  const resources = new Set(entries.flatMap((entry) => entry.providerResources ?? []))
  return {
    role,
    readMetrics: entries.some(({ readMetrics }) => readMetrics),
    readPricing: entries.some(({ readPricing }) => readPricing),
    filters: (header) => headers.has('*') || headers.has(header.toLowerCase()),
    capabilities: mergeCapabilities(grants),
    allows: (provider, model) => namesOf(provider, model, hasTags).some(matches),
    allowsResource: (provider, family) => resources.has(`${provider}/${family}`),
    entriesFor: covering(entries, hasTags),
  }
}

/** Compiled where something hangs on it: most entries give a role or models and say nothing else. */
function covering(entries: readonly GrantEntry[], hasTags: HasTags): Permissions['entriesFor'] {
  const compiled = entries.map((entry) => ({
    entry,
    matches: entry.models ? compileGlobs(entry.models) : () => true,
    matchesProvider: entry.models ? compileGlobs(entry.models.map(providerPart)) : () => true,
  }))
  return (provider, model = '') => {
    if (provider === undefined) return entries
    if (model === ANY_MODEL) {
      return compiled
        .filter(({ matchesProvider }) => matchesProvider(provider))
        .map(({ entry }) => entry)
    }
    const names = namesOf(provider, model, hasTags)
    return compiled.filter(({ matches }) => names.some(matches)).map(({ entry }) => entry)
  }
}

/** Of a `provider/model` glob. */
const providerPart = (glob: string): string => glob.split('/', 1)[0] ?? ''

function mergeCapabilities(grants: readonly Granted[]): Permissions['capabilities'] {
  const merged = new Map<string, readonly unknown[]>()
  for (const { capabilities = new Map<string, readonly unknown[]>() } of grants) {
    for (const [name, values] of capabilities) {
      merged.set(name, [...(merged.get(name) ?? []), ...values])
    }
  }
  return merged
}

/**
 * What both may: Open WebUI speaks for a person, and neither lends the other anything. What is done to requests
 * (headers, and whatever guards them) is done for both.
 */
export function intersect(person: Permissions, speaker: Permissions): Permissions {
  if (!person.role || !speaker.role) return nobody
  return {
    role: person.role === 'admin' && speaker.role === 'admin' ? 'admin' : 'user',
    readMetrics: person.readMetrics && speaker.readMetrics,
    readPricing: person.readPricing && speaker.readPricing,
    filters: (header) => person.filters(header) && speaker.filters(header),
    capabilities: person.capabilities,
    allows: (provider, model) => person.allows(provider, model) && speaker.allows(provider, model),
    allowsResource: (provider, family) =>
      person.allowsResource(provider, family) && speaker.allowsResource(provider, family),
    entriesFor: (provider, model) => [
      ...person.entriesFor(provider, model),
      ...speaker.entriesFor(provider, model),
    ],
  }
}

const nobody: Permissions = {
  readMetrics: false,
  readPricing: false,
  filters: () => false,
  capabilities: new Map(),
  allows: () => false,
  allowsResource: () => false,
  entriesFor: () => [],
}
