import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { GrantConfig, GrantEntry } from '../../src/config/config.ts'
import { compileGrants, type Grantee } from '../../src/policy/grants.ts'

const grant = (
  src: string | readonly string[],
  ...entries: Partial<GrantEntry>[]
): GrantConfig => ({
  src: typeof src === 'string' ? [src] : src,
  entries: entries.map((entry) => ({ models: [], ...entry })),
})

const groups = new Map([
  ['group:family', ['alice@example.com', 'bob']],
  ['group:empty', []],
])

const ana: Grantee = { login: 'ana@example.com', groups: [], loopback: false }
const alice: Grantee = { login: 'alice@example.com', groups: [], loopback: false }
const bob: Grantee = { login: 'bob', groups: ['group:ops'], loopback: false }
const local: Grantee = { login: 'carl', groups: [], loopback: true }
const sneaky: Grantee = { login: 'group:family', groups: [], loopback: false }

const user = { role: 'user' } as const
const admin = { role: 'admin' } as const
const all = { models: ['**'] }

describe('who a grant names', () => {
  test.each<[src: string, named: Grantee[], others: Grantee[]]>([
    ['*', [ana, alice, bob, local, sneaky], []],
    ['ana@example.com', [ana], [alice, bob, local]],
    ['Ana@Example.com', [ana], [alice]],
    ['ana@example.co', [], [ana]],
    ['ana@example.com.evil', [], [ana]],
    ['ana', [], [ana]],
    ['example.com', [], [ana, alice]],
    ['*@example.com', [], [ana, alice]],
    ['group:family', [alice, bob], [ana, local, sneaky]],
    ['group:Family', [], [alice, bob]],
    ['family', [], [alice, bob]],
    ['group:ops', [bob], [ana, alice, local]],
    ['group:empty', [], [ana, alice, bob, local]],
    ['group:unknown', [], [ana, alice, bob, local]],
    ['(loopback)', [local], [ana, alice, bob, sneaky]],
    ['loopback', [], [local]],
    ['', [], [ana, local]],
  ])('%s', (src, named, others) => {
    const policy = compileGrants([grant(src, user)], groups)
    for (const caller of named) expect(policy.forCaller(caller).role).toBe('user')
    for (const caller of others) expect(policy.forCaller(caller).role).toBeUndefined()
  })

  test('any of several sources is enough', () => {
    const policy = compileGrants([grant(['ana@example.com', 'group:family'], user)], groups)
    expect([ana, alice, local].map((caller) => policy.forCaller(caller).role)).toEqual([
      'user',
      'user',
      undefined,
    ])
  })

  test('a login that spells a group or a place does not become one', () => {
    const login = (name: string): Grantee => ({ login: name, groups: [], loopback: false })
    const policy = compileGrants(
      [grant('group:family', admin), grant('(loopback)', admin), grant('bob', user)],
      groups,
    )
    expect(policy.forCaller(login('group:family')).role).toBeUndefined()
    expect(policy.forCaller(login('(loopback)')).role).toBeUndefined()
    expect(policy.forCaller(login('*')).role).toBeUndefined()
  })

  test('a group that spells a login does not become one', () => {
    const policy = compileGrants([grant('ana@example.com', admin), grant('*', user)], groups)
    const caller = { login: 'eve', groups: ['ana@example.com', '*'], loopback: false }
    expect(policy.forCaller(caller).role).toBe('user')
  })
})

describe('what it gives', () => {
  test('no grant, no role, no model', () => {
    const nothing = compileGrants([], groups).forCaller(ana)
    expect(nothing.role).toBeUndefined()
    expect(nothing.allows('gpu', 'm')).toBe(false)
  })

  test('models without a role are nothing', () => {
    const permissions = compileGrants([grant('*', all)], groups).forCaller(ana)
    expect(permissions.role).toBeUndefined()
    expect(permissions.allows('gpu', 'm')).toBe(false)
  })

  test('a role without models allows none, an admin’s too', () => {
    const permissions = compileGrants([grant('*', admin)], groups).forCaller(ana)
    expect(permissions.role).toBe('admin')
    expect(permissions.allows('gpu', 'm')).toBe(false)
  })

  test('role and models may come from different entries and grants', () => {
    const policy = compileGrants(
      [grant('*', user), grant('ana@example.com', { models: ['gpu/**'] }, { models: ['x/y'] })],
      groups,
    )
    const { allows } = policy.forCaller(ana)
    expect([allows('gpu', 'Qwen/Q3'), allows('x', 'y'), allows('x', 'z')]).toEqual([
      true,
      true,
      false,
    ])
    expect(policy.forCaller(bob).allows('gpu', 'm')).toBe(false)
  })

  test('the highest role wins, in any order', () => {
    const grants = [
      grant('*', user),
      grant('ana@example.com', admin),
      grant('ana@example.com', user),
    ]
    for (const order of [grants, grants.toReversed()]) {
      expect(compileGrants(order, groups).forCaller(ana).role).toBe('admin')
      expect(compileGrants(order, groups).forCaller(bob).role).toBe('user')
    }
  })

  test('the same login from loopback and from elsewhere is told apart', () => {
    const policy = compileGrants([grant('(loopback)', admin, all)], groups)
    expect(policy.forCaller({ ...ana, loopback: true }).role).toBe('admin')
    expect(policy.forCaller(ana).role).toBeUndefined()
    expect(policy.forCaller({ ...ana, loopback: true }).role).toBe('admin')
  })

  test('the same login with and without a group is told apart', () => {
    const policy = compileGrants([grant('group:ops', user)], groups)
    expect(policy.forCaller({ ...ana, groups: ['group:ops'] }).role).toBe('user')
    expect(policy.forCaller(ana).role).toBeUndefined()
  })

  test('thousands of callers are each judged on their own', () => {
    const policy = compileGrants([grant('user-7', user)], groups)
    for (let round = 0; round < 2; round++) {
      const roles = Array.from(
        { length: 3000 },
        (_, i) => policy.forCaller({ ...ana, login: `user-${i}` }).role,
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
        const before = compileGrants(grants, groups).forCaller(who)
        const after = compileGrants([...grants, more], groups).forCaller(who)
        const kept = !before.allows(provider!, model!) || after.allows(provider!, model!)
        return kept && (before.role === undefined || after.role !== undefined)
      },
    ),
  )
})
