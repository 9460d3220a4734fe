import { describe, expect, it } from 'vitest'
import type { RateLimitConfig } from '../../src/config/config.ts'
import { openLock } from '../support/lock.ts'

const users = { alice: 'right', bob: 'other' }
const rule = (more: Partial<RateLimitConfig>): RateLimitConfig => ({
  zone: 'api',
  match: '/v1/**',
  per: 'client',
  events: 3,
  window: 60_000,
  ...more,
})

describe('a limit per client', () => {
  it('refuses with 429, its code and Retry-After, before any hash', async () => {
    const lock = openLock({ users, rateLimits: [rule({})] })
    for (let i = 0; i < 3; i += 1) expect((await lock.knock()).status).toBe(401)
    const answer = await lock.login('alice', 'right')
    expect(answer.status).toBe(429)
    expect(await answer.json()).toMatchObject({ error: { code: 'rate_limited' } })
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(20)
    expect(lock.verifier.asked).toEqual([])
    lock.clock.advance(Number(answer.headers.get('retry-after')) * 1000)
    expect((await lock.login('alice', 'right')).status).toBe(200)
  })

  it('keeps clients apart, but not the addresses of one IPv6 /64', async () => {
    const lock = openLock({ rateLimits: [rule({})] })
    const statuses = async (peers: string[]) =>
      Promise.all(peers.map(async (peer) => (await lock.knock({ peer })).status))
    expect(await statuses(['203.0.113.1', '203.0.113.2', '203.0.113.3', '203.0.113.4'])).toEqual(
      Array(4).fill(401),
    )
    expect(
      await statuses([
        '2001:db8::1',
        '2001:db8::2',
        '2001:db8::3',
        '2001:db8::4',
        '2001:db8:0:1::1',
      ]),
    ).toEqual([401, 401, 401, 429, 401])
    expect(await statuses(['::ffff:203.0.113.1', '203.0.113.1', '::ffff:203.0.113.1'])).toEqual([
      401, 401, 429,
    ])
  })

  it('outlives a reload', async () => {
    const lock = openLock({ rateLimits: [rule({})] })
    for (let i = 0; i < 3; i += 1) await lock.knock()
    lock.reload({})
    expect((await lock.knock()).status).toBe(429)
  })

  it('spreads those it refuses, so that they do not come back together', async () => {
    const lock = openLock({ rateLimits: [rule({ per: 'listener', events: 1, window: 10_000 })] })
    await lock.knock()
    const waits = new Map<string | null, number>()
    for (let i = 0; i < 500; i += 1) {
      const wait = (await lock.knock({ peer: `198.51.100.${i % 250}` })).headers.get('retry-after')
      waits.set(wait, (waits.get(wait) ?? 0) + 1)
    }
    const expected = 500 / 5
    expect(waits.size).toBeGreaterThanOrEqual(5)
    expect(Math.max(...waits.values())).toBeLessThan(2 * expected)
  })

  it('is logged by sample', async () => {
    const lock = openLock({ rateLimits: [rule({ events: 1 })] })
    for (let i = 0; i < 100; i += 1) await lock.knock()
    expect(lock.logged('limit.hit')).toHaveLength(5)
    expect(lock.logged('limit.hit')[0]?.fields).toMatchObject({
      ip: '203.0.113.7',
      zone: 'api',
      per: 'client',
    })
  })
})

describe('a limit per caller', () => {
  it('counts a caller from all addresses, and no one else', async () => {
    const lock = openLock({ users, rateLimits: [rule({ per: 'caller' })] })
    const login = (user: string, password: string, peer: string) =>
      lock.login(user, password, { peer }).then(({ status }) => status)
    expect(await login('alice', 'right', '203.0.113.1')).toBe(200)
    expect(await login('alice', 'right', '203.0.113.2')).toBe(200)
    expect(await login('alice', 'right', '203.0.113.3')).toBe(200)
    expect(await login('alice', 'right', '203.0.113.4')).toBe(429)
    expect(await login('bob', 'other', '203.0.113.4')).toBe(200)
  })

  it('is not used up by those who only claim to be the caller', async () => {
    const lock = openLock({ users, rateLimits: [rule({ per: 'caller' })] })
    for (let i = 0; i < 4; i += 1) await lock.login('alice', `guess ${i}`, { peer: '203.0.113.1' })
    expect((await lock.login('alice', 'right')).status).toBe(200)
  })
})

describe('a limit per listener', () => {
  it('counts everybody together', async () => {
    const lock = openLock({ rateLimits: [rule({ per: 'listener' })] })
    for (let i = 0; i < 3; i += 1) await lock.knock({ peer: `203.0.113.${i}` })
    expect((await lock.knock({ peer: '203.0.113.9' })).status).toBe(429)
  })
})

describe('rules', () => {
  it('of one zone: the first that matches the path decides alone', async () => {
    const lock = openLock({
      users,
      rateLimits: [
        rule({ match: '/v1/models/**', events: 100 }),
        rule({ match: '/v1/chat/*', per: 'caller', events: 100 }),
        rule({ match: '/v1/**', events: 1 }),
      ],
    })
    for (let i = 0; i < 5; i += 1) {
      expect((await lock.knock({ path: '/v1/models' })).status).toBe(401)
      expect((await lock.login('alice', 'right', { path: '/v1/chat/x' })).status).toBe(200)
    }
    expect((await lock.knock({ path: '/v1/other' })).status).toBe(401)
    expect((await lock.knock({ path: '/v1/other' })).status).toBe(429)
  })

  it('of different zones hold together', async () => {
    const lock = openLock({
      users,
      rateLimits: [rule({ events: 3 }), rule({ zone: 'slow', per: 'caller', events: 2 })],
    })
    const status = async () => (await lock.login('alice', 'right')).status
    expect([await status(), await status(), await status()]).toEqual([200, 200, 429])
    expect([await status()]).toEqual([429])
  })

  it('leave alone what they do not match', async () => {
    const lock = openLock({ rateLimits: [rule({ events: 1 })] })
    for (let i = 0; i < 5; i += 1) expect((await lock.knock({ path: '/open' })).status).toBe(200)
  })
})
