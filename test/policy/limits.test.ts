import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { GrantConfig } from '../../src/config/config.ts'
import { compileGrants } from '../../src/gateway/policy/grants.ts'
import type { Caller, KeyLimits } from '../../src/platform/caller.ts'

const log = () => {}
const grants: readonly GrantConfig[] = [
  { src: ['alice'], entries: [{ role: 'user', models: ['local/**'] }] },
  { src: ['owner'], entries: [{ role: 'admin', models: ['**'], readMetrics: true }] },
]
const policy = compileGrants({ grants, groups: new Map(), log })
const place = { door: 'public', loopback: false } as const

const key = (login: string, limits?: KeyLimits): Caller => ({
  login,
  kind: 'key',
  credentialId: 'k1',
  groups: [],
  ...(limits && { limits }),
})

describe('a limited key', () => {
  it('may use what both its login and itself may', () => {
    const { allows } = policy.forCaller(key('alice', { models: ['*/small', 'other/*'] }), place)
    expect(allows('local', 'small')).toBe(true)
    expect(allows('local', 'large')).toBe(false)
    expect(allows('other', 'small')).toBe(false)
  })

  it('reaches nothing that a provider keeps when it is for some models only, for that leads to others', () => {
    const open: readonly GrantConfig[] = [
      { src: ['alice'], entries: [{ role: 'user', providerResources: ['local/batches'] }] },
    ]
    const { forCaller } = compileGrants({ grants: open, groups: new Map(), log })
    expect(forCaller(key('alice'), place).allowsResource('local', 'batches')).toBe(true)
    const ofRole = forCaller(key('alice', { role: 'user' }), place)
    expect(ofRole.allowsResource('local', 'batches')).toBe(true)
    const ofModels = forCaller(key('alice', { models: ['**'] }), place)
    expect(ofModels.allowsResource('local', 'batches')).toBe(false)
  })

  it('has no role but its own, and none that its login has not', () => {
    expect(policy.forCaller(key('owner', { role: 'user' }), place).role).toBe('user')
    expect(policy.forCaller(key('owner', { role: 'admin' }), place).role).toBe('admin')
    expect(policy.forCaller(key('alice', { role: 'admin' }), place).role).toBe('user')
    expect(policy.forCaller(key('nobody', { role: 'admin' }), place).role).toBeUndefined()
  })

  it('manages nothing when it is for some models only, for it could widen itself', () => {
    const limits: KeyLimits = { models: ['**'], role: 'admin' }
    expect(policy.forCaller(key('owner', limits), place).role).toBe('user')
  })

  it('is nothing at another door', () => {
    const limits: KeyLimits = { via: ['tailnet'] }
    expect(policy.forCaller(key('owner', limits), place)).toMatchObject({ readMetrics: false })
    expect(policy.forCaller(key('owner', limits), place).role).toBeUndefined()
    const there = policy.forCaller(key('owner', limits), { ...place, door: 'tailnet' })
    expect([there.role, there.allows('a', 'b')]).toEqual(['admin', true])
  })

  it('narrows nothing for the same login without it, asked in whatever order', () => {
    const limited = key('alice', { models: ['none/none'] })
    expect(policy.forCaller(limited, place).allows('local', 'x')).toBe(false)
    expect(policy.forCaller(key('alice'), place).allows('local', 'x')).toBe(true)
  })

  it('never may more than its login, whatever its limits say', () => {
    const globs = fc.constantFrom('**', '*/*', 'local/*', 'other/**', '*/b')
    const limits = fc.record(
      {
        models: fc.array(globs, { maxLength: 3 }),
        via: fc.subarray(['public', 'tailnet', 'local'] as const),
        role: fc.constantFrom('user' as const, 'admin' as const),
      },
      { requiredKeys: [] },
    )
    const rank = { user: 1, admin: 2 }
    fc.assert(
      fc.property(
        limits,
        fc.constantFrom('alice', 'owner', 'nobody'),
        fc.constantFrom('local', 'other'),
        fc.constantFrom('a', 'b'),
        (given, login, provider, model) => {
          const own = policy.forCaller(key(login), place)
          const narrowed = policy.forCaller(key(login, given), place)
          expect(narrowed.role ? rank[narrowed.role] : 0).toBeLessThanOrEqual(
            own.role ? rank[own.role] : 0,
          )
          if (narrowed.allows(provider, model)) expect(own.allows(provider, model)).toBe(true)
        },
      ),
    )
  })
})
