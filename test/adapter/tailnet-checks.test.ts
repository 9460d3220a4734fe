import { afterEach, describe, expect, it, vi } from 'vitest'
import { createLocalApi } from '../../src/adapter/node/tailscaled/localapi.ts'
import { createTailnetChecks } from '../../src/adapter/node/tailscaled/tailnet-checks.ts'
import { testConfig } from '../support/config.ts'
import { type FakeTailscaled, startFakeTailscaled } from '../support/fake-tailscaled.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  vi.useRealTimers()
  for (const stop of stops.splice(0).reverse()) await stop()
})

const tailnet = { name: 'tailnet', bind: 'unix:tailnet.sock', identity: 'serve' }
const local = testConfig()
const serve = testConfig({ mode: 'serve', front: 'tailscale', listeners: [tailnet] })
const both = testConfig({ mode: 'both', front: 'tailscale', listeners: [tailnet] })
const door = {
  TCP: { 443: { HTTPS: true } },
  Web: { 'gateway.tail.test:443': { Handlers: { '/': { Proxy: 'unix:/data/tailnet.sock' } } } },
}
const open = { ...door, AllowFunnel: { 'gateway.tail.test:443': true } }

const scene = async (serveConfig: unknown, fake?: FakeTailscaled) => {
  const tailscaled = fake ?? (await startFakeTailscaled())
  stops.push(tailscaled.stop)
  tailscaled.serveConfig = serveConfig
  const log: string[] = []
  const checks = createTailnetChecks({
    localApi: () => createLocalApi({ socket: () => tailscaled.socket }),
    absolute: (path) => `/data/${path}`,
    log: (level, evt, fields) => log.push(`${level} ${evt} ${fields?.reason}`),
  })
  return { tailscaled, checks, log }
}

describe('a start', () => {
  it('is refused when the internet is let in and must not be', async () => {
    const { checks } = await scene(open)
    await expect(checks.start(serve)).rejects.toThrow(
      /^nothing was started\ntailscale: error: tailscaled lets the internet in.*expose serve/,
    )
    await checks.start(both)
  })

  it('goes on, and says so, when tailscaled is away or hangs', async () => {
    const { checks, log, tailscaled } = await scene(door)
    await tailscaled.fault('hang')
    const started = performance.now()
    await checks.start(serve)
    expect(performance.now() - started).toBeLessThan(3000)
    expect(log).toEqual([expect.stringMatching(/^warn tailscale\.check .*does not answer/)])
  })

  it('asks nothing of a machine without tailscaled', async () => {
    const { checks, log, tailscaled } = await scene(door)
    await tailscaled.fault('vanish')
    await checks.start(local)
    expect(log).toEqual([])
  })
})

describe('a reload', () => {
  it('is refused for what the new configuration makes wrong', async () => {
    const { checks, tailscaled } = await scene(open)
    tailscaled.status = { Version: '1.100.0', TUN: true }
    expect(await checks.reload(local, both)).toEqual([expect.stringMatching(/1\.100\.0/)])
  })

  it('is not refused for what is wrong already: it may take a right away', async () => {
    const { checks, tailscaled } = await scene(open)
    tailscaled.status = { Version: '1.100.0', TUN: true }
    expect(await checks.reload(both, both)).toEqual([])
  })

  it('is not refused when it shuts the door that tailscaled keeps open', async () => {
    const { checks } = await scene(open)
    expect(await checks.reload(both, serve)).toEqual([])
    expect(await checks.reload(both, local)).toEqual([])
  })
})

describe('as time goes by', () => {
  it('says once a minute what is new, and each thing once until it was gone', async () => {
    const { checks, log, tailscaled } = await scene(door)
    await checks.start(serve)
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const watched = checks.watch(() => serve)
    stops.push(watched.stop)
    const minute = async () => {
      const before = tailscaled.calls.length
      vi.advanceTimersByTime(60_000)
      await vi.waitUntil(() => tailscaled.calls.length >= before + 2, { timeout: 10_000 })
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await minute()
    expect(log).toEqual([])
    tailscaled.serveConfig = open
    await minute()
    await minute()
    expect(log).toEqual([expect.stringMatching(/^warn tailscale\.check .*lets the internet in/)])
    tailscaled.serveConfig = door
    await minute()
    tailscaled.serveConfig = open
    await minute()
    expect(log).toHaveLength(2)
  })
})
