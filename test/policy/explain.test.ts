import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { GrantConfig, GrantEntry } from '../../src/config/config.ts'
import { type Explanation, explain, type Known } from '../../src/gateway/policy/explain.ts'
import { compileGrants } from '../../src/gateway/policy/grants.ts'
import type { Place, Subject } from '../../src/gateway/policy/sources.ts'
import { route } from '../../src/gateway/upstream/routing/route.ts'
import type { Door } from '../../src/platform/caller.ts'
import { provider } from '../upstream/provider.ts'

const providers = [
  provider('gpu', ['qwen3-8b', 'Qwen/Qwen3.6-35B']),
  provider('spare', ['qwen3-8b']),
  { ...provider('old', ['gone']), disabled: true },
  { ...provider('mute', ['quiet']), dialects: new Set<never>() },
]
const groups = new Map([['group:family', ['alice@example.com', 'bob']]])

const grant = (src: string | string[], ...entries: GrantEntry[]): GrantConfig => ({
  src: typeof src === 'string' ? [src] : src,
  entries,
})
const user = { role: 'user' } as const
const all = { models: ['**'] }
const at = (door: Door): Place => ({ door, loopback: door === 'local' })
const alice: Subject = { login: 'alice@example.com', groups: [] }
const node = (...tags: string[]): Subject => ({ login: tags.join(','), groups: [], tags })

const known = (grants: readonly GrantConfig[], model: string): Known => ({
  grants,
  groups,
  route: route(providers, model, 'openai_chat'),
  models: providers.flatMap(({ id, models }) => models.map((name) => `${id}/${name}`)),
})
const ask = (
  grants: readonly GrantConfig[],
  { who = alice, model = 'qwen3-8b', door = 'public' as Door } = {},
): Explanation => explain({ who, place: at(door), model }, known(grants, model))

/** `code grant: text` of each reason. */
const why = (...args: Parameters<typeof ask>): string[] =>
  ask(...args).reasons.map(
    ({ code, grant, text }) => `${code}${grant === undefined ? '' : ` ${grant}`}: ${text}`,
  )

describe('a yes', () => {
  it('names the grant, the entry, who of its sources it is, and the pattern, for each provider', () => {
    const answer = ask([
      grant('owner', { role: 'admin' }, all),
      grant(['bob', 'group:family'], user, { models: ['x/*', 'gpu/*'] }),
      grant('*', { models: ['spare/**'] }),
    ])
    expect(answer).toEqual({
      allowed: true,
      role: { name: 'user', grant: 1, entry: 0, source: 'group:family' },
      routes: [
        {
          provider: 'gpu',
          model: 'qwen3-8b',
          grant: 1,
          entry: 1,
          source: 'group:family',
          pattern: 'gpu/*',
        },
        {
          provider: 'spare',
          model: 'qwen3-8b',
          grant: 2,
          entry: 0,
          source: '*',
          pattern: 'spare/**',
        },
      ],
      reasons: [],
    })
  })

  it('names the grant that makes an admin, were it after one that makes a user', () => {
    expect(ask([grant('*', user, all), grant('*', { role: 'admin' })]).role).toMatchObject({
      name: 'admin',
      grant: 1,
    })
  })
})

describe('a no says what is missing', () => {
  it('a grant at all', () => {
    expect(why([])).toEqual([
      'not_named: no grant names them at this door: add them to the "src" of one',
    ])
  })

  it('a role, though models match', () => {
    expect(why([grant('*', all)])).toEqual([
      'no_role: a grant gives them the model, but no grant gives them a role',
    ])
  })

  it('the model, though there is a role', () => {
    expect(why([grant('*', user, { models: ['other/**'] })])).toEqual([
      'no_models: no grant that names them covers this model',
    ])
  })

  it('both', () => {
    expect(why([grant('*', { readMetrics: true })])).toEqual([
      'no_role: no grant gives them a role',
      'no_models: no grant that names them covers this model',
    ])
  })

  it.each([
    ['qwen3-9b', 'not_listed: no provider lists "qwen3-9b"; did you mean "qwen3-8b"?'],
    ['gup/qwen3-8b', 'not_listed: no provider lists "gup/qwen3-8b"; did you mean "gpu/qwen3-8b"?'],
    ['nothing-like-it', 'not_listed: no provider lists "nothing-like-it"'],
    ['gone', 'disabled: its provider is disabled: "old"'],
    ['quiet', 'dialect_not_spoken: its provider understands no request: "mute"'],
  ])('a provider for %s', (model, reason) => {
    expect(why([grant('*', user, all)], { model })).toEqual([reason])
  })

  it('a provider and a grant, both', () => {
    expect(why([grant('*', user)], { model: 'gone' })).toEqual([
      'disabled: its provider is disabled: "old"',
      'no_models: no grant that names them covers this model',
    ])
  })
})

describe('a no says what nearly fits', () => {
  const misses = (...args: Parameters<typeof ask>) =>
    why(...args).filter((line) => !/^(not_named|no_role|no_models):/.test(line))

  it.each([
    [
      'alcie@example.com',
      'login_differs 0: "alcie@example.com" in "src" is not "alice@example.com", but nearly',
    ],
    [
      'alice@example.org',
      'login_differs 0: "alice@example.org" in "src" is not "alice@example.com", but nearly',
    ],
    ['alice', 'login_differs 0: "alice" in "src" is not "alice@example.com", but nearly'],
  ])('the login %s', (src, reason) => {
    expect(misses([grant(src, user, all)])).toEqual([reason])
  })

  it('a login within a group', () => {
    const who = { login: 'alise@example.com', groups: [] }
    expect(misses([grant('group:family', user, all)], { who })).toEqual([
      'login_differs 0: "alice@example.com" in "group:family" is not "alise@example.com", but nearly',
    ])
  })

  it('but nobody else', () => {
    expect(misses([grant(['zoe@elsewhere.net', 'group:none', 'tag:ci'], user, all)])).toEqual([])
  })

  it('another door', () => {
    const tailnet = { ...grant('*', user, all), via: ['tailnet', 'local'] as const }
    expect(misses([tailnet])).toEqual([
      'other_door 0: it names them by the tailnet or local door only',
    ])
    expect(misses([{ ...tailnet, src: ['zoe@elsewhere.net'] }])).toEqual([])
  })

  it('everyone, for a user of another tailnet and for a program without a credential', () => {
    const who = { ...alice, shared: true }
    expect(misses([grant('*', user, all)], { who })).toEqual([
      'shared_in 0: "*" does not mean users of other tailnets: name their full login, or add "shared": true',
    ])
    const nameless = { login: '(loopback)', groups: [] }
    expect(misses([grant('*', user, all)], { who: nameless, door: 'local' })).toEqual([
      'loopback_unnamed 0: "*" does not mean programs without a credential: name "(loopback)"',
    ])
  })

  it.each([
    [
      'tag:prod,tag:api',
      'tags_differ 0: "tag:prod,tag:api" joins their tags in another way: write "tag:api,tag:prod"',
    ],
    [
      'tag:api, prod',
      'tags_differ 0: "tag:api, prod" joins their tags in another way: write "tag:api,tag:prod"',
    ],
    [
      'tag:api',
      'tags_differ 0: "tag:api" means nodes with exactly these tags: write "tag:api,tag:prod"',
    ],
  ])('the tags %s', (src, reason) => {
    const who = node('tag:api', 'tag:prod')
    expect(misses([grant(src, user, all)], { who, door: 'tailnet' })).toEqual([reason])
    expect(misses([grant('tag:web', user, all)], { who, door: 'tailnet' })).toEqual([])
  })

  it.each([
    [
      'qwen3*',
      'qwen3-8b',
      'no_provider_part 0: the pattern "qwen3*" lacks the provider: write "gpu/qwen3*"',
    ],
    [
      'gpu/*',
      'Qwen/Qwen3.6-35B',
      'pattern_differs 0: the pattern "gpu/*" stops at the slash in "Qwen/Qwen3.6-35B": write "gpu/**"',
    ],
    [
      'gpu/Qwen3-8B',
      'qwen3-8b',
      'pattern_differs 0: the pattern "gpu/Qwen3-8B" differs from "gpu/qwen3-8b" in capital letters',
    ],
    [
      'gp/*',
      'qwen3-8b',
      'pattern_differs 0: the pattern "gp/*" names another provider: did you mean "gpu/*"?',
    ],
    [
      'gpu/qwen3-8',
      'qwen3-8b',
      'pattern_differs 0: the pattern "gpu/qwen3-8" is nearly "gpu/qwen3-8b"',
    ],
  ])('the pattern %s for %s', (pattern, model, reason) => {
    expect(misses([grant('*', user, { models: [pattern] })], { model })).toEqual([reason])
  })

  it('leaves out grants that would not help', () => {
    const grants = [grant('*', user), grant('alcie@example.com', { models: ['other/**'] })]
    expect(misses(grants)).toEqual([])
  })
})

describe('the answer', () => {
  const source = fc.constantFrom(
    '*',
    'alice@example.com',
    'alcie@example.com',
    'group:family',
    'tag:api,tag:prod',
    'tag:prod',
    '(loopback)',
    '(owner)',
  )
  const entry: fc.Arbitrary<GrantEntry> = fc.record(
    {
      role: fc.constantFrom('user' as const, 'admin' as const),
      models: fc.array(fc.constantFrom('**', 'gpu/*', 'qwen*', 'spare/**', 'old/gone'), {
        maxLength: 2,
      }),
    },
    { requiredKeys: [] },
  )
  const anyGrant: fc.Arbitrary<GrantConfig> = fc.record(
    {
      src: fc.array(source, { minLength: 1, maxLength: 2 }),
      via: fc.subarray(['public', 'tailnet', 'local'] as const, { minLength: 1 }),
      shared: fc.boolean(),
      entries: fc.array(entry, { maxLength: 3 }),
    },
    { requiredKeys: ['src', 'entries'] },
  )
  const anyone = fc.constantFrom<Subject>(
    alice,
    { ...alice, shared: true },
    { login: 'boss', groups: [], ownsGateway: true },
    { login: '(loopback)', groups: [] },
    node('tag:api', 'tag:prod'),
  )
  const anyModel = fc.constantFrom('qwen3-8b', 'gpu/qwen3-8b', 'Qwen/Qwen3.6-35B', 'gone', 'none')
  const anyDoor = fc.constantFrom<Door>('public', 'tailnet', 'local')

  it('is what the gateway does, and a no has a reason', () => {
    fc.assert(
      fc.property(
        fc.array(anyGrant, { maxLength: 4 }),
        anyone,
        anyModel,
        anyDoor,
        (grants, who, model, door) => {
          const policy = compileGrants({ grants, groups, log: () => {} })
          const { role, allows } = policy.forCaller(who, at(door))
          const { candidates } = route(providers, model, 'openai_chat')
          const served = candidates.filter(({ provider: { id }, model: it }) => allows(id, it))
          const answer = ask(grants, { who, model, door })
          expect(answer.allowed).toBe(role !== undefined && served.length > 0)
          expect(answer.role?.name).toBe(role)
          if (answer.allowed)
            expect(answer.routes.map((it) => it.provider)).toEqual(
              served.map((it) => it.provider.id),
            )
          expect(answer.reasons.length > 0).toBe(!answer.allowed)
        },
      ),
      { numRuns: 2000 },
    )
  })
})
