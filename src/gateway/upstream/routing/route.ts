import type {
  Candidate,
  Dialect,
  NoRoute,
  Provider,
  RouteResult,
} from '../../../platform/upstream.ts'
import { hasTags, spellingsOf } from '../../dialect/model-tags.ts'

/**
 * Finds who can serve a model, best first: by preference, then in the order of the file. `model` is an upstream id
 * or `provider/id`; ids may hold slashes themselves. An id that some provider lists is read as that id, so that what
 * `/v1/models` shows always leads to who showed it; only then is a prefix read as a provider.
 * @param bareOnly a path names the model: there a prefix is part of an id, or nobody's
 */
export function route(
  providers: readonly Provider[],
  model: string,
  dialect: Dialect,
  bareOnly = false,
): RouteResult {
  const { bare, qualified } = indexOf(providers)
  const found = [bare.get(model) ?? [], bareOnly ? [] : (qualified.get(model) ?? [])]
  for (const named of found) {
    const [first, ...rest] = named.filter(
      ({ provider }) => !provider.disabled && provider.dialects.has(dialect),
    )
    if (first) return { candidates: [first, ...rest] }
  }
  return { candidates: [], none: why(found.flat()) }
}

function why(named: readonly Candidate[]): NoRoute {
  const no = (cause: NoRoute['cause'], inTheWay: readonly Candidate[]): NoRoute => ({
    cause,
    providers: inTheWay.map(({ provider }) => provider.id),
    inTheWay,
  })
  const enabled = named.filter(({ provider }) => !provider.disabled)
  if (enabled.length > 0) return no('dialect_not_spoken', enabled)
  return no(named.length > 0 ? 'disabled' : 'not_listed', named)
}

interface Index {
  readonly bare: ReadonlyMap<string, readonly Candidate[]>
  readonly qualified: ReadonlyMap<string, readonly Candidate[]>
}

/** The registry hands out the same array until something changes, so each list is indexed once. */
const indexes = new WeakMap<readonly Provider[], Index>()

function indexOf(providers: readonly Provider[]): Index {
  let index = indexes.get(providers)
  if (!index) {
    index = build(providers)
    indexes.set(providers, index)
  }
  return index
}

function build(providers: readonly Provider[]): Index {
  const bare = new Map<string, Candidate[]>()
  const qualified = new Map<string, Candidate[]>()
  for (const provider of providers.toSorted((a, b) => b.preference - a.preference)) {
    for (const [name, model] of namesOf(provider)) {
      const candidate = { provider, model }
      const peers = bare.get(name)
      if (peers) peers.push(candidate)
      else bare.set(name, [candidate])
      // `a/b` + `c` and `a` + `b/c` are both written `a/b/c`: the longer provider id is meant.
      const whole = `${provider.id}/${name}`
      const rival = qualified.get(whole)?.[0]
      if (!rival || rival.provider.id.length < provider.id.length) qualified.set(whole, [candidate])
    }
  }
  return { bare, qualified }
}

/** What each model of a provider may be called there, and its id. A name that is listed itself means nothing else. */
function namesOf(provider: Provider): ReadonlyMap<string, string> {
  const listed = new Map(provider.models.map((model) => [model, model]))
  if (!hasTags(provider)) return listed
  const names = new Map(listed)
  for (const model of listed.keys()) {
    for (const name of spellingsOf(model)) if (!names.has(name)) names.set(name, model)
  }
  return names
}
