import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { GrantConfig, GrantEntry } from '../../src/config/config.ts'
import { compileGrants, type Grantee, type Policy } from '../../src/gateway/policy/grants.ts'
import type { Place } from '../../src/gateway/policy/sources.ts'
import type { LogFields } from '../../src/platform/platform.ts'

const grant = (
  src: string | readonly string[],
  ...entries: readonly GrantEntry[]
): GrantConfig => ({ src: typeof src === 'string' ? [src] : src, entries })

const groups = new Map([
  ['group:family', ['alice@example.com', 'bob', 'guest@elsewhere.com']],
  ['group:empty', []],
])

const logged: LogFields[] = []
const policyOf = (...grants: readonly GrantConfig[]) =>
  compileGrants({ grants, groups, log: (_level, evt, fields) => logged.push({ evt, ...fields }) })

interface Who extends Grantee {
  readonly at: Place
}
const away: Place = { door: 'public', loopback: false }
const here: Place = { door: 'local', loopback: true }
const person = (login: string, more: Partial<Who> = {}): Who => ({
  login,
  groups: [],
  at: away,
  ...more,
})
const node = (...tags: string[]): Who =>
  person(tags.join(','), { tags, at: { door: 'tailnet', loopback: false } })

const ana = person('ana@example.com')
const alice = person('alice@example.com')
const bob = person('bob', { groups: ['group:ops'] })
const local = person('carl', { at: here })
const nameless = person('(loopback)', { at: here })
const sneaky = person('group:family')
const guest = person('guest@elsewhere.com', { shared: true })
const stranger = person('stranger@elsewhere.com', { shared: true })
const boss = person('boss@example.com', { ownsGateway: true })
const ci = node('tag:ci')
const server = node('tag:api', 'tag:prod')
const everyone = [
  ana,
  alice,
  bob,
  local,
  nameless,
  sneaky,
  guest,
  stranger,
  boss,
  ci,
  server,
] as const

const permissionsOf = (policy: Policy, { at, ...who }: Who) => policy.forCaller(who, at)
const roleOf = (policy: Policy, who: Who) => permissionsOf(policy, who).role

const user = { role: 'user' } as const
const admin = { role: 'admin' } as const
const all = { models: ['**'] }

describe('who a grant names', () => {
  test('is not a caller at all where its list is empty', () => {
    const policy = policyOf(grant([], admin, all))
    expect(everyone.map((who) => roleOf(policy, who))).toEqual(everyone.map(() => undefined))
  })

  test.each<[src: string, named: readonly Who[]]>([
    ['*', [ana, alice, bob, local, sneaky, boss, ci, server]],
    ['ana@example.com', [ana]],
    ['Ana@Example.com', [ana]],
    ['ana@example.co', []],
    ['ana@example.com.evil', []],
    ['ana', []],
    ['example.com', []],
    ['*@example.com', []],
    ['guest@elsewhere.com', [guest]],
    ['group:family', [alice, bob, guest]],
    ['group:Family', []],
    ['family', []],
    ['group:ops', [bob]],
    ['group:empty', []],
    ['group:unknown', []],
    ['tag:ci', [ci]],
    ['tag:api,tag:prod', [server]],
    ['tag:prod,tag:api', []],
    ['tag:api', []],
    ['tag:*', []],
    ['(owner)', [boss]],
    ['(loopback)', [local, nameless]],
    ['loopback', []],
    ['', []],
  ])('%s', (src, named) => {
    const policy = policyOf(grant(src, user))
    expect(everyone.filter((who) => roleOf(policy, who) !== undefined)).toEqual(named)
  })

  test('any of several sources is enough', () => {
    const policy = policyOf(grant(['ana@example.com', 'group:family'], user))
    expect([ana, alice, local].map((who) => roleOf(policy, who))).toEqual([
      'user',
      'user',
      undefined,
    ])
  })

  test('a login that spells something else does not become it', () => {
    const policy = policyOf(
      grant(['group:family', '(loopback)', '(owner)', 'tag:ci'], admin),
      grant('bob', user),
    )
    for (const login of ['group:family', '(loopback)', '(owner)', 'tag:ci', '*', '']) {
      expect(roleOf(policy, person(login))).toBeUndefined()
    }
  })

  test('tags that spell a login do not become it, nor a member of a group', () => {
    const policy = policyOf(grant(['bob', 'group:family'], admin))
    expect(roleOf(policy, node('bob'))).toBeUndefined()
    expect(roleOf(policy, { ...ci, groups: ['group:family'] })).toBeUndefined()
  })

  test('a group that spells a login does not become one', () => {
    const policy = policyOf(grant('ana@example.com', admin), grant('*', user))
    expect(roleOf(policy, person('eve', { groups: ['ana@example.com', '*'] }))).toBe('user')
  })

  test('everyone is also users of other tailnets once the grant says so', () => {
    expect(roleOf(policyOf({ ...grant('*', user), shared: true }), stranger)).toBe('user')
    expect(
      roleOf(policyOf({ ...grant('*', user), shared: true }, grant('*', admin)), stranger),
    ).toBe('user')
    // Who shows no credential is nobody, whatever the grant says of strangers.
    expect(roleOf(policyOf({ ...grant('*', user), shared: true }), nameless)).toBeUndefined()
  })

  test('a grant may hold at some doors only', () => {
    const policy = policyOf({ ...grant('*', user), via: ['tailnet', 'local'] })
    const at = (door: Place['door']) =>
      roleOf(policy, { ...ana, at: { door, loopback: door === 'local' } })
    expect([at('public'), at('tailnet'), at('local')]).toEqual([undefined, 'user', 'user'])
  })
})

describe('what the tailnet’s own policy grants', () => {
  const with_ = (...entries: unknown[]): Who => ({ ...ana, capabilities: { entries } })

  test('adds up with the configuration’s grants', () => {
    const policy = policyOf(grant('*', { models: ['b/*'] }))
    const permissions = permissionsOf(policy, with_({ role: 'user' }, { models: 'a/**' }))
    expect(permissions.role).toBe('user')
    expect(permissions.allows('a', 'm')).toBe(true)
    expect(permissions.allows('b', 'm')).toBe(true)
    expect(permissions.allows('c', 'm')).toBe(false)
    expect(roleOf(policy, ana)).toBeUndefined()
  })

  test.each<[unknown]>([
    [null],
    ['admin'],
    [7],
    [[]],
    [{ role: 'root', models: '**' }],
    [{ role: 'user', models: { '**': true } }],
    [{ role: 'user', models: '**', unknown: 1 }],
    [{ role: 'user', models: ['**', '!x'] }],
  ])('%j grants nothing, and nothing else is lost with it', (entry) => {
    const policy = policyOf()
    expect(roleOf(policy, with_(entry))).toBeUndefined()
    const permissions = permissionsOf(policy, with_(entry, { role: 'user', models: 'a/m' }))
    expect([permissions.allows('a', 'm'), permissions.allows('b', 'm')]).toEqual([true, false])
  })

  test('is told once where it cannot be read', () => {
    const policy = policyOf()
    logged.length = 0
    for (let i = 0; i < 3; i++) permissionsOf(policy, with_({ role: 'root' }, { modles: '**' }))
    expect(logged).toEqual([
      { evt: 'capability.unreadable', reason: expect.stringContaining('role') },
      { evt: 'capability.unreadable', reason: expect.stringContaining('modles') },
    ])
  })

  test('is not mixed up between two callers of the same login', () => {
    const policy = policyOf()
    expect(roleOf(policy, with_({ role: 'admin' }))).toBe('admin')
    expect(roleOf(policy, with_({ role: 'user' }))).toBe('user')
    expect(roleOf(policy, ana)).toBeUndefined()
  })
})

describe('Open WebUI, when it speaks for a person', () => {
  const webui = person('webui')
  const through = (other: Who): Who => ({ ...ana, through: other })

  test('may do what both may', () => {
    const policy = policyOf(
      grant('webui', user, { models: ['a/*', 'b/*'] }),
      grant('ana@example.com', admin, { models: ['b/*', 'c/*'] }),
    )
    const permissions = permissionsOf(policy, through(webui))
    expect(permissions.role).toBe('user')
    const allowed = ['a', 'b', 'c'].filter((provider) => permissions.allows(provider, 'm'))
    expect(allowed).toEqual(['b'])
    expect(permissionsOf(policy, ana).allows('c', 'm')).toBe(true)
  })

  test('lends nobody a role, and borrows none', () => {
    expect(roleOf(policyOf(grant('webui', admin, all)), through(webui))).toBeUndefined()
    expect(roleOf(policyOf(grant('ana@example.com', admin, all)), through(webui))).toBeUndefined()
  })
})

describe('what it gives', () => {
  test('no grant, no role, no model', () => {
    const nothing = permissionsOf(policyOf(), ana)
    expect(nothing.role).toBeUndefined()
    expect(nothing.allows('gpu', 'm')).toBe(false)
  })

  test('models without a role are nothing', () => {
    const permissions = permissionsOf(policyOf(grant('*', all)), ana)
    expect(permissions.role).toBeUndefined()
    expect(permissions.allows('gpu', 'm')).toBe(false)
  })

  test('a role without models allows none, an admin’s too', () => {
    const permissions = permissionsOf(policyOf(grant('*', admin)), ana)
    expect(permissions.role).toBe('admin')
    expect(permissions.allows('gpu', 'm')).toBe(false)
  })

  test('role and models may come from different entries and grants', () => {
    const policy = policyOf(
      grant('*', user),
      grant('ana@example.com', { models: ['gpu/**'] }, { models: ['x/y'] }),
    )
    const { allows } = permissionsOf(policy, ana)
    expect([allows('gpu', 'Qwen/Q3'), allows('x', 'y'), allows('x', 'z')]).toEqual([
      true,
      true,
      false,
    ])
    expect(permissionsOf(policy, bob).allows('gpu', 'm')).toBe(false)
  })

  test('the highest role wins, in any order', () => {
    const grants = [
      grant('*', user),
      grant('ana@example.com', admin),
      grant('ana@example.com', user),
    ]
    for (const order of [grants, grants.toReversed()]) {
      expect(permissionsOf(policyOf(...order), ana).role).toBe('admin')
      expect(permissionsOf(policyOf(...order), bob).role).toBe('user')
    }
  })

  test('the same login from loopback and from elsewhere is told apart', () => {
    const policy = policyOf(grant('(loopback)', admin, all))
    expect(roleOf(policy, { ...ana, at: here })).toBe('admin')
    expect(permissionsOf(policy, ana).role).toBeUndefined()
    expect(roleOf(policy, { ...ana, at: here })).toBe('admin')
  })

  test('the same login as a node, a user, an owner and a stranger is told apart, in any order', () => {
    const policy = policyOf(grant('(owner)', admin), grant('*', user))
    const kinds: [Who, string | undefined][] = [
      [person('tag:ci'), 'user'],
      [person('tag:ci', { ownsGateway: true }), 'admin'],
      [person('tag:ci', { shared: true }), undefined],
    ]
    for (const [who, role] of [...kinds, ...kinds.toReversed()]) {
      expect(roleOf(policy, who)).toBe(role)
    }
    const tagged = policyOf(grant('tag:ci', user))
    const asNode = { ...ci, at: away }
    expect([person('tag:ci'), asNode, person('tag:ci')].map((who) => roleOf(tagged, who))).toEqual([
      undefined,
      'user',
      undefined,
    ])
  })

  test('the same login with and without a group is told apart', () => {
    const policy = policyOf(grant('group:ops', user))
    expect(roleOf(policy, { ...ana, groups: ['group:ops'] })).toBe('user')
    expect(permissionsOf(policy, ana).role).toBeUndefined()
  })

  test('thousands of callers are each judged on their own', () => {
    const policy = policyOf(grant('user-7', user))
    for (let round = 0; round < 2; round++) {
      const roles = Array.from({ length: 3000 }, (_, i) =>
        roleOf(policy, { ...ana, login: `user-${i}` }),
      )
      expect(roles.flatMap((role, i) => (role ? [i] : []))).toEqual([7])
    }
  })
})

test('adding a grant never takes anything away', () => {
  const src = fc.constantFrom('*', 'ana@example.com', 'group:family', '(loopback)', 'nobody')
  const entry = fc.record({
    role: fc.constantFrom('user' as const, 'admin' as const),
    models: fc.array(fc.constantFrom('**', 'a/*', 'a/m', '*/m', 'b/**', '*/x/*'), { maxLength: 2 }),
  })
  const anyGrant = fc.tuple(src, fc.array(entry, { maxLength: 3 })).map(([s, e]) => grant(s, ...e))
  const caller = fc.constantFrom(ana, alice, bob, local)
  const target = fc.constantFrom(['a', 'm'], ['b', 'm'], ['b', 'x/y'], ['c', 'n'] as const)
  fc.assert(
    fc.property(
      fc.array(anyGrant),
      anyGrant,
      caller,
      target,
      (grants, more, who, [provider, model]) => {
        const before = permissionsOf(policyOf(...grants), who)
        const after = permissionsOf(policyOf(...grants, more), who)
        const kept = !before.allows(provider!, model!) || after.allows(provider!, model!)
        return kept && (before.role === undefined || after.role !== undefined)
      },
    ),
  )
})

describe('who is granted what', () => {
  const sources = [
    '*',
    'ana@example.com',
    'bob',
    'group:family',
    'group:ops',
    'tag:ci',
    'tag:api',
    'tag:api,tag:prod',
    '(owner)',
    '(loopback)',
  ]
  const anyGrant: fc.Arbitrary<GrantConfig> = fc.record(
    {
      src: fc.array(fc.constantFrom(...sources), { minLength: 1, maxLength: 3 }),
      via: fc.subarray<Place['door']>(['public', 'tailnet', 'local'], { minLength: 1 }),
      shared: fc.boolean(),
      entries: fc.array(
        fc.record(
          {
            role: fc.constantFrom('user' as const, 'admin' as const),
            models: fc.array(fc.constantFrom('a/m', 'b/m', 'b/x')),
          },
          { requiredKeys: [] },
        ),
        { maxLength: 3 },
      ),
    },
    { requiredKeys: ['src', 'entries'] },
  )
  const anyone: fc.Arbitrary<Who> = fc
    .tuple(
      fc.constantFrom(...everyone),
      fc.constantFrom<Place['door']>('public', 'tailnet', 'local'),
    )
    .map(([who, door]) => ({ ...who, at: { door, loopback: door === 'local' } }))

  /** All that the documentation says, case by case, of one source. */
  function means(source: string, who: Who, shared: boolean): boolean {
    const isNode = who.tags !== undefined
    switch (source) {
      case '*':
        return who.login === '(loopback)' ? false : shared || who.shared !== true
      case '(owner)':
        return who.ownsGateway === true
      case '(loopback)':
        return who.at.door === 'local'
      case 'tag:ci':
        return isNode && who.tags?.length === 1 && who.tags[0] === 'tag:ci'
      case 'tag:api':
        return isNode && who.tags?.length === 1 && who.tags[0] === 'tag:api'
      case 'tag:api,tag:prod':
        return isNode && who.tags?.length === 2 && who.tags.includes('tag:api')
      case 'group:family':
        return ['alice@example.com', 'bob', 'guest@elsewhere.com'].includes(who.login)
      case 'group:ops':
        return who.login === 'bob'
      default:
        return !isNode && who.login === source
    }
  }

  test('is what a reader of the grants would say', () => {
    fc.assert(
      fc.property(fc.array(anyGrant, { maxLength: 5 }), anyone, (grants, who) => {
        const given = grants
          .filter(({ via }) => via === undefined || via.includes(who.at.door))
          .filter(({ src, shared = false }) => src.some((it) => means(it, who, shared)))
          .flatMap(({ entries }) => entries)
        const has = (role: string) => given.some((entry) => entry.role === role)
        const role = has('admin') ? 'admin' : has('user') ? 'user' : undefined
        const permissions = permissionsOf(policyOf(...grants), who)
        expect(permissions.role).toBe(role)
        for (const [provider, model] of [
          ['a', 'm'],
          ['b', 'm'],
          ['b', 'x'],
        ] as const) {
          const listed = given.some(({ models }) => models?.includes(`${provider}/${model}`))
          expect(permissions.allows(provider, model)).toBe(role !== undefined && listed)
        }
      }),
      { numRuns: 3000 },
    )
  })
})
