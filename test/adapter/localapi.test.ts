import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createLocalApi } from '../../src/adapter/node/tailscaled/localapi.ts'
import { daemonsOf } from '../../src/adapter/node/tailscaled/tailscaled.ts'
import { type FakeTailscaled, startFakeTailscaled } from '../support/fake-tailscaled.ts'

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const start = async () => {
  const fake = await startFakeTailscaled({
    people: [{ name: 'phone', login: 'bob@example.com', addresses: ['100.64.0.3'] }],
  })
  stops.push(fake.stop)
  return fake
}
const apiOf = ({ socket }: FakeTailscaled) => createLocalApi({ socket: () => socket })
const never = new AbortController().signal
const whois = { path: '/localapi/v0/whois?addr=100.64.0.3', signal: never }

const temporary = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-places-'))
  stops.push(() => rm(folder, { recursive: true }))
  return folder
}

/** Answers with the headers and the body that it got. */
const echo = async () => {
  const server = createServer(async (request, response) => {
    const body = (await request.toArray()).join('')
    response.setHeader('etag', 'e1')
    response.end(JSON.stringify({ headers: request.headers, body, method: request.method }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  stops.push(async () => server.close())
  return (server.address() as AddressInfo).port
}

describe('asking tailscaled', () => {
  it('gets its answer, whatever the status', async () => {
    const ask = apiOf(await start())
    const known = await ask(whois)
    expect(known.status).toBe(200)
    expect(known.body).toContain('bob@example.com')
    const unknown = await ask({ ...whois, path: '/localapi/v0/whois?addr=100.64.9.9' })
    expect(unknown).toMatchObject({ status: 404, body: 'no match for IP:port\n' })
  })

  it('writes under the tag that it read', async () => {
    const ask = apiOf(await start())
    const path = '/localapi/v0/serve-config'
    const { etag, body } = await ask({ path, signal: never })
    expect(body).toBe('null')
    const write = (ifMatch: string) =>
      ask({ path, method: 'POST', body: '{"TCP":{"80":{"HTTP":true}}}', ifMatch, signal: never })
    expect((await write(etag ?? '')).status).toBe(200)
    expect((await write(etag ?? '')).status).toBe(412)
  })

  it('finds a daemon that was restarted, and asks each question anew', async () => {
    const fake = await start()
    const ask = apiOf(fake)
    await ask(whois)
    await fake.restart()
    expect((await ask(whois)).status).toBe(200)
  })

  it('follows the configuration to another socket', async () => {
    const [first, second] = [await start(), await start()]
    let socket = first.socket
    const ask = createLocalApi({ socket: () => socket })
    await ask(whois)
    socket = second.socket
    await ask(whois)
    expect([first.calls.length, second.calls.length]).toEqual([1, 1])
  })

  it.each([
    ['refuse', 'ECONNREFUSED'],
    ['vanish', 'ENOENT'],
    ['cut', 'aborted'],
    ['huge', 'more than a megabyte'],
  ] as const)('rejects when it is %s', async (fault, reason) => {
    const fake = await start()
    await fake.fault(fault)
    await expect(apiOf(fake)(whois)).rejects.toThrow(reason)
  })

  it('gives up with the reason of the signal, and lets go of the connection', async () => {
    const fake = await start()
    await fake.fault('hang')
    const left = new AbortController()
    const asked = apiOf(fake)({ ...whois, signal: left.signal })
    await expect.poll(() => fake.calls.length).toBe(1)
    left.abort(new Error('enough'))
    await expect(asked).rejects.toThrow('enough')
    await expect(apiOf(fake)({ ...whois, signal: left.signal })).rejects.toThrow('enough')
    expect(fake.calls).toHaveLength(1)
  })

  it('never throws at once, not even for a path that is none', async () => {
    const asked = apiOf(await start())({ ...whois, path: '/with a space' })
    await expect(asked).rejects.toThrow('unescaped characters')
  })

  it('shows the app of macOS its token, and nothing that a browser would send', async () => {
    const port = await echo()
    const daemons = async () => [{ host: '127.0.0.1', port, token: '0badcafe' }]
    const ask = createLocalApi({ socket: () => undefined, daemons })
    const { etag, body } = await ask({ ...whois, method: 'POST', body: '{"ü":1}' })
    expect(etag).toBe('e1')
    const seen = JSON.parse(body) as { headers: IncomingHttpHeaders; body: string; method: string }
    expect(seen).toMatchObject({ method: 'POST', body: '{"ü":1}' })
    expect(seen.headers).toEqual({
      host: 'local-tailscaled.sock',
      authorization: `Basic ${Buffer.from(':0badcafe').toString('base64')}`,
      connection: 'close',
      'content-length': '8',
    })
  })

  it('tries the next place when nobody is at the first', async () => {
    const fake = await start()
    const daemons = async () => [{ socketPath: '/nowhere.sock' }, { socketPath: fake.socket }]
    const ask = createLocalApi({ socket: () => undefined, daemons })
    expect((await ask(whois)).status).toBe(200)
    await fake.fault('vanish')
    await expect(ask(whois)).rejects.toThrow('connect ENOENT /nowhere.sock')
  })
})

describe('where tailscaled is', () => {
  const nowhere = { home: '/nowhere', library: '/nowhere' }

  it('on Linux: a socket', async () => {
    const [first] = await daemonsOf({ ...nowhere, platform: 'linux' })
    expect(first).toEqual({ socketPath: '/var/run/tailscale/tailscaled.sock' })
  })

  it('on Windows: a named pipe', async () => {
    expect(await daemonsOf({ ...nowhere, platform: 'win32' })).toEqual([
      { socketPath: String.raw`\\.\pipe\ProtectedPrefix\Administrators\Tailscale\tailscaled` },
    ])
  })

  it('on macOS: the socket of the open-source daemon, when there is no app', async () => {
    expect(await daemonsOf({ ...nowhere, platform: 'darwin' })).toEqual([
      { socketPath: '/var/run/tailscaled.socket' },
    ])
  })

  it('on macOS: the port of the downloaded app, with the token from its file', async () => {
    const library = await temporary()
    await symlink('49152', join(library, 'ipnport'))
    await writeFile(join(library, 'sameuserproof-49152'), '00ff00ff\n')
    const [first] = await daemonsOf({ ...nowhere, library, platform: 'darwin' })
    expect(first).toEqual({ host: '127.0.0.1', port: 49152, token: '00ff00ff' })
  })

  it('on macOS: the port and token that the app of the App Store names a file by', async () => {
    const home = await temporary()
    const container = join(home, 'Library', 'Group Containers', 'X1.group.io.tailscale.ipn.macos')
    await mkdir(container, { recursive: true })
    await writeFile(join(container, 'sameuserproof-49153-00aa00aa'), '')
    const [first] = await daemonsOf({ ...nowhere, home, platform: 'darwin' })
    expect(first).toEqual({ host: '127.0.0.1', port: 49153, token: '00aa00aa' })
  })
})
