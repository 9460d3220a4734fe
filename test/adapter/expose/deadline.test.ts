import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { open, type Place } from '../../../src/adapter/node/tailscaled/expose/change.ts'
import { endOverdue, keepDeadline } from '../../../src/adapter/node/tailscaled/expose/deadline.ts'
import { recordPath, type Wanted } from '../../../src/adapter/node/tailscaled/expose/record.ts'
import { createLocalApi } from '../../../src/adapter/node/tailscaled/localapi.ts'
import { HASH } from '../../config/read.ts'
import { type FakeClock, fakeClock } from '../../support/clock.ts'
import { type FakeTailscaled, startFakeTailscaled } from '../../support/fake-tailscaled.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const HOUR = 3_600_000
const both: Wanted = { mode: 'both', port: 443, scheme: 'https' }
const serve: Wanted = { ...both, mode: 'serve' }
const capable = { https: null, funnel: null } as never

const scene = async (): Promise<{
  place: Place
  fake: FakeTailscaled
  mode: () => Promise<string>
}> => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-deadline-'))
  const self = {
    name: 'gateway',
    login: 'o@example.com',
    addresses: ['100.64.0.1'],
    nodeCapMap: capable,
  }
  const fake = await startFakeTailscaled({ self })
  stops.push(() => rm(folder, { recursive: true }), fake.stop)
  const configPath = join(folder, 'postern.hujson')
  await writeFile(configPath, `{ "users": { "owner": { "password": "${HASH}" } } }`)
  const localApi = createLocalApi({ socket: () => fake.socket })
  const place = { configPath, dataDir: folder, localApi, socket: fake.socket }
  const mode = async () => /"mode": "(\w+)"/.exec(await readFile(configPath, 'utf8'))?.[1] ?? 'none'
  return { place, fake, mode }
}

const keep = (place: Place, clock: FakeClock, mode = () => 'both') => {
  const log: string[] = []
  const kept = keepDeadline({
    place: () => place,
    clock,
    mode,
    log: (level, evt, fields) => log.push(`${level} ${evt} ${fields?.reason}`),
  })
  stops.push(kept.stop)
  return log
}
const within = { timeout: 5000 }

describe('what was exposed for a time', () => {
  it('is closed when it is over', async () => {
    const { place, fake, mode } = await scene()
    const clock = fakeClock()
    const log = keep(place, clock)
    await open(place, both, { until: clock.now() + HOUR })
    expect(await mode()).toBe('both')
    await new Promise((resolve) => setTimeout(resolve, 700)) // the record is seen, and looked at
    clock.advance(HOUR - 1)
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(log).toEqual([])
    clock.advance(1)
    await expect.poll(() => log, within).toEqual(['info expose.closed its time is over'])
    expect(fake.serveConfig).toEqual({})
    expect(await mode()).toBe('none')
  })

  it.each([
    [
      'back, for the other one goes on',
      (clock: FakeClock) => {
        clock.advance(HOUR)
        clock.setWall(0)
      },
    ],
    [
      'ahead, as after a sleep of the machine',
      (clock: FakeClock) => {
        clock.setWall(clock.now() + HOUR)
      },
    ],
  ])('is closed when the wall clock was put %s', async (_, change) => {
    const { place, fake } = await scene()
    const clock = fakeClock()
    await open(place, both, { until: clock.now() + HOUR })
    const log = keep(place, clock)
    await new Promise((resolve) => setTimeout(resolve, 600)) // the record is read
    change(clock)
    await expect.poll(() => log, within).toHaveLength(1)
    expect(fake.serveConfig).toEqual({})
  })

  it('becomes again what it was before', async () => {
    const { place, fake, mode } = await scene()
    const clock = fakeClock()
    await open(place, serve, {})
    const before = fake.serveConfig
    await open(place, both, { until: clock.now() - 1, after: serve })
    const log = keep(place, clock)
    await expect.poll(() => log, within).toHaveLength(1)
    expect(fake.serveConfig).toEqual(before)
    expect(await mode()).toBe('serve')
    expect(await readFile(recordPath(place.dataDir), 'utf8')).not.toContain('until')
  })

  it('is closed in tailscaled, and the configuration left alone that somebody has changed', async () => {
    const { place, fake, mode } = await scene()
    const clock = fakeClock()
    await open(place, both, { until: clock.now() - 1 })
    const log = keep(place, clock, () => 'serve')
    await expect.poll(() => log, within).toHaveLength(1)
    expect(fake.serveConfig).toEqual({})
    expect(await mode()).toBe('both')
  })

  it('is shut in the gateway when tailscaled does not let it', async () => {
    const { place, fake, mode } = await scene()
    const clock = fakeClock()
    await open(place, both, { until: clock.now() - 1, after: serve })
    Object.assign(fake, { writer: 'nobody' })
    let current = 'both'
    const log = keep(place, clock, () => current)
    await expect
      .poll(() => log, within)
      .toEqual([
        expect.stringMatching(/^error expose\.closed .*not closed.*denied.*postern expose off/),
      ])
    expect(await mode()).toBe('none')
    current = 'local'
    Object.assign(fake, { writer: 'root' })
    clock.advance(60_000)
    await expect.poll(() => fake.serveConfig, within).toEqual({})
  })

  it('is closed before a start, when that was while nobody ran', async () => {
    const { place, fake, mode } = await scene()
    await open(place, both, { until: Date.now() + HOUR })
    expect(await endOverdue(place, 'both')).toBe(false)
    await open(place, both, { until: Date.now() - 1 })
    expect(await endOverdue(place, 'both')).toBe(true)
    expect([await mode(), fake.serveConfig]).toEqual(['none', {}])
  })
})
