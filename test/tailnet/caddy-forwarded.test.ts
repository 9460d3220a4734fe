import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as secure } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { build } from '../../caddy/config.ts'
import type { CaddyOptions } from '../../caddy/options.ts'
import { megabyte, tcp } from '../caddy/set-up.ts'
import { TEST_PASSWORDS } from '../support/config.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { caddy, startCaddy } from '../support/parts/caddy.ts'
import { describeWith } from '../support/parts/need.ts'
import { freePort } from '../support/parts/port.ts'
import { startBackend } from '../support/tailnet/backend.ts'
import type { Answer, HeaderLines } from '../support/tailnet/http.ts'
import { tailnetParts } from '../support/tailnet/programs.ts'
import { gatewayName } from '../support/tailnet/rig.ts'
import { forged } from '../support/tailnet/table.ts'
import { seenBy, tailnetRig } from './scene.ts'

/** As `tailscale funnel --tcp=443 --proxy-protocol=2`, to the recording program and to Postern. */
const doors = { recorder: 443, postern: 8443 } as const

describeWith([...tailnetParts, caddy], 'Caddy behind TCP that tailscaled forwards', () => {
  const tailnet = tailnetRig()
  const stops: (() => Promise<void>)[] = []
  const ports = { recorder: 0, postern: 0 }
  let postern: TestGateway

  /** headscale gives out no certificates, so Caddy has the rig's; the rest is as shipped. */
  const start = async (gatewayPort: number): Promise<number> => {
    const [port, admin] = [await freePort(), await freePort()]
    const options: CaddyOptions = {
      site: { tls: 'automatic', hosts: [gatewayName], forwarded: tcp(port) },
      gateway: tcp(gatewayPort),
      bodyLimit: megabyte,
      trustedProxies: [],
      accessLog: undefined,
      admin: tcp(admin),
    }
    const config = build(options)
    const leaf = await tailnet.now.authority.issue(gatewayName)
    const tls = { certificates: { load_pem: [leaf] } }
    const apps = { ...config.apps, tls }
    const ready = `http://127.0.0.1:${admin}/config/`
    stops.push((await startCaddy({ ...config, apps }, ready)).stop)
    return port
  }

  beforeAll(async () => {
    const backendPort = await freePort()
    stops.push((await startBackend(backendPort)).stop)
    const listener = { name: 'caddy', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }
    postern = await startTestGateway({ front: 'caddy', listeners: [listener], rate_limits: [] })
    stops.push(postern.stop)
    ports.recorder = await start(backendPort)
    ports.postern = await start(postern.port)
    const forward = (port: number) => ({ TCPForward: `127.0.0.1:${port}`, ProxyProtocol: 2 })
    const { recorder, postern: whole } = doors
    await tailnet.now.serve({
      TCP: { [recorder]: forward(ports.recorder), [whole]: forward(ports.postern) },
      AllowFunnel: { [`${gatewayName}:${recorder}`]: true, [`${gatewayName}:${whole}`]: true },
    })
  })
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop()
  })

  const headers: HeaderLines = [['Host', gatewayName], ...forged]
  const claims = new Set(forged.map(([, value]) => value))
  const expectSeen = (answer: Answer, address: string) => {
    const seen = seenBy(answer)
    expect(seen.headers.filter(([, value]) => claims.has(value))).toEqual([])
    expect(seen.headers.filter(([name]) => /tailscale|webauth|remote/i.test(name))).toEqual([])
    expect(Object.fromEntries(seen.headers.filter(([name]) => /forwarded/i.test(name)))).toEqual({
      'X-Forwarded-For': address,
      'X-Forwarded-Host': gatewayName,
      'X-Forwarded-Proto': 'https',
    })
  }

  test.each(['laptop', 'phone', 'runner'] as const)(
    'knows the address of %s, and nothing that it claims',
    async (from) => {
      const answer = await tailnet.now.ask(from, { headers }, { port: doors.recorder, tls: true })
      expectSeen(answer, await tailnet.now.addressOf(from))
    },
  )

  test.each([
    ['203.0.113.7:55555', '203.0.113.7'],
    ['[2001:db8::7]:55555', '2001:db8::7'],
  ])('knows the address of a stranger at %s, and nothing that it claims', async (from, address) => {
    expectSeen(await tailnet.now.funnel({ headers }, { from }), address)
  })

  test('a ban hits the guesser alone', async () => {
    const target = `${gatewayName}:${doors.postern}`
    const sign = (from: string, password: string) => {
      const authorization = `Basic ${btoa(`owner:${password}`)}`
      const lines = [...headers, ['Authorization', authorization] as const]
      const ask = { path: '/v1/models', headers: lines }
      return tailnet.now.funnel(ask, { from: `${from}:55555`, target })
    }
    for (let i = 1; i <= 5; i++) {
      expect((await sign('203.0.113.66', `wrong ${i}`)).status).toBe(401)
    }
    // A few wrong ones more are looked at, as a right one would pass.
    for (let i = 1; i <= 4; i++) await sign('203.0.113.66', `another ${i}`)
    expect((await sign('203.0.113.66', TEST_PASSWORDS.owner)).status).toBe(429)
    expect((await sign('203.0.113.67', TEST_PASSWORDS.owner)).status).toBe(200)
  })

  test('lets nobody speak TLS who does not say where it comes from', async () => {
    const ca = tailnet.now.authority.certificate
    const socket = secure(ports.recorder, '127.0.0.1', { servername: gatewayName, ca })
    await expect(once(socket, 'secureConnect')).rejects.toThrow()
  })

  test.each([
    ['plain HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')],
    ['half a PROXY line', Buffer.from('PROXY TCP4 nonsense\r\n\r\n')],
  ])('hangs up on who does not say where it comes from: %s', async (_, bytes) => {
    const socket = connect(ports.recorder, '127.0.0.1')
    const got: Buffer[] = []
    socket.on('data', (chunk: Buffer) => got.push(chunk))
    socket.on('error', () => {}) // a reset is an answer, too
    socket.write(bytes)
    await once(socket, 'close')
    // What Go's TLS says to garbage at most: an alert, no page.
    expect(Buffer.concat(got).toString('latin1')).not.toContain('HTTP/')
  })
})
