import { setTimeout as sleep } from 'node:timers/promises'
import bcrypt from 'bcryptjs'
import { afterEach, describe, expect, it } from 'vitest'
import {
  createPasswordPool,
  type PasswordPool,
} from '../../../src/adapter/node/secrets/passwords.ts'
import { VerifierBusy } from '../../../src/platform/platform.ts'
import { openLock } from '../../support/lock.ts'

const cheap = bcrypt.hashSync('right', 4)
/** About a tenth of a second. */
const dear = bcrypt.hashSync('right', 10)

const pools: PasswordPool[] = []
const open = (options: Parameters<typeof createPasswordPool>[0] = {}) => {
  const pool = createPasswordPool(options)
  pools.push(pool)
  return pool
}
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
})

describe('the password pool', () => {
  it('tells right from wrong', async () => {
    const pool = open()
    expect(await pool.verify('right', cheap)).toBe(true)
    expect(await pool.verify('wrong', cheap)).toBe(false)
    expect(await pool.verify('right', 'no hash at all')).toBe(false)
  })

  it('leaves the event loop alone while it checks', async () => {
    const pool = open()
    await Promise.all([pool.verify('right', cheap), pool.verify('right', cheap)])
    let over = false
    const checks = Promise.all([1, 2, 3, 4].map(() => pool.verify('wrong', dear))).then(() => {
      over = true
    })
    let turns = 0
    while (!over) {
      turns += 1
      await sleep(1)
    }
    await checks
    // On the event loop itself there would be no turn between the checks, or four at most.
    expect(turns).toBeGreaterThan(20)
  })

  it('refuses what its queue does not hold, at once, and recovers', async () => {
    const pool = open({ workers: 1, queue: 2 })
    const checks = [1, 2, 3, 4, 5].map(() => pool.verify('right', dear))
    const outcomes = await Promise.allSettled(checks)
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ])
    await expect(checks[4]).rejects.toBeInstanceOf(VerifierBusy)
    expect(await pool.verify('right', cheap)).toBe(true)
  })

  it('drops a waiting check when its client leaves', async () => {
    const pool = open({ workers: 1, queue: 1000 })
    const busy = pool.verify('right', dear)
    const leaving = new AbortController()
    const checks = Array.from({ length: 1000 }, () => pool.verify('x', dear, leaving.signal))
    const outcomes = Promise.allSettled(checks)
    expect(pool.waiting).toBe(1000)
    leaving.abort(new Error('gone'))
    expect(pool.waiting).toBe(0)
    await outcomes
    await expect(checks[0]).rejects.toThrow('gone')
    expect(await busy).toBe(true)
    await expect(pool.verify('x', dear, leaving.signal)).rejects.toThrow('gone')
  })

  it('checks again in another thread when one dies, and lives on', async () => {
    const pool = open({ workers: 1 })
    // A hash that is not a string makes bcrypt throw in the thread, which ends it.
    const deadly = {} as unknown as string
    const doomed = pool.verify('x', deadly)
    const behind = pool.verify('right', cheap)
    await expect(doomed).rejects.toThrow()
    expect(await behind).toBe(true)
  })

  it('refuses everything once closed, also what was waiting', async () => {
    const pool = open({ workers: 1 })
    const checks = Promise.allSettled([pool.verify('right', dear), pool.verify('right', dear)])
    await pool.close()
    const busy = { status: 'rejected', reason: expect.any(VerifierBusy) }
    expect(await checks).toEqual([busy, busy])
    await expect(pool.verify('right', cheap)).rejects.toBeInstanceOf(VerifierBusy)
  })
})

describe('a distributed attack on passwords', () => {
  it('fills a bounded queue, counts no overflow, and leaves remembered callers alone', async () => {
    const pool = open({ workers: 1, queue: 8 })
    const lock = openLock({ passwords: pool, users: { alice: cheap, bob: dear } })
    expect((await lock.login('alice', 'right')).status).toBe(200)
    const attack = Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        lock.login('bob', `guess ${i}`, { peer: `198.51.100.${i % 50}` }),
      ),
    )
    expect((await lock.login('alice', 'right')).status).toBe(200)
    const statuses = (await attack).map(({ status }) => status)
    expect(statuses.filter((status) => status === 401)).toHaveLength(9)
    expect(statuses.filter((status) => status === 503)).toHaveLength(191)
    expect(lock.store.bans).toEqual([])
  })
})
