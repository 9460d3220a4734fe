import { describe, expect, it } from 'vitest'
import type { PasswordVerifier, Shared } from '../../src/platform/platform.ts'
import { basic, openLock } from '../support/lock.ts'

const users = { alice: 'right', bob: 'other' }
const times = <T>(n: number, make: (i: number) => T): T[] =>
  Array.from({ length: n }, (_, i) => make(i))

describe('wrong guesses', () => {
  it('shut the address out exactly at the limit, and no sooner', async () => {
    const lock = openLock({ users })
    for (let i = 0; i < 5; i += 1) {
      expect((await lock.login('alice', `guess ${i}`)).status).toBe(401)
      expect(lock.store.bans).toHaveLength(i === 4 ? 1 : 0)
    }
    expect(lock.verifier.asked).toHaveLength(5)
    expect((await lock.login('alice', 'guess 5')).status).toBe(429)
    expect(lock.store.bans).toEqual([
      {
        address: '203.0.113.7',
        cause: 'auth_failures',
        level: 1,
        startedAt: lock.clock.now(),
        until: lock.clock.now() + 900_000,
        note: '5 wrong credentials within 600 s',
      },
    ])
    expect(lock.logged('auth.ban')).toHaveLength(1)
  })

  it('count only within the window', async () => {
    const lock = openLock({ users })
    for (let i = 0; i < 4; i += 1) await lock.login('alice', `guess ${i}`)
    lock.clock.advance(600_000)
    for (let i = 4; i < 8; i += 1) {
      expect((await lock.login('alice', `guess ${i}`)).status).toBe(401)
    }
    expect(lock.store.bans).toEqual([])
    lock.clock.advance(599_999)
    await lock.login('alice', 'guess 8')
    expect(lock.store.bans).toHaveLength(1)
  })

  it('are not taken back by a success, or an account would buy guesses at the others', async () => {
    const lock = openLock({ users })
    for (let i = 0; i < 4; i += 1) await lock.login('alice', `guess ${i}`)
    expect((await lock.login('bob', 'other')).status).toBe(200)
    expect(lock.store.bans).toEqual([])
    await lock.login('alice', 'guess 4')
    expect(lock.store.bans).toHaveLength(1)
  })

  it('count anew after a ban, even one shorter than the window', async () => {
    const lock = openLock({ users, authFailures: { ban: 60_000 } })
    for (let i = 0; i < 5; i += 1) await lock.login('alice', `guess ${i}`)
    lock.clock.advance(60_000)
    for (let i = 5; i < 9; i += 1) {
      expect((await lock.login('alice', `guess ${i}`)).status).toBe(401)
    }
    expect((await lock.login('alice', 'right')).status).toBe(200)
  })

  it('outlive a reload', async () => {
    const lock = openLock({ users })
    for (let i = 0; i < 4; i += 1) await lock.login('alice', `guess ${i}`)
    lock.reload({})
    await lock.login('alice', 'guess 4')
    expect(lock.store.bans).toHaveLength(1)
    lock.reload({})
    expect((await lock.login('alice', 'guess 5')).status).toBe(429)
  })

  it('count against the socket peer, whatever addresses the client claims', async () => {
    const lock = openLock({ users })
    const statuses = []
    for (let i = 0; i < 50; i += 1) {
      const headers = {
        'x-forwarded-for': `1.2.3.${i}`,
        'x-real-ip': `1.2.3.${i}`,
        'cf-connecting-ip': `1.2.3.${i}`,
        'true-client-ip': `1.2.3.${i}`,
        'x-client-ip': `1.2.3.${i}`,
        forwarded: `for=1.2.3.${i}`,
      }
      statuses.push((await lock.login('alice', `guess ${i}`, { headers })).status)
    }
    expect(statuses).toEqual([...Array(5).fill(401), ...Array(45).fill(429)])
    expect(lock.store.bans.map(({ address }) => address)).toEqual(['203.0.113.7'])
  })

  it('count against the /64 of an IPv6 client behind a trusted proxy', async () => {
    const lock = openLock({ users, trustedProxies: ['unix'] })
    const statuses = []
    for (let i = 0; i < 1000; i += 1) {
      const headers = { 'x-forwarded-for': `2001:db8:1:2:${i.toString(16)}::1` }
      statuses.push((await lock.login('alice', `guess ${i}`, { peer: 'unix', headers })).status)
    }
    expect(statuses.filter((status) => status === 401)).toHaveLength(5)
    // And four that count for nothing: see "a banned address".
    expect(lock.verifier.asked).toHaveLength(9)
    expect(lock.store.bans.map(({ address }) => address)).toEqual(['2001:db8:1:2::/64'])
  })

  it('at one name from many addresses do not keep its owner out', async () => {
    const lock = openLock({ users })
    for (let i = 0; i < 1000; i += 1) {
      await lock.login('alice', `guess ${i}`, { peer: `198.51.${i % 250}.${i % 100}` })
    }
    expect((await lock.login('alice', 'right')).status).toBe(200)
  })

  it('sent at once are checked no more often than the limit', async () => {
    const lock = openLock({ users })
    lock.verifier.hold()
    const answers = Promise.all(times(100, (i) => lock.login('alice', `guess ${i}`)))
    await turn()
    expect(lock.verifier.held).toBe(5)
    lock.verifier.release()
    const statuses = (await answers).map(({ status }) => status)
    expect(statuses.filter((status) => status === 401)).toHaveLength(5)
    expect(statuses.filter((status) => status === 429)).toHaveLength(95)
    expect(lock.verifier.asked).toHaveLength(5)
    expect(lock.store.bans).toHaveLength(1)
    expect(lock.store.bans[0]?.level).toBe(1)
  })

  it('sent one after the other into the checks of others are checked no more often', async () => {
    const lock = openLock({ users })
    const answers = times(100, async (i) => {
      for (let turns = 0; turns < i; turns += 1) await Promise.resolve()
      return lock.login('alice', `guess ${i}`)
    })
    const statuses = (await Promise.all(answers)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 401)).toHaveLength(5)
    expect(lock.verifier.asked.length).toBeLessThanOrEqual(9)
    expect(lock.store.bans.map(({ level }) => level)).toEqual([1])
  })

  it('with keys are counted alike, and those sent at once ban once', async () => {
    const lock = openLock({ users })
    const guesses = times(100, (i) => lock.knock({ headers: { 'x-api-key': `sk-${i}` } }))
    await Promise.all(guesses)
    expect(lock.store.bans.map(({ level }) => level)).toEqual([1])
    expect((await lock.login('alice', 'wrong')).status).toBe(429)
  })
})

describe('the same wrong credential', () => {
  const carriers = (value: string) => [
    { authorization: `Bearer ${value}` },
    { 'x-api-key': value },
    { 'api-key': value },
    { 'x-goog-api-key': value },
  ]

  it('is one guess, however often it comes and whatever carries it', async () => {
    const lock = openLock({ users })
    for (let i = 0; i < 50; i += 1) {
      const headers = carriers('sk-stale')[i % 4] ?? {}
      expect((await lock.knock({ headers })).status).toBe(401)
    }
    for (let i = 0; i < 50; i += 1) {
      const all = [...carriers('alice:stale'), basic('alice', 'stale')]
      expect((await lock.knock({ headers: all[i % 5] ?? {} })).status).toBe(401)
    }
    expect(lock.store.bans).toEqual([])
    // Two guesses were counted, so three are left.
    for (let i = 0; i < 3; i += 1) await lock.login('alice', `guess ${i}`)
    expect(lock.store.bans).toHaveLength(1)
  })

  it('is one guess when it comes fifty times at once', async () => {
    const lock = openLock({ users })
    lock.verifier.hold()
    const headers = (i: number) => (i % 2 ? { 'x-api-key': 'alice:old' } : basic('alice', 'old'))
    const answers = Promise.all(times(50, (i) => lock.knock({ headers: headers(i) })))
    await turn()
    lock.verifier.release()
    expect((await answers).map(({ status }) => status)).toEqual(Array(50).fill(401))
    expect(lock.verifier.asked).toHaveLength(1)
    await Promise.all(times(50, () => lock.knock({ headers: { 'x-api-key': 'sk-stale' } })))
    for (let i = 0; i < 2; i += 1) await lock.login('alice', `guess ${i}`)
    expect(lock.store.bans).toEqual([])
    await lock.login('alice', 'guess 2')
    expect(lock.store.bans).toHaveLength(1)
  })

  it('is a guess again once the window is over', async () => {
    const lock = openLock({ users, authFailures: { max: 2 } })
    await lock.login('alice', 'old')
    lock.clock.advance(600_000)
    await lock.login('alice', 'old')
    expect(lock.store.bans).toEqual([])
    await lock.login('alice', 'other')
    expect(lock.store.bans).toHaveLength(1)
  })

  it('is a guess of its own from another address, and at another user', async () => {
    const lock = openLock({ users: { ...users, carol: 'c' }, authFailures: { max: 2 } })
    await lock.login('alice', 'old')
    await lock.login('alice', 'old', { peer: '198.51.100.1' })
    expect(lock.store.bans).toEqual([])
    await lock.login('carol', 'old')
    expect(lock.store.bans.map(({ address }) => address)).toEqual(['203.0.113.7'])
  })

  it('is right at once when a reload makes it so', async () => {
    const lock = openLock({ users })
    for (let i = 0; i < 10; i += 1) await lock.login('alice', 'new')
    lock.reload({ users: { alice: 'new' } })
    expect((await lock.login('alice', 'new')).status).toBe(200)
  })

  it('is on the record once as a guess, and else as a repetition', async () => {
    const lock = openLock({ users })
    for (let i = 0; i < 4; i += 1) await lock.login('alice', 'old')
    const reasons = ['wrong_password', 'repeated', 'repeated', 'repeated']
    expect(lock.store.failures.map(({ reason }) => reason)).toEqual(reasons)
    expect(lock.logged('auth.fail').map(({ fields }) => fields.reason)).toEqual(reasons)
  })

  it('is one guess for all gateways that count together', async () => {
    const common = new Map<string, Set<string>>()
    const shared: Shared = {
      take: async () => 0,
      fail: async (address, _window, mark) => {
        const marks = common.get(address) ?? new Set()
        common.set(address, marks.add(mark))
        return marks.size
      },
      forget: async (address) => void common.delete(address),
      announce: async () => {},
      trouble: () => undefined,
      onBan: () => {},
    }
    const gateways = times(3, () => openLock({ users, shared }))
    for (let i = 0; i < 30; i += 1) await gateways[i % 3]?.login('alice', 'old')
    await Promise.all(gateways.flatMap(({ background }) => background))
    expect(common.get('203.0.113.7')?.size).toBe(1)
    for (let i = 0; i < 4; i += 1) await gateways[i % 3]?.login('alice', `guess ${i}`)
    await Promise.all(gateways.flatMap(({ background }) => background))
    expect(gateways.flatMap(({ store }) => store.bans)).toHaveLength(1)
  })
})

describe('a request that a page of another site caused', () => {
  const elsewhere = [
    [
      'a picture',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
    ],
    ['a script of a neighbour', { 'sec-fetch-site': 'same-site', 'sec-fetch-dest': 'script' }],
    ['a link', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }],
    ['a form', { origin: 'https://evil.example' }],
    ['a frame without an origin', { origin: 'null' }],
    ['a picture over plain HTTP', { 'user-agent': 'Mozilla/5.0', accept: 'image/avif,*/*;q=0.8' }],
    ['a link over plain HTTP', { 'user-agent': 'Mozilla/5.0', referer: 'http://evil.example/' }],
  ] as const

  it.each(elsewhere)('is not a guess and costs no hash: %s', async (_what, headers) => {
    const lock = openLock({ users })
    for (let i = 0; i < 100; i += 1) {
      expect((await lock.login('alice', `bad ${i}`, { headers })).status).toBe(403)
      const path = `/v1beta/models?key=sk-${i}`
      expect((await lock.knock({ path, headers })).status).toBe(401)
      expect((await lock.knock({ path: `/v1beta/models?key=x:${i}`, headers })).status).toBe(401)
      expect((await lock.knock({ headers: { ...headers, 'x-api-key': `sk-${i}` } })).status).toBe(
        401,
      )
    }
    expect(lock.verifier.asked).toEqual([])
    expect(lock.store.bans).toEqual([])
    expect((await lock.login('alice', 'right')).status).toBe(200)
  })

  it('is served what was proven here before, with one hash where that is long ago', async () => {
    const lock = openLock({ users })
    const headers = { 'sec-fetch-site': 'cross-site' }
    await lock.login('alice', 'right')
    expect((await lock.login('alice', 'right', { headers })).status).toBe(200)
    expect(lock.verifier.asked).toHaveLength(1)
    lock.clock.advance(3_600_000)
    expect((await lock.login('alice', 'right', { headers })).status).toBe(200)
    expect(lock.verifier.asked).toHaveLength(2)
    lock.clock.advance(90_000_000)
    expect((await lock.login('alice', 'right', { headers })).status).toBe(403)
    expect(lock.verifier.asked).toHaveLength(2)
  })

  it('gets few hashes for a password that the page had to ask leave for, and none counts', async () => {
    const lock = openLock({ users })
    const headers = { origin: 'https://evil.example' }
    const bearer = (password: string) =>
      lock.knock({ headers: { ...headers, authorization: `Bearer alice:${password}` } })
    for (let i = 0; i < 50; i += 1) expect((await bearer(`bad ${i}`)).status).toBeOneOf([403, 429])
    expect(lock.verifier.asked).toHaveLength(4)
    expect(lock.store.bans).toEqual([])
    expect((await lock.login('alice', 'right')).status).toBe(200)
    expect((await bearer('right')).status).toBe(200)
  })

  it.each([
    ['our own page', { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' }],
    ['an address that somebody typed', { 'sec-fetch-site': 'none' }],
    ['an app', { origin: 'app://notes', 'sec-fetch-site': 'cross-site' }],
    ['an extension of the browser', { origin: 'chrome-extension://abc' }],
    ['a program that refers to something', { referer: 'http://other.example/', 'user-agent': 'x' }],
  ])('is not what %s sends, which counts', async (_what, headers) => {
    const lock = openLock({ users })
    for (let i = 0; i < 5; i += 1) {
      expect((await lock.login('alice', `bad ${i}`, { headers: { ...headers } })).status).toBe(401)
    }
    expect(lock.store.bans).toHaveLength(1)
  })
})

describe('a banned address', () => {
  const banned = async (options: Parameters<typeof openLock>[0] = {}) => {
    const lock = openLock({ users: { ...users, carol: 'c' }, ...options })
    for (let i = 0; i < 5; i += 1) await lock.login('alice', `guess ${i}`)
    lock.verifier.asked.length = 0
    return lock
  }

  it('is let in with a right password that was never seen before', async () => {
    const lock = await banned()
    expect((await lock.login('alice', 'right')).status).toBe(200)
    expect((await lock.login('alice', 'wrong')).status).toBe(429)
    expect((await lock.login('carol', 'c')).status).toBe(200)
  })

  it('has so many hashes as an address that is never banned could have, and no more', async () => {
    const lock = await banned({ authFailures: { ban: 3_600_000 } })
    for (let i = 0; i < 200; i += 1) {
      expect((await lock.login('alice', `more ${i}`)).status).toBe(429)
    }
    expect(lock.verifier.asked).toHaveLength(4)
    expect((await lock.login('alice', 'right')).status).toBe(429)
    lock.clock.advance(599_000)
    await lock.login('alice', 'later')
    expect(lock.verifier.asked).toHaveLength(4)
    lock.clock.advance(1000)
    expect((await lock.login('alice', 'right')).status).toBe(200)
  })

  it('has no more of them for guesses sent at once', async () => {
    const lock = await banned()
    lock.verifier.hold()
    const answers = Promise.all(times(100, (i) => lock.login('alice', `more ${i}`)))
    await turn()
    expect(lock.verifier.held).toBe(4)
    lock.verifier.release()
    expect(new Set((await answers).map(({ status }) => status))).toEqual(new Set([429]))
  })

  it('spends none on what it was banned for, or on the same again', async () => {
    const lock = await banned()
    for (let i = 0; i < 5; i += 1) await lock.login('alice', `guess ${i}`)
    for (let i = 0; i < 50; i += 1) await lock.login('alice', 'stale')
    expect(lock.verifier.asked).toHaveLength(1)
    expect((await lock.login('alice', 'right')).status).toBe(200)
  })

  it('is let in with what was right there within a day, when nothing else is left', async () => {
    const lock = openLock({ users: { ...users, carol: 'c' }, authFailures: { ban: 3_600_000 } })
    await lock.login('carol', 'c')
    lock.clock.advance(3_600_000)
    for (let i = 0; i < 50; i += 1) await lock.login('alice', `guess ${i}`)
    const { length } = lock.verifier.asked
    expect((await lock.login('carol', 'c')).status).toBe(200)
    expect(lock.verifier.asked).toHaveLength(length + 1)
    expect((await lock.login('alice', 'right')).status).toBe(429)
  })

  it('neither lengthens its ban nor begins the next one by what it tries meanwhile', async () => {
    const lock = await banned()
    for (let i = 0; i < 20; i += 1) await lock.login('alice', `more ${i}`)
    expect(lock.store.bans.map(({ level }) => level)).toEqual([1])
    lock.clock.advance(900_000)
    for (let i = 0; i < 4; i += 1) {
      expect((await lock.login('alice', `next ${i}`)).status).toBe(401)
    }
    expect(lock.store.bans.map(({ level }) => level)).toEqual([1])
  })

  it('keeps its ban by what an admin says, whatever is shown', async () => {
    const lock = openLock({ users })
    const ban = {
      address: '203.0.113.7',
      cause: 'admin',
      level: 1,
      startedAt: 0,
      until: null,
    } as const
    await lock.state.bans.loaded
    lock.store.changeBans([{ ...ban, note: '' }])
    expect((await lock.login('alice', 'right')).status).toBe(403)
    expect(lock.verifier.asked).toEqual([])
  })
})

describe('guesses that are left before their outcome', () => {
  it('count, or they could be had for nothing and looked up in what was remembered', async () => {
    const checking: (() => void)[] = []
    const asked: string[] = []
    const passwords: PasswordVerifier = {
      // A check that runs cannot be stopped.
      verify: (password) =>
        new Promise((resolve) => {
          asked.push(password)
          checking.push(() => resolve(password === 'right'))
        }),
    }
    const lock = openLock({ users, passwords })
    for (const guess of ['1', '2', '3', '4', '5', '6', 'right']) {
      const leaving = new AbortController()
      const left = lock.login('alice', guess, { signal: leaving.signal })
      await turn()
      leaving.abort()
      await left
      for (const finish of checking.splice(0)) finish()
      await turn()
    }
    // The ban came with the sixth, which was not checked; a right password is let through.
    expect(asked).toEqual(['1', '2', '3', '4', '5', 'right'])
    expect(lock.store.bans).toHaveLength(1)
  })

  it('hold their slot until they are done', async () => {
    const never: PasswordVerifier = { verify: () => new Promise(() => undefined) }
    const lock = openLock({ users, passwords: never })
    const statuses = []
    for (let i = 0; i < 7; i += 1) {
      const leaving = new AbortController()
      const left = lock.login('alice', `guess ${i}`, { signal: leaving.signal })
      await turn()
      leaving.abort()
      statuses.push((await left).status)
    }
    expect(statuses).toEqual([503, 503, 503, 503, 503, 429, 429])
    expect(lock.store.bans).toEqual([])
  })
})

describe('what is not a guess', () => {
  it.each([
    ['no credential', {}],
    ['a malformed one', { headers: { authorization: 'Basic %%%%' } }],
    ['an unknown scheme', { headers: { authorization: 'Negotiate x' } }],
    ['one too long', { headers: { 'x-api-key': 'k'.repeat(9000) } }],
    ['two that disagree', { headers: { 'x-api-key': 'a', 'api-key': 'b' } }],
  ])('is never counted: %s', async (_what, knock) => {
    const lock = openLock({ users })
    for (let i = 0; i < 20; i += 1) {
      expect((await lock.knock(knock)).status).toBeOneOf([400, 401])
    }
    expect(lock.store.bans).toEqual([])
    expect((await lock.login('alice', 'right')).status).toBe(200)
  })

  it("is never counted: a provider's own 401", async () => {
    const lock = openLock({ users })
    for (let i = 0; i < 20; i += 1) {
      expect((await lock.login('alice', 'right', { path: '/v1/upstream' })).status).toBe(401)
    }
    expect(lock.store.bans).toEqual([])
    expect(lock.store.failures).toEqual([])
    expect(lock.logged('auth.fail')).toEqual([])
  })

  it('is never counted: a key for somebody else, where no caller is wanted', async () => {
    const lock = openLock({ users })
    const headers = { authorization: 'Bearer token.of.open-webui' }
    for (let i = 0; i < 20; i += 1) {
      expect((await lock.knock({ path: '/optional', headers })).status).toBe(200)
    }
    expect(lock.store.bans).toEqual([])
    expect(lock.store.failures).toEqual([])
  })

  it('is never counted: a limit that was hit', async () => {
    const zone = { zone: 'z', match: '/**', per: 'client', events: 1, window: 60_000 } as const
    const lock = openLock({ users, rateLimits: [zone] })
    await lock.login('alice', 'right')
    for (let i = 0; i < 20; i += 1) {
      expect((await lock.login('alice', `guess ${i}`)).status).toBe(429)
    }
    expect(lock.store.bans).toEqual([])
  })
})

describe('an address behind which everybody may stand', () => {
  const peers = [
    ['loopback', { peer: '127.0.0.1' }],
    ['a unix socket', { peer: 'unix' }],
    ['a trusted proxy', { peer: '10.1.1.1' }],
  ] as const

  it.each(peers)('is never banned: %s', async (_what, from) => {
    const lock = openLock({ users, trustedProxies: ['10.0.0.0/8'] })
    for (let i = 0; i < 100; i += 1) {
      expect((await lock.login('alice', `guess ${i}`, from)).status).toBe(401)
    }
    expect(lock.store.bans).toEqual([])
    expect((await lock.login('alice', 'right', from)).status).toBe(200)
    expect(lock.logged('auth.unbannable')).toHaveLength(1)
    expect(lock.logged('auth.unbannable')[0]?.fields.hint).toMatch(/trusted_proxies/)
  })

  it('gets so many checks at once, and one at a time after the limit', async () => {
    const lock = openLock({ users })
    const from = { peer: '127.0.0.1' }
    const burst = async (n: number) => {
      lock.verifier.hold()
      const answers = Promise.all(times(n, (i) => lock.login('alice', `${n} ${i}`, from)))
      await turn()
      const held = lock.verifier.held
      lock.verifier.release()
      const refused = (await answers).filter(({ status }) => status === 429)
      for (const answer of refused) expect(answer.headers.get('retry-after')).toBe('1')
      return { held, refused: refused.length }
    }
    expect(await burst(20)).toEqual({ held: 5, refused: 15 })
    expect(await burst(10)).toEqual({ held: 1, refused: 9 })
    lock.clock.advance(600_000)
    expect(await burst(20)).toEqual({ held: 5, refused: 15 })
  })
})

describe('the record of refused attempts', () => {
  it('has who, what, where from and why', async () => {
    const lock = openLock({ users })
    await lock.login('alice', 'wrong', { path: '/v1/chat/completions' })
    expect(lock.store.failures).toEqual([
      {
        id: expect.stringMatching(/^id-/),
        at: lock.clock.now(),
        clientIp: '203.0.113.7',
        user: 'alice',
        reason: 'wrong_password',
        route: '/v1/chat/completions',
        requestId: 'id-1',
      },
    ])
    expect(lock.logged('auth.fail')[0]?.fields).toMatchObject({ ip: '203.0.113.7', rid: 'id-1' })
  })

  it('cuts long names at 64 characters, leaves no half of one, and holds no secret', async () => {
    const lock = openLock({ users })
    await lock.login(`${'u'.repeat(63)}😀`, 'hunter2')
    await lock.knock({ headers: { authorization: 'Bearer sk-secret' } })
    await lock.knock({ path: `/v1/${'p'.repeat(10_000)}` })
    expect(lock.store.failures[2]?.route).toHaveLength(128)
    expect(lock.store.failures[0]?.user).toBe(`${'u'.repeat(63)}\ufffd`)
    expect(JSON.stringify([lock.store.failures, lock.log])).not.toMatch(/hunter2|sk-secret/)
  })

  it('is sampled under a flood, and says how much it left out', async () => {
    const lock = openLock({ users })
    for (let i = 0; i < 1000; i += 1) await lock.knock()
    expect(lock.store.failures).toHaveLength(50)
    lock.clock.advance(1000)
    await lock.knock()
    expect(lock.store.failures).toHaveLength(51)
    expect(lock.logged('auth.fail')).toHaveLength(51)
    expect(lock.logged('auth.fail').at(-1)?.fields.omitted).toBe(950)
  })
})

/** Lets everything happen that waits for nothing but its turn. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
