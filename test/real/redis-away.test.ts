import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createClient } from '@redis/client'
import { hashSync } from 'bcryptjs'
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { openShared } from '../../src/adapter/node/redis/shared.ts'
import { describeWith } from '../support/parts/need.ts'
import { type RedisServer, redis, startRedis } from '../support/parts/redis.ts'
import { type PosternProcess, startPostern } from '../support/postern.ts'

const password = 'redis-password-canary'

describeWith([redis], 'a gateway whose Redis cannot be used', () => {
  let server: RedisServer
  let postern: PosternProcess
  beforeAll(async () => {
    process.env.POSTERN_TEST_REDIS_PASSWORD = password
    server = await startRedis('--requirepass', password)
    postern = await startPostern({
      config: {
        redis: { url: server.url, password: 'env:POSTERN_TEST_REDIS_PASSWORD' },
        users: { owner: { password: hashSync('owner-password', 4) } },
        rate_limits: [],
      },
    })
  })
  afterAll(async () => {
    delete process.env.POSTERN_TEST_REDIS_PASSWORD
    await postern?.stop()
    await server?.remove()
  })

  const readiness = async () => {
    const answer = await fetch(`${postern.url}/readyz`)
    return [answer.status, await answer.json()]
  }
  const well = [200, { status: 'ok' }]
  const alone = [200, { status: 'ok', degraded: [{ part: 'redis', detail: expect.any(String) }] }]

  /** What the log says of it, without times. */
  const told = () =>
    postern
      .log()
      .split('\n')
      .filter((line) => line.includes('"evt":"redis.'))
      .map((line) => JSON.parse(line) as { evt: string; reason?: string })
      .map(({ evt, reason }) => (reason === undefined ? evt : `${evt} ${reason}`))

  const findings = async () => {
    const { stdout } = await postern.run('doctor', '--json')
    const report = JSON.parse(stdout) as { findings: { id: string; says: string }[] }
    return report.findings
      .filter(({ id }) => id.startsWith('gateway.'))
      .map(({ id, says }) => `${id}: ${says}`)
  }

  it('says nothing while it is well', async () => {
    await expect.poll(readiness).toEqual(well)
    expect(told()).toEqual([])
    expect(await findings()).toEqual([expect.stringContaining('gateway.fine')])
  })

  it('says that it is gone: in its log, on /readyz, and to the doctor', async () => {
    await server.stop()
    await expect.poll(readiness).toEqual(alone)
    await expect.poll(told).toContainEqual(expect.stringContaining('ECONNREFUSED'))
    expect(await findings()).toContainEqual(
      expect.stringMatching(/^gateway.redis_away: .*127\.0\.0\.1:\d+.*ECONNREFUSED/),
    )
  })

  it('says anew when it comes back and refuses the password, without a request in between', async () => {
    await server.start('--requirepass', 'another-password')
    await expect
      .poll(told, { timeout: 10_000 })
      .toContainEqual(expect.stringContaining('WRONGPASS'))
    expect(await readiness()).toEqual(alone)
    expect(await findings()).toContainEqual(
      expect.stringMatching(/^gateway.redis_away: .*WRONGPASS/),
    )
  })

  it('does not repeat a reason', () => {
    const reasons = told().filter((line) => line.startsWith('redis.away'))
    expect(new Set(reasons).size).toBe(reasons.length)
  })

  it('says that all is well again, once the password is', async () => {
    await server.stop()
    await server.start()
    await expect.poll(readiness, { timeout: 10_000 }).toEqual(well)
    await expect.poll(() => told().at(-1)).toBe('redis.back')
    expect(await findings()).toEqual([expect.stringContaining('gateway.fine')])
  })

  it('notices without a request that a Redis does not answer any more, and that it does', async () => {
    server.freeze()
    await expect.poll(readiness, { timeout: 15_000 }).toEqual(alone)
    server.thaw()
    await expect.poll(readiness, { timeout: 15_000 }).toEqual(well)
  })

  it('never says the password', () => {
    expect(postern.log()).not.toContain(password)
  })
})

/** A name that leads to one server, and for new connections to another, as that of a managed Redis does. */
const startName = async (first: string) => {
  let port = Number(new URL(first).port)
  const sockets: Socket[] = []
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const each of [near, far]) each.on('error', () => {})
    near.pipe(far).pipe(near)
    sockets.push(near, far)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address() as AddressInfo
  return {
    url: `redis://127.0.0.1:${address.port}`,
    lead: (url: string) => {
      port = Number(new URL(url).port)
    },
    stop: () => {
      for (const each of sockets) each.destroy()
      server.close()
    },
  }
}

describeWith([redis], 'gateways whose Redis became a replica of another', () => {
  it('find the new one, and count and hear of bans there', async () => {
    const [old, next] = await Promise.all([startRedis(), startRedis()])
    const name = await startName(old.url)
    const log: string[] = []
    const config = { url: name.url, user: undefined, password: undefined, prefix: 'test:' }
    const shared = await openShared(config, (_level, evt) => log.push(evt))
    const [admin, other] = await Promise.all(
      [old.url, next.url].map((url) => createClient({ url }).connect()),
    )
    onTestFinished(async () => {
      shared.close()
      admin?.destroy()
      other?.destroy()
      name.stop()
      await Promise.all([old.remove(), next.remove()])
    })
    const { counters } = shared
    const rule = { events: 9, window: 60_000 }
    await vi.waitFor(() => counters.take('anybody', rule), 5000)
    const heard = vi.fn()
    counters.onBan(heard)

    name.lead(next.url)
    await admin?.sendCommand(['REPLICAOF', '127.0.0.1', new URL(next.url).port])
    await expect.poll(() => counters.take('anybody', rule).catch(String)).toMatch(/READONLY/)
    expect(counters.trouble()).toMatch(/READONLY/)
    await vi.waitFor(() => counters.take('anybody', rule), { timeout: 12_000, interval: 200 })
    expect(log).toEqual(['redis.away', 'redis.back'])
    const ban = {
      address: '203.0.113.9',
      cause: 'auth_failures',
      level: 1,
      startedAt: 1,
      until: 2,
      note: '',
    }
    await vi.waitFor(async () => {
      await other?.publish('test:bans', JSON.stringify(ban))
      expect(heard).toHaveBeenCalledWith(ban)
    }, 5000)
  }, 40_000)
})
