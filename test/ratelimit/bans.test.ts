import { describe, expect, it } from 'vitest'
import type { Client } from '../../src/gateway/http/env.ts'
import { addressSet, clientAddress } from '../../src/gateway/http/guards/client-address.ts'
import { createBans } from '../../src/gateway/ratelimit/bans.ts'
import type { Store } from '../../src/platform/platform.ts'
import type { Ban } from '../../src/platform/records/ban.ts'
import { type FakeClock, fakeClock } from '../support/clock.ts'
import { openLock } from '../support/lock.ts'
import { memoryStore } from '../support/store.ts'

const minute = 60_000
const config = { max: 5, window: 10 * minute, ban: 15 * minute, maxBan: 60 * minute }
const users = { alice: 'right' }

const client = (peer: string): Client => ({
  ...clientAddress(peer, null, addressSet([])),
  host: '',
  secure: false,
  funnel: false,
})
const offender = client('203.0.113.7')

const open = async (clock: FakeClock = fakeClock(), store: Store = memoryStore()) => {
  const log: string[] = []
  const bans = createBans({
    clock,
    store,
    log: (_level, evt) => void log.push(evt),
    waitUntil: () => undefined,
  })
  await bans.loaded
  return { bans, clock, store, log }
}

const adminBan = (address: string, until: number | null = null): Ban => ({
  address,
  cause: 'admin',
  level: 1,
  startedAt: 0,
  until,
  note: 'by hand',
})

describe('a ban', () => {
  it('lasts as long as configured, and not a moment longer', async () => {
    const { bans, clock } = await open()
    await bans.impose(offender, config)
    expect(bans.find(offender)).toEqual({ cause: 'auth_failures', left: 15 * minute })
    expect(bans.find(client('203.0.113.8'))).toBeUndefined()
    clock.advance(15 * minute - 1)
    expect(bans.find(offender)?.left).toBe(1)
    clock.advance(1)
    expect(bans.find(offender)).toBeUndefined()
  })

  it('lasts twice as long each time, up to the longest', async () => {
    const { bans, clock } = await open()
    const lasted = []
    for (let i = 0; i < 5; i += 1) {
      await bans.impose(offender, config)
      const left = bans.find(offender)?.left ?? 0
      lasted.push(left / minute)
      clock.advance(left + 59 * minute)
    }
    expect(lasted).toEqual([15, 30, 60, 60, 60])
  })

  it('is the first again after as much quiet as the longest ban', async () => {
    const { bans, clock } = await open()
    await bans.impose(offender, config)
    clock.advance(15 * minute + 60 * minute)
    await bans.impose(offender, config)
    expect(bans.find(offender)?.left).toBe(15 * minute)
  })

  it.each([
    ['forward', 365 * 24 * 60 * minute],
    ['back', -365 * 24 * 60 * minute],
  ])('does not notice the wall clock jumping %s while running', async (_way, by) => {
    const { bans, clock, store } = await open()
    await bans.impose(offender, config)
    clock.setWall(clock.now() + by)
    ;(store as ReturnType<typeof memoryStore>).changeBans(await store.loadBans())
    expect(bans.find(offender)?.left).toBe(15 * minute)
  })

  it('goes on after a restart, by the wall clock', async () => {
    const first = await open()
    await first.bans.impose(offender, config)
    const later = fakeClock()
    later.setWall(first.clock.now() + 10 * minute)
    const second = await open(later, first.store)
    expect(second.bans.find(offender)?.left).toBe(5 * minute)
    later.advance(5 * minute)
    expect(second.bans.find(offender)).toBeUndefined()
    await second.bans.impose(offender, config)
    expect(second.bans.find(offender)?.left).toBe(30 * minute)
  })

  it('never lasts twice as long because the clock was set back before a restart', async () => {
    const first = await open()
    await first.bans.impose(offender, config)
    const earlier = fakeClock()
    earlier.setWall(first.clock.now() - 24 * 60 * minute)
    const second = await open(earlier, first.store)
    expect(second.bans.find(offender)?.left).toBe(15 * minute)
  })

  it('is in the store before the offender has its answer', async () => {
    const slow = memoryStore()
    const saving = Promise.withResolvers<void>()
    const store: Store = { ...slow, saveBan: (ban) => saving.promise.then(() => slow.saveBan(ban)) }
    const lock = openLock({ users, store })
    for (let i = 0; i < 4; i += 1) await lock.login('alice', `guess ${i}`)
    let answered = false
    const last = lock.login('alice', 'guess 4').then((answer) => {
      answered = true
      return answer
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(answered).toBe(false)
    expect((await lock.login('alice', 'guess 5')).status).toBe(429)
    saving.resolve()
    expect((await last).status).toBe(401)
    expect(slow.bans).toHaveLength(1)
  })

  it('does not wait longer than a moment for a store that hangs', async () => {
    const store: Store = { ...memoryStore(), saveBan: () => new Promise(() => undefined) }
    const { bans } = await open(fakeClock(), store)
    const started = performance.now()
    await bans.impose(offender, config)
    expect(performance.now() - started).toBeLessThan(1000)
    expect(bans.find(offender)).toBeDefined()
  })

  it('holds when the store fails, and says so', async () => {
    const broken = async () => Promise.reject(new Error('disk full'))
    const store: Store = { ...memoryStore(), saveBan: broken, loadBans: broken }
    const { bans, log } = await open(fakeClock(), store)
    await bans.impose(offender, config)
    expect(bans.find(offender)).toBeDefined()
    expect(log).toEqual(['ban.unloaded', 'auth.ban', 'ban.unsaved'])
  })
})

describe('bans changed by a person', () => {
  it('are lifted and set in a running gateway', async () => {
    const store = memoryStore()
    const { bans } = await open(fakeClock(), store)
    await bans.impose(offender, config)
    store.changeBans([adminBan('198.51.100.0/24'), adminBan('2001:db8:5::/48')])
    expect(bans.find(offender)).toBeUndefined()
    expect(bans.find(client('198.51.100.9'))?.cause).toBe('admin')
    expect(bans.find(client('2001:db8:5:1::9'))?.cause).toBe('admin')
    expect(bans.find(client('198.51.101.9'))).toBeUndefined()
    store.changeBans([])
    expect(bans.find(client('198.51.100.9'))).toBeUndefined()
  })

  it('begin with the first level again once lifted', async () => {
    const store = memoryStore()
    const { bans } = await open(fakeClock(), store)
    await bans.impose(offender, config)
    store.changeBans([])
    await bans.impose(offender, config)
    expect(bans.find(offender)?.left).toBe(15 * minute)
  })

  it('end when they should, or never', async () => {
    const clock = fakeClock()
    const store = memoryStore()
    const { bans } = await open(clock, store)
    store.changeBans([adminBan('203.0.113.7', clock.now() + minute), adminBan('203.0.113.8')])
    clock.advance(minute)
    expect(bans.find(offender)).toBeUndefined()
    clock.advance(1e12)
    expect(bans.find(client('203.0.113.8'))?.left).toBe(Number.POSITIVE_INFINITY)
  })

  it('weigh more than ours on the same address', async () => {
    const store = memoryStore()
    const { bans } = await open(fakeClock(), store)
    await bans.impose(offender, config)
    store.changeBans([...store.bans, adminBan('203.0.113.0/24')])
    expect(bans.find(offender)?.cause).toBe('admin')
  })

  it('do not hide another ban once they are over', async () => {
    const clock = fakeClock()
    const store = memoryStore()
    const { bans } = await open(clock, store)
    await bans.impose(offender, config)
    store.changeBans([adminBan('203.0.113.0/24', clock.now() + minute), ...store.bans])
    clock.advance(minute)
    expect(bans.find(offender)?.cause).toBe('auth_failures')
  })

  it('do not lose a ban that is still being saved', async () => {
    const store = memoryStore()
    const saving = Promise.withResolvers<void>()
    const { bans } = await open(fakeClock(), { ...store, saveBan: () => saving.promise })
    const imposed = bans.impose(offender, config)
    store.changeBans([])
    expect(bans.find(offender)).toBeDefined()
    saving.resolve()
    await imposed
  })

  it('that cannot be read are reported and left out', async () => {
    const store = memoryStore()
    const { bans, log } = await open(fakeClock(), store)
    store.changeBans([adminBan('not an address'), adminBan('203.0.113.7')])
    expect(log).toEqual(['ban.unreadable'])
    expect(bans.find(offender)).toBeDefined()
  })

  it('never banned this machine or a proxy', async () => {
    const store = memoryStore()
    const { bans } = await open(fakeClock(), store)
    store.changeBans([adminBan('0.0.0.0/0'), adminBan('::/0')])
    expect(bans.find(client('127.0.0.1'))).toBeUndefined()
    expect(bans.find(client('unix'))).toBeUndefined()
    expect(bans.find(offender)).toBeDefined()
  })
})

describe('a client that is banned', () => {
  const shutOut = async () => {
    const lock = openLock({ users })
    for (let i = 0; i < 5; i += 1) await lock.login('alice', `guess ${i}`)
    lock.verifier.asked.length = 0
    lock.store.failures.length = 0
    return lock
  }

  it('gets the same 429 for a wrong password, checked or not, and for everything else', async () => {
    const lock = await shutOut()
    lock.clock.advance(100_500)
    for (let i = 0; i < 4; i += 1) await lock.login('alice', `more ${i}`)
    lock.verifier.asked.length = 0
    const answers = await Promise.all([
      lock.login('alice', 'right'),
      lock.login('alice', 'wrong'),
      lock.login('alice', 'more 0'),
      lock.login('mallory', 'x'),
      lock.knock(),
      lock.knock({ path: '/open' }),
      lock.knock({ headers: { upgrade: 'websocket', connection: 'upgrade' } }),
    ])
    const seen = await Promise.all(
      answers.map(async (answer) =>
        JSON.stringify([answer.status, [...answer.headers], await answer.json()]),
      ),
    )
    expect(new Set(seen).size).toBe(1)
    expect(answers[0]?.status).toBe(429)
    expect(answers[0]?.headers.get('retry-after')).toBe('800')
    expect(seen[0]).toContain('too_many_failures')
    expect(lock.verifier.asked).toEqual([])
    expect(lock.store.failures).toEqual([])
  })

  it('is still let in with a credential found right a moment ago', async () => {
    const lock = openLock({ users: { ...users, bob: 'other' } })
    await lock.login('alice', 'right')
    for (let i = 0; i < 5; i += 1) await lock.login('bob', `guess ${i}`)
    lock.verifier.asked.length = 0
    expect((await lock.login('alice', 'right')).status).toBe(200)
    expect(lock.verifier.asked).toEqual([])
    expect((await lock.login('alice', 'wrong')).status).toBe(429)
    expect((await lock.login('bob', 'right')).status).toBe(429)
    expect((await lock.knock()).status).toBe(429)
    lock.reload({ users: { alice: 'changed' } })
    expect((await lock.login('alice', 'right')).status).toBe(429)
  })

  it('is not let in with what was found right for somebody else', async () => {
    const lock = openLock({ users })
    await lock.login('alice', 'right', { peer: '203.0.113.8' })
    for (let i = 0; i < 9; i += 1) await lock.login('alice', `guess ${i}`)
    expect((await lock.login('alice', 'right')).status).toBe(429)
    expect((await lock.login('alice', 'right', { peer: '203.0.113.8' })).status).toBe(200)
  })

  it('cannot guess without end at a neighbour who is let in', async () => {
    const lock = openLock({ users: { ...users, bob: 'other' } })
    const flood = async (n: number) => {
      for (let i = 0; i < n; i += 1) await lock.login('alice', `flood ${i}`)
    }
    await lock.login('alice', 'right')
    for (let i = 0; i < 5; i += 1) await lock.login('bob', `guess ${i}`)
    await flood(150)
    expect((await lock.login('alice', 'right')).status).toBe(200)
    await flood(50)
    expect((await lock.login('alice', 'right')).status).toBe(429)
  })

  it('by a person gets 403, even with a credential found right a moment ago', async () => {
    const lock = openLock({ users })
    await lock.login('alice', 'right')
    lock.store.changeBans([adminBan('203.0.113.0/24')])
    const answer = await lock.login('alice', 'right')
    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({ error: { code: 'banned' } })
  })

  it('is let in again when the ban is over', async () => {
    const lock = await shutOut()
    lock.clock.advance(900_000)
    expect((await lock.login('alice', 'right')).status).toBe(200)
    for (let i = 0; i < 4; i += 1) {
      expect((await lock.login('alice', `more ${i}`)).status).toBe(401)
    }
  })

  it('is logged by sample, however often it tries', async () => {
    const lock = await shutOut()
    for (let i = 0; i < 100; i += 1) await lock.login('alice', 'wrong')
    expect(lock.logged('auth.blocked')).toHaveLength(5)
    lock.clock.advance(1000)
    await lock.knock()
    expect(lock.logged('auth.blocked').at(-1)?.fields).toMatchObject({
      ip: '203.0.113.7',
      omitted: 95,
    })
  })
})
