import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLocalApi } from '../../src/adapter/node/tailscaled/localapi.ts'
import { checkDoors } from '../../src/admin/doctor/checks/doors.ts'
import { type FakeTailscaled, startFakeTailscaled } from '../support/fake-tailscaled.ts'
import { given, type Patient } from './patient.ts'

let tailscaled: FakeTailscaled
beforeEach(async () => {
  tailscaled = await startFakeTailscaled({
    self: {
      name: 'gateway',
      login: 'owner@example.com',
      addresses: ['100.64.0.1'],
      nodeCapMap: { https: [], funnel: [] },
    },
  })
})
afterEach(() => tailscaled.stop())

const listeners = [
  { name: 'local', bind: '127.0.0.1:0' },
  { name: 'tailnet', bind: 'unix:tailnet.sock', identity: 'serve' },
]
const serve = { listeners, mode: 'serve', front: 'tailscale' }
const both = { ...serve, mode: 'both' }

const web = (funnel: boolean, port = 443) => ({
  TCP: { [port]: { HTTPS: true } },
  Web: {
    [`gateway.tail.test:${port}`]: { Handlers: { '/': { Proxy: 'unix:/data/tailnet.sock' } } },
  },
  ...(funnel && { AllowFunnel: { [`gateway.tail.test:${port}`]: true } }),
})

const look = async (config: object, rest: Patient = {}) => {
  const localApi = createLocalApi({ socket: () => tailscaled.socket })
  const machine = { absolute: (path: string) => `/data/${path}` }
  const findings = await checkDoors(given({ localApi, machine, ...rest, config: { ...config } }))
  return findings.filter(({ severity }) => severity !== 'ok')
}
const said = async (...args: Parameters<typeof look>) =>
  (await look(...args)).map(({ id, says }) => `${id}: ${says}`)

/** What `status` says of our own node, changed. */
const self = async (changes: object) => {
  const localApi = createLocalApi({ socket: () => tailscaled.socket })
  const signal = AbortSignal.timeout(2000)
  const { body } = await localApi({ path: '/localapi/v0/status', signal })
  const { Self } = JSON.parse(body) as { Self: object }
  tailscaled.status = { ...tailscaled.status, Self: { ...Self, ...changes } }
}

describe('the doors', () => {
  it.each([
    ['serve', serve, false],
    ['both', both, true],
  ])('are as they should be in mode %s', async (_, config, funnel) => {
    tailscaled.serveConfig = web(funnel)
    expect(await said(config)).toEqual([])
  })

  it('need no tailscaled in mode local', async () => {
    await tailscaled.fault('vanish')
    expect(await said({ mode: 'local' })).toEqual([])
  })

  it('are not looked at where there is no tailscaled to ask, as on Workers', async () => {
    const config = { ...serve }
    expect(await checkDoors(given({ config, localApi: undefined }))).toEqual([])
  })

  it('are closed when tailscaled does not answer, in time', async () => {
    await tailscaled.fault('hang')
    const started = performance.now()
    expect(await said(serve)).toEqual([
      'doors.doubt: tailscaled does not answer, so nobody is known by the tailnet',
    ])
    expect(performance.now() - started).toBeLessThan(3500)
  })

  it('are closed when it is not connected, which is said once', async () => {
    tailscaled.status = { ...tailscaled.status, BackendState: 'NeedsLogin' }
    tailscaled.serveConfig = web(false)
    expect(await said(serve)).toEqual([expect.stringMatching(/not connected \(NeedsLogin\)/)])
  })

  it('are not safe with an old tailscaled, which is said once', async () => {
    tailscaled.status = { ...tailscaled.status, Version: '1.102.1' }
    tailscaled.serveConfig = web(true)
    expect(await said(both)).toEqual([
      'doors.conflict: tailscaled 1.102.1 is older than 1.102.2, and not safe on the internet',
    ])
  })

  it('are open to the internet in mode serve', async () => {
    tailscaled.serveConfig = web(true)
    expect(await said(serve)).toEqual([
      expect.stringMatching(/doors\.conflict: tailscaled lets the internet in/),
    ])
  })

  it('lie open to the tailnet where tailscaled has no network device', async () => {
    tailscaled.status = { ...tailscaled.status, TUN: false }
    tailscaled.serveConfig = web(false)
    const loopback = [{ ...listeners[1], bind: '127.0.0.1:8788' }]
    expect((await said({ ...serve, listeners: loopback }))[0]).toMatch(
      /doors\.conflict: .*without a network device/,
    )
  })

  it.each([
    ['the funnel attribute', { CapMap: { https: [] } }, /does not let this node use Funnel/],
    ['certificates', { CapMap: { funnel: [] } }, /gives out no HTTPS certificates/],
    ['MagicDNS', { DNSName: '' }, /MagicDNS is off/],
  ])('lack %s', async (_, changes, message) => {
    tailscaled.serveConfig = web(true)
    await self(changes)
    const [finding, ...more] = await look(both)
    expect(finding).toMatchObject({ id: 'doors.obstacle', severity: 'error' })
    expect(finding?.says).toMatch(message)
    expect(more).toEqual([])
  })

  it('are on a port that Funnel does not have', async () => {
    tailscaled.serveConfig = web(true, 9443)
    expect(await said(both)).toEqual(['doors.obstacle: port 9443 is not open to Funnel'])
  })

  it.each([
    [-1, 'error', 'doors.key_expired'],
    [13, 'warning', 'doors.key_expiring'],
  ])('close %i days from now, with the key of the node', async (days, severity, id) => {
    tailscaled.serveConfig = web(false)
    await self({ KeyExpiry: new Date(Date.now() + (days + 0.5) * 86_400_000).toISOString() })
    expect(await look(serve)).toMatchObject([{ id, severity }])
    // Nobody comes by the tailnet.
    tailscaled.serveConfig = null
    expect(await look({ mode: 'local' })).toEqual([])
  })

  it.each([
    ['15 days', () => new Date(Date.now() + 15 * 86_400_000).toISOString()],
    ['never', () => '0001-01-01T00:00:00Z'],
  ])('say nothing of a key that expires in %s', async (_, expiry) => {
    tailscaled.serveConfig = web(false)
    await self({ KeyExpiry: expiry() })
    expect(await look(serve)).toEqual([])
  })
})
