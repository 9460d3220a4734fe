import type { GrantConfig } from '../../config/config.ts'
import { compileGlobs } from '../../config/values/glob.ts'
import type { Candidate, RouteResult } from '../../platform/upstream.ts'
import { hasTags } from '../dialect/model-tags.ts'
import { missesOfName } from './misses/name.ts'
import { missesOfPattern } from './misses/pattern.ts'
import { listingReasons } from './misses/route.ts'
import { namesOf } from './permissions.ts'
import { type Groups, holdsAt, type Place, type Subject, sourceNaming } from './sources.ts'

/** May they, at this door? */
export interface Question {
  readonly who: Subject
  readonly place: Place
  /** As a client would write it. */
  readonly model: string
}

/** What the answer is made of. */
export interface Known {
  readonly grants: readonly GrantConfig[]
  readonly groups: Groups
  /** Where the model leads, whatever the dialect. */
  readonly route: RouteResult
  /** Every `provider/model` there is, for slips of the pen. */
  readonly models: readonly string[]
}

export interface Explanation {
  readonly allowed: boolean
  /** The highest, and the first grant that gives it. */
  readonly role?: { readonly name: 'user' | 'admin' } & Grounds
  /** Providers that may be asked, best first. */
  readonly routes: readonly Route[]
  /** Empty when allowed; else everything that stands in the way, and what nearly fits. */
  readonly reasons: readonly Reason[]
}

/** Where a yes comes from. */
export interface Grounds {
  /** Index of the grant. */
  readonly grant: number
  /** Of the entry in it. */
  readonly entry: number
  /** Item of `src` that names the caller. */
  readonly source: string
}

export interface Route extends Grounds {
  readonly provider: string
  readonly model: string
  readonly pattern: string
}

export interface Reason {
  readonly code: ReasonCode
  /** A sentence without a period. */
  readonly text: string
  /** Index of the grant that nearly fits. */
  readonly grant?: number
}

export type ReasonCode =
  | 'not_listed'
  | 'disabled'
  | 'dialect_not_spoken'
  | 'not_named'
  | 'no_role'
  | 'no_models'
  | 'other_door'
  | 'shared_in'
  | 'loopback_unnamed'
  | 'tags_differ'
  | 'login_differs'
  | 'no_provider_part'
  | 'pattern_differs'

/** A grant that names the caller at this door, by which source. */
interface Named {
  readonly index: number
  readonly grant: GrantConfig
  readonly source: string
}

/** Which grants allow it, or every reason why not: the nearest misses included. */
export function explain(question: Question, known: Known): Explanation {
  const named = known.grants.flatMap((grant, index): Named[] => {
    if (!holdsAt(grant, question.place.door)) return []
    const source = sourceNaming(grant, question.who, question.place, known.groups)
    return source === undefined ? [] : [{ index, grant, source }]
  })
  const role = roleOf(named)
  const routes = known.route.candidates.flatMap((candidate) => routeBy(named, candidate))
  const allowed = role !== undefined && routes.length > 0
  return {
    allowed,
    ...(role && { role }),
    routes,
    reasons: allowed ? [] : reasonsOf(question, known, { named, role, routes }),
  }
}

function roleOf(named: readonly Named[]): Explanation['role'] {
  const given = named.flatMap(({ index, grant, source }) =>
    grant.entries.flatMap(({ role: name }, entry) =>
      name ? [{ name, grant: index, entry, source }] : [],
    ),
  )
  return given.find(({ name }) => name === 'admin') ?? given[0]
}

/** The first pattern that lets the caller have it from this provider. */
function routeBy(named: readonly Named[], { provider, model }: Candidate): Route[] {
  const names = namesOf(provider.id, model, () => hasTags(provider))
  for (const { index, grant, source } of named) {
    for (const [entry, { models = [] }] of grant.entries.entries()) {
      const pattern = models.find((glob) => names.some(compileGlobs([glob])))
      if (pattern === undefined) continue
      return [{ provider: provider.id, model, grant: index, entry, source, pattern }]
    }
  }
  return []
}

interface Found {
  readonly named: readonly Named[]
  readonly role: Explanation['role']
  readonly routes: readonly Route[]
}

function reasonsOf(question: Question, known: Known, { named, role, routes }: Found): Reason[] {
  const { none } = known.route
  const targets = none ? none.inTheWay : known.route.candidates
  const covered = none !== undefined && targets.some((target) => routeBy(named, target).length > 0)
  const lacksModel = routes.length === 0 && !covered
  const names = targets.map(({ provider, model }) => `${provider.id}/${model}`)
  const misses = [
    ...(lacksModel ? patternMisses(named, names) : []),
    ...nameMisses(question, known, named, (grant) =>
      helps(grant, names, { role: !role, model: lacksModel }),
    ),
  ]
  return [
    ...(none ? listingReasons(question.model, none, known.models) : []),
    ...lacks({ named, role, routes }, lacksModel && names.length > 0, misses),
    ...misses,
  ]
}

/** What is missing, in one sentence each. */
function lacks(
  { named, role, routes }: Found,
  lacksModel: boolean,
  misses: readonly Reason[],
): Reason[] {
  if (named.length === 0) {
    const hint = misses.length > 0 ? '' : ': add them to the "src" of one'
    return [{ code: 'not_named', text: `no grant names them at this door${hint}` }]
  }
  const reasons: Reason[] = []
  if (!role) {
    const but = routes.length > 0 ? 'a grant gives them the model, but ' : ''
    reasons.push({ code: 'no_role', text: `${but}no grant gives them a role` })
  }
  if (lacksModel) {
    reasons.push({ code: 'no_models', text: 'no grant that names them covers this model' })
  }
  return reasons
}

const patternMisses = (named: readonly Named[], names: readonly string[]): Reason[] =>
  named.flatMap(({ index, grant }) =>
    grant.entries
      .flatMap(({ models = [] }) => models)
      .flatMap((pattern) => missesOfPattern(pattern, names))
      .map((reason) => ({ ...reason, grant: index })),
  )

/** Would it give something that is missing, were the caller one of those it names? */
const helps = (
  { entries }: GrantConfig,
  names: readonly string[],
  missing: { readonly role: boolean; readonly model: boolean },
): boolean =>
  entries.some(({ role, models = [] }) => {
    if (missing.role && role) return true
    return missing.model && (names.length === 0 || names.some(compileGlobs(models)))
  })

function nameMisses(
  question: Question,
  known: Known,
  named: readonly Named[],
  wanted: (grant: GrantConfig) => boolean,
): Reason[] {
  return known.grants.flatMap((grant, index) => {
    if (named.some((it) => it.index === index) || !wanted(grant)) return []
    return missesOfName(grant, question, known).map((reason) => ({ ...reason, grant: index }))
  })
}
