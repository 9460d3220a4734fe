import { createClient } from '@redis/client'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { type OpenShared, openShared } from '../../src/adapter/node/redis/shared.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { describeWith } from '../support/parts/need.ts'
import { type RedisServer, redis, startRedis } from '../support/parts/redis.ts'
import { chat } from '../support/setup.ts'

const password = 'redis-password-canary'
const from = (address: string) => ({ 'x-forwarded-for': address })

describeWith([redis], 'gateways that count in one Redis', () => {
  let server: RedisServer
  let upstream: FakeUpstream
  const gateways: TestGateway[] = []
  const opened: OpenShared[] = []
  const log: string[] = []

  beforeAll(async () => {
    server = await startRedis('--requirepass', password)
    upstream = await startUpstream({ models: ['tiny'] })
    for (const _ of ['one', 'two', 'three']) {
      const config = { url: server.url, user: undefined, password, prefix: 'test:' }
      const shared = await openShared(config, (level, evt, fields) =>
        log.push(JSON.stringify([level, evt, fields])),
      )
      opened.push(shared)
      gateways.push(
        await startTestGateway(
          {
            listeners: [{ name: 'local', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }],
            providers: { local: { baseurl: upstream.url, models: ['tiny'] } },
            rate_limits: [
              { zone: 'list', match: '/v1/models', per: 'caller', events: 6, window: '1h' },
            ],
            auth_failures: { max: 6, window: '10m', ban: '15m' },
          },
          { platform: { shared: shared.counters } },
        ),
      )
    }
    await vi.waitFor(() => opened[0]!.counters.take('warm', { events: 9, window: 1000 }), 5000)
  })
  afterAll(async () => {
    for (const each of gateways) await each.stop()
    for (const each of opened) each.close()
    await upstream?.stop()
    await server?.remove()
  })
  afterEach(() => server.thaw())

  const as = (user: string) => ({ authorization: `Basic ${btoa(`${user}:${user}-password`)}` })
  const listing = async (at: number, user: string) =>
    (await fetch(`${gateways[at % 3]!.url}/v1/models`, { headers: as(user) })).status

  it('let through together what one alone would', async () => {
    const asked = Array.from({ length: 24 }, (_, at) => listing(at, 'alice'))
    const statuses = await Promise.all(asked)
    expect(statuses.filter((status) => status === 200)).toHaveLength(6)
    expect(statuses.filter((status) => status === 429)).toHaveLength(18)
    const refused = await fetch(`${gateways[2]!.url}/v1/models`, { headers: as('alice') })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(60)
  })

  it('shut an address out everywhere for wrong guesses made anywhere', async () => {
    const guess = (at: number, address: string) =>
      chat(
        gateways[at % 3]!.url,
        { model: 'tiny' },
        {
          headers: { ...from(address), authorization: `Basic ${btoa(`alice:wrong-${at}`)}` },
        },
      )
    for (let at = 0; at < 6; at++) expect((await guess(at, '203.0.113.5')).status).toBe(401)
    // Heard by all of them, and kept for the next start, before anybody guesses again.
    for (const { store } of gateways) {
      await expect.poll(() => store.bans).toMatchObject([{ address: '203.0.113.5', level: 1 }])
    }
    for (const at of [0, 1, 2]) {
      await expect.poll(async () => (await guess(at, '203.0.113.5')).status).toBe(429)
      const neighbour = { headers: from('203.0.113.6') }
      expect((await chat(gateways[at]!.url, { model: 'tiny' }, neighbour)).status).toBe(200)
    }
  })

  it('take one stale credential for one guess, whichever of them it comes to', async () => {
    const ask = (at: number, password: string) =>
      chat(
        gateways[at % 3]!.url,
        { model: 'tiny' },
        {
          headers: {
            ...from('203.0.113.8'),
            authorization: `Basic ${btoa(`alice:${password}`)}`,
          },
        },
      )
    for (let at = 0; at < 18; at++) expect((await ask(at, 'stale')).status).toBe(401)
    for (let at = 0; at < 4; at++) expect((await ask(at, `other-${at}`)).status).toBe(401)
    expect(gateways.flatMap(({ store }) => store.bans.map(({ address }) => address))).not.toContain(
      '203.0.113.8',
    )
    expect((await ask(4, 'other-4')).status).toBe(401)
    await expect
      .poll(() => gateways[0]!.store.bans.map(({ address }) => address))
      .toContain('203.0.113.8')
  })

  it('answer at once by what they know themselves while it is frozen, and share again after', async () => {
    server.freeze()
    const begun = performance.now()
    expect(await listing(0, 'owner')).toBe(200)
    const waited = performance.now() - begun
    for (let at = 0; at < 12; at++) await listing(0, 'owner')
    expect(await listing(0, 'owner')).toBe(429) // its own limit holds
    expect(await listing(1, 'owner')).toBe(200)
    expect(waited).toBeLessThan(400)
    expect(log.filter((line) => line.includes('redis.away'))).not.toEqual([])
    server.thaw()
    const one = { events: 1, window: 60_000 }
    for (const at of [0, 1]) {
      const own = `after-${at}`
      await vi.waitFor(() => opened[at]!.counters.take(own, one), 5000)
    }
    expect(await opened[0]!.counters.take('after', one)).toBe(0)
    expect(await opened[1]!.counters.take('after', one)).toBeGreaterThan(0)
  })

  it('go on while it is gone, and find it again', async () => {
    await server.stop()
    expect((await chat(gateways[1]!.url, { model: 'tiny' })).status).toBe(200)
    await server.start()
    const heard = vi.fn()
    opened[2]!.counters.onBan(heard)
    const ban = {
      address: '203.0.113.9',
      cause: 'auth_failures',
      level: 1,
      startedAt: 1,
      until: 2,
      note: '',
    } as const
    await vi.waitFor(async () => {
      await opened[0]!.counters.announce(ban)
      expect(heard).toHaveBeenCalledWith(ban)
    }, 10_000)
  })

  it('take no news that is none, from whoever else uses it', async () => {
    const stranger = await createClient({ url: server.url, password }).connect()
    const everybody = {
      address: '0.0.0.0/0',
      cause: 'admin',
      level: 1,
      startedAt: 1,
      until: null,
      note: '',
    }
    for (const text of ['', '{', 'null', '{"address":1}', JSON.stringify(everybody)]) {
      await stranger.publish('test:bans', text)
    }
    stranger.destroy()
    const unreadable = () => log.filter((line) => line.includes('redis.unreadable')).length
    await expect.poll(unreadable).toBeGreaterThanOrEqual(15)
    expect((await chat(gateways[0]!.url, { model: 'tiny' })).status).toBe(200)
  })

  it('never say its password', () => {
    expect(log.join('\n')).not.toContain(password)
    expect(JSON.stringify(gateways.map((each) => each.log))).not.toContain(password)
  })
})
