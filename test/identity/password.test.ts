import bcrypt from 'bcryptjs'
import { afterAll, describe, expect, it } from 'vitest'
import { createPasswordPool } from '../../src/adapter/node/secrets/passwords.ts'
import type { PasswordVerifier } from '../../src/platform/platform.ts'
import { openLock } from '../support/lock.ts'
import { fakeHash } from '../support/verifier.ts'

const users = { alice: 'right' }

describe('a password', () => {
  it('proves its user, by the exact name', async () => {
    const lock = openLock({ users: { Alice: 'right', alice: 'other' } })
    const response = await lock.login('Alice', 'right')
    expect(await response.json()).toEqual({
      login: 'alice',
      kind: 'password',
      credentialId: 'Alice',
      groups: [],
    })
    expect((await lock.login('alice', 'right')).status).toBe(401)
    expect((await lock.login('ALICE', 'right')).status).toBe(401)
  })

  it('is hashed once and remembered for a minute after its last use', async () => {
    const lock = openLock({ users })
    for (let i = 0; i < 100; i += 1) expect((await lock.login('alice', 'right')).status).toBe(200)
    expect(lock.verifier.asked).toHaveLength(1)
    lock.clock.advance(59_000)
    await lock.login('alice', 'right')
    lock.clock.advance(59_000)
    await lock.login('alice', 'right')
    expect(lock.verifier.asked).toHaveLength(1)
    lock.clock.advance(60_001)
    await lock.login('alice', 'right')
    expect(lock.verifier.asked).toHaveLength(2)
  })

  it('is remembered whole: no other user, no other password', async () => {
    const lock = openLock({ users: { ...users, bob: 'right' } })
    await lock.login('alice', 'right')
    expect((await lock.login('alice', 'righ')).status).toBe(401)
    expect((await lock.login('alice', 'right ')).status).toBe(401)
    expect((await lock.login('bob', 'right')).status).toBe(200)
    expect(lock.verifier.asked).toHaveLength(4)
  })

  it('found right needs no second hash from another address', async () => {
    const lock = openLock({ users })
    for (let i = 0; i < 20; i += 1) {
      expect((await lock.login('alice', 'right', { peer: `198.51.100.${i}` })).status).toBe(200)
    }
    expect(lock.verifier.asked).toHaveLength(1)
  })

  it('found right anew without a hash counts as proven there too', async () => {
    const lock = openLock({ users: { ...users, bob: 'other' } })
    await lock.login('alice', 'right', { peer: '198.51.100.1' })
    await lock.login('alice', 'right')
    for (let i = 0; i < 9; i += 1) await lock.login('bob', `guess ${i}`)
    expect((await lock.login('bob', 'other')).status).toBe(429)
    expect((await lock.login('alice', 'right')).status).toBe(200)
  })

  it('being checked while a reload changes it does not let the next one in', async () => {
    const lock = openLock({ users })
    lock.verifier.hold()
    const before = lock.login('alice', 'right')
    await settled()
    lock.reload({ users: { alice: fakeHash('new') } })
    const after = lock.login('alice', 'right')
    await settled()
    lock.verifier.release()
    expect((await before).status).toBe(200)
    expect((await after).status).toBe(401)
  })

  it('found right elsewhere cannot be guessed at while the gate is closed', async () => {
    const lock = openLock({ users })
    await lock.login('alice', 'right', { peer: '198.51.100.1' })
    lock.verifier.hold()
    const held = [1, 2, 3, 4, 5].map((i) => lock.login('alice', `guess ${i}`))
    await settled()
    expect((await lock.login('alice', 'right')).status).toBe(429)
    const elsewhere = lock.login('alice', 'guess 1', { peer: '198.51.100.2' })
    await settled()
    expect(lock.verifier.held).toBe(6)
    lock.verifier.release()
    await Promise.all([...held, elsewhere])
  })

  it('is forgotten at once when a reload changes or removes its user, and no other', async () => {
    const lock = openLock({ users: { ...users, bob: 'right' } })
    await lock.login('alice', 'right')
    await lock.login('bob', 'right')
    lock.reload({ users: { alice: fakeHash('new'), bob: 'right' } })
    expect((await lock.login('alice', 'right')).status).toBe(401)
    expect((await lock.login('alice', 'new')).status).toBe(200)
    lock.reload({ users: { bob: 'right' } })
    expect((await lock.login('alice', 'new')).status).toBe(401)
    const asked = lock.verifier.asked.length
    expect((await lock.login('bob', 'right')).status).toBe(200)
    expect(lock.verifier.asked).toHaveLength(asked)
  })

  it('longer than 72 bytes is refused without a hash, for bcrypt would ignore the rest', async () => {
    const long = 'a'.repeat(72)
    const lock = openLock({ users: { alice: fakeHash(`${long}X`) } })
    expect((await lock.login('alice', `${long}X`)).status).toBe(401)
    expect((await lock.login('alice', 'ä'.repeat(37))).status).toBe(401)
    expect(lock.verifier.asked).toHaveLength(0)
    expect(lock.logged('auth.fail')[0]?.fields.reason).toBe('too_long')
    expect((await lock.login('alice', long)).status).toBe(401)
    expect(lock.verifier.asked).toHaveLength(1)
  })

  it('of an unknown user costs the dearest hash among the known ones', async () => {
    const lock = openLock({ users: { alice: fakeHash('a', 10), bob: fakeHash('b', 14) } })
    expect((await lock.login('mallory', 'x')).status).toBe(401)
    expect(lock.verifier.asked).toEqual([expect.stringMatching(/^\$2b\$14\$.{53}$/)])
    expect(lock.logged('auth.fail')[0]?.fields.reason).toBe('unknown_user')
  })

  it('that is wrong costs one hash a window, and counts once', async () => {
    const lock = openLock({ users })
    for (let i = 0; i < 50; i += 1) expect((await lock.login('alice', 'old')).status).toBe(401)
    expect(lock.verifier.asked).toHaveLength(1)
    lock.clock.advance(600_000)
    await lock.login('alice', 'old')
    expect(lock.verifier.asked).toHaveLength(2)
    expect(lock.store.bans).toEqual([])
  })

  it('that was wrong is right once a reload makes it so', async () => {
    const lock = openLock({ users })
    expect((await lock.login('alice', 'new')).status).toBe(401)
    expect((await lock.login('bob', 'new')).status).toBe(401)
    lock.reload({ users: { alice: 'new', bob: 'new' } })
    expect((await lock.login('alice', 'new')).status).toBe(200)
    expect((await lock.login('bob', 'new')).status).toBe(200)
  })

  it('sent many times at once is checked once, and lets all of them in', async () => {
    const lock = openLock({ users })
    lock.verifier.hold()
    const all = Promise.all(Array.from({ length: 50 }, () => lock.login('alice', 'right')))
    await settled()
    lock.verifier.release()
    expect(new Set((await all).map(({ status }) => status))).toEqual(new Set([200]))
    expect(lock.verifier.asked).toHaveLength(1)
  })

  it('gets 503 and Retry-After when the queue is full, which counts for nothing', async () => {
    const lock = openLock({ users })
    lock.verifier.fill()
    for (let i = 0; i < 20; i += 1) {
      const response = await lock.login('alice', `guess ${i}`)
      expect(response.status).toBe(503)
      expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
    }
    expect(lock.store.bans).toEqual([])
  })

  it('remembered is let in while the queue is full', async () => {
    const lock = openLock({ users })
    await lock.login('alice', 'right')
    lock.verifier.fill()
    expect((await lock.login('alice', 'right')).status).toBe(200)
  })
})

describe('a name that does not exist', () => {
  it('has no right password, not even if every check said so', async () => {
    const lock = openLock({ users, passwords: { verify: async () => true } })
    expect((await lock.login('nobody', 'x')).status).toBe(401)
  })
})

describe('a client that leaves while its password waits', () => {
  it('takes its check along, and leaves the slot free', async () => {
    const lock = openLock({ users })
    lock.verifier.hold()
    for (let i = 0; i < 20; i += 1) {
      const leaving = new AbortController()
      const answer = lock.login('alice', `guess ${i}`, { signal: leaving.signal })
      await settled()
      expect(lock.verifier.held).toBe(1)
      leaving.abort()
      await answer
      expect(lock.verifier.held).toBe(0)
    }
    expect(lock.state.cache.flights.size).toBe(0)
    lock.verifier.release()
    expect((await lock.login('alice', 'right')).status).toBe(200)
  })

  it('does not take along those who wait for the same check', async () => {
    const lock = openLock({ users })
    lock.verifier.hold()
    const leaving = new AbortController()
    const gone = lock.login('alice', 'right', { signal: leaving.signal })
    const stays = lock.login('alice', 'right')
    await settled()
    leaving.abort()
    await gone
    expect(lock.verifier.held).toBe(1)
    lock.verifier.release()
    expect((await stays).status).toBe(200)
  })

  it('does not spoil a check that begins right after', async () => {
    const asked: string[] = []
    const passwords: PasswordVerifier = {
      verify: (password, _hash, signal) => {
        asked.push(password)
        if (asked.length > 1) return Promise.resolve(true)
        // Takes its time to notice.
        return new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => setTimeout(() => reject(signal.reason), 20))
        })
      },
    }
    const lock = openLock({ users, passwords })
    const leaving = new AbortController()
    const gone = lock.login('alice', 'right', { signal: leaving.signal })
    await settled()
    leaving.abort()
    await gone
    expect((await lock.login('alice', 'right')).status).toBe(200)
    expect(asked).toHaveLength(2)
  })
})

describe('with real bcrypt', () => {
  const pool = createPasswordPool({ workers: 1 })
  afterAll(() => pool.close())

  it('accepts the hashes of Caddy and htpasswd, and non-ASCII passwords', async () => {
    const hash = bcrypt.hashSync('pässwörd€', 4)
    const lock = openLock({
      passwords: pool,
      users: { a: hash, b: hash.replace('$2b$', '$2y$'), c: hash.replace('$2b$', '$2a$') },
    })
    for (const user of ['a', 'b', 'c']) {
      expect((await lock.login(user, 'pässwörd€')).status).toBe(200)
      expect((await lock.login(user, 'password')).status).toBe(401)
    }
  })

  it('lets nobody in under a name that does not exist', async () => {
    const lock = openLock({ passwords: pool, users: { a: bcrypt.hashSync('x', 5) } })
    expect((await lock.login('nobody', 'x')).status).toBe(401)
  })
})

/** Lets everything happen that waits for nothing but its turn. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
