import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Doors, laptop, list, phone, startDoors, stranger } from '../support/doors.ts'
import { until } from '../support/raw.ts'

let doors: Doors
beforeAll(async () => {
  doors = await startDoors()
})
afterAll(() => doors.stop())

/** What a caller writes who is let in by a forward of bytes, and says that they are alice. */
const forged = [
  'GET /v1/models HTTP/1.1',
  'Host: gateway.tail.test',
  'Tailscale-User-Login: alice@example.com',
  `X-Forwarded-For: ${laptop}`,
  '',
  '',
].join('\r\n')

const openRaw = (): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(doors.port, '127.0.0.1', () => resolve(socket))
    socket.once('error', reject)
  })

/** Status of one more request on an open connection; 0 when it is closed instead. */
const statusOn = (socket: Socket): Promise<number> =>
  new Promise((resolve) => {
    const done = (status: number) => {
      socket.off('data', read)
      socket.off('close', closed)
      resolve(status)
    }
    const read = (chunk: Buffer) => done(Number(/^HTTP\/1\.1 (\d+)/.exec(chunk.toString())?.[1]))
    const closed = () => done(0)
    socket.on('data', read).once('close', closed)
    socket.write(forged)
  })

const statusRaw = async (): Promise<number> => {
  const socket = await openRaw()
  return statusOn(socket).finally(() => socket.destroy())
}

const to = (port: number) => `127.0.0.1:${port}`
const events = (evt: string) => doors.gateway.log.filter((line) => line.evt === evt)
const readyz = async () => (await fetch(`${doors.gateway.url}/readyz`)).json()

/**
 * Whoever finds out that the forward is gone may have come by it, so only the next connection is believed. A running
 * gateway looks by itself every two seconds.
 */
const recovered = () =>
  expect.poll(async () => (await doors.loopback.ask(laptop, list())).status).toBe(200)

/** A forward appears and goes; what is served besides stays. */
const serve = (config: object | null) => {
  doors.tailscaled.serveConfig = config
}

describe('a forward of bytes to a listener that believes tailscaled', () => {
  it.each([
    ['in the background', () => ({ TCP: { 9000: { TCPForward: to(doors.port) } } })],
    ['to localhost', () => ({ TCP: { 9000: { TCPForward: `localhost:${doors.port}` } } })],
    ['to every address', () => ({ TCP: { 9000: { TCPForward: `0.0.0.0:${doors.port}` } } })],
    ['to a name of this machine', () => ({ TCP: { 9000: { TCPForward: `box:${doors.port}` } } })],
    ['to a bare port', () => ({ TCP: { 9000: { TCPForward: String(doors.port) } } })],
    [
      'with TLS ended before',
      () => ({
        TCP: { 443: { TCPForward: to(doors.port), TerminateTLS: 'gateway.tail.test' } },
        AllowFunnel: { 'gateway.tail.test:443': true },
      }),
    ],
    [
      'of a running command',
      () => ({ Foreground: { abc: { TCP: { 9000: { TCPForward: to(doors.port) } } } } }),
    ],
    [
      'of a service',
      () => ({ Services: { 'svc:ai': { TCP: { 443: { TCPForward: to(doors.port) } } } } }),
    ],
  ])('takes every identity from it at once, until it is gone: %s', async (_what, config) => {
    serve(null)
    doors.pass(1000)
    expect((await doors.loopback.ask(laptop, list())).status).toBe(200)
    const before = [events('ident.distrust').length, events('ident.trust').length]
    serve(config())
    // The first request by the new way, and at the same moment one by the right way.
    expect(await statusRaw()).toBe(401)
    expect((await doors.loopback.ask(laptop, list())).status).toBe(401)
    expect((await doors.loopback.ask(phone, list())).status).toBe(401)
    // Another listener, and passwords, go on.
    expect((await doors.front.ask(laptop, list())).status).toBe(200)
    expect(doors.gateway.store.bans).toEqual([])
    serve(null)
    await recovered()
    expect([events('ident.distrust').length, events('ident.trust').length]).toEqual(
      before.map((count) => count + 1),
    )
  })

  it('leaves connections that came while it was there without an identity for ever', async () => {
    serve({ TCP: { 9000: { TCPForward: to(doors.port) } } })
    doors.pass(1000)
    const asking = await openRaw()
    const silent = await openRaw()
    expect(await statusOn(asking)).toBe(401)
    // It is not offered for another request.
    await until(() => asking.destroyed || asking.readableEnded)
    serve(null)
    await recovered()
    expect(await statusOn(silent)).toBe(401)
    silent.destroy()
  })

  it('is in the log, in /readyz and among what the doctor finds', async () => {
    expect(await readyz()).toEqual({ status: 'ok' })
    serve({ TCP: { 9000: { TCPForward: to(doors.port) } } })
    await doors.gateway.state.forwards.look(doors.gateway.gateway.listeners)
    expect(events('ident.distrust').at(-1)).toMatchObject({
      level: 'warn',
      listener: 'loopback',
      port: 9000,
      hint: 'tailscale serve --tcp=9000 off',
    })
    expect(await readyz()).toEqual({
      status: 'ok',
      degraded: [
        { part: 'identity', detail: expect.stringContaining('"loopback" believes no identity') },
      ],
    })
    const doctor = await fetch(`${doors.gateway.url}/postern/api/doctor`, {
      headers: { authorization: `Basic ${btoa('owner:owner-password')}` },
    })
    expect(JSON.stringify(await doctor.json())).toContain('it believes nobody until that ends')
    serve(null)
    await doors.gateway.state.forwards.look(doors.gateway.gateway.listeners)
    expect(await readyz()).toEqual({ status: 'ok' })
  })

  it('is not one to another program, or to a listener that believes nobody', async () => {
    serve({
      TCP: {
        9000: { TCPForward: '127.0.0.1:1' },
        9001: { TCPForward: `10.0.0.7:${doors.port}` },
        9002: { TCPForward: to(doors.gateway.port) },
      },
    })
    doors.pass(1000)
    expect((await doors.loopback.ask(laptop, list())).status).toBe(200)
    expect((await doors.front.ask(stranger, list())).status).toBe(401)
    expect(await readyz()).toEqual({ status: 'ok' })
    serve(null)
  })
})

it('a connection from before a listener may believe its peers is not believed', async () => {
  const listeners = (identity: string) => [
    { name: 'local', bind: '127.0.0.1:0', identity },
    { name: 'tailnet', bind: 'unix:tailnet.sock', identity: 'serve' },
    { name: 'loopback', bind: `127.0.0.1:${doors.port}`, identity: 'serve' },
  ]
  const before = await new Promise<Socket>((resolve) => {
    const socket = connect(doors.gateway.port, '127.0.0.1', () => resolve(socket))
  })
  expect(await statusOn(before)).toBe(401)
  await doors.gateway.reload({ listeners: listeners('serve') })
  const after = connect(doors.gateway.port, '127.0.0.1')
  expect(await statusOn(after)).toBe(200)
  expect(await statusOn(before)).toBe(401)
  for (const socket of [before, after]) socket.destroy()
  await doors.gateway.reload({ listeners: listeners('none') })
})

describe('what tailscaled serves', () => {
  it('is read once for each connection to such a listener, and not for each request', async () => {
    doors.pass(1000)
    const socket = await openRaw()
    const asked = () =>
      doors.tailscaled.calls.filter((path) => path.endsWith('/serve-config')).length
    const before = asked()
    for (let i = 0; i < 20; i++) expect(await statusOn(socket)).toBe(200)
    expect(asked() - before).toBe(1)
    await Promise.all(Array.from({ length: 50 }, () => statusRaw()))
    expect(asked() - before).toBeLessThan(52)
    socket.destroy()
  })

  it('must be known: what comes on a new connection is nobody’s while tailscaled does not tell', async () => {
    await doors.tailscaled.fault('hang')
    const socket = await openRaw()
    expect(await statusOn(socket)).toBe(401)
    await doors.tailscaled.fault(undefined)
    doors.pass(2000)
    expect(await statusRaw()).toBe(200)
    socket.destroy()
  })
})
