import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { describeWith } from '../support/parts/need.ts'
import { expectFixture } from '../support/tailnet/fixtures.ts'
import { type Answer, headerOf } from '../support/tailnet/http.ts'
import { capability } from '../support/tailnet/people.ts'
import { tailnetParts } from '../support/tailnet/programs.ts'
import { gatewayName } from '../support/tailnet/rig.ts'
import { seenBy, tailnetScene } from './scene.ts'

const api = '/localapi/v0'
const host = ['Host', 'local-tailscaled.sock'] as const

interface Whois {
  readonly Node: { readonly Name: string; readonly Tags?: readonly string[] }
  readonly UserProfile: { readonly LoginName: string; readonly DisplayName: string }
  readonly CapMap: unknown
}

describeWith(tailnetParts, 'the LocalAPI', () => {
  const scene = tailnetScene()
  const get = (path: string) => scene.now.rig.nodes.gateway.local({ path: api + path })
  const whois = async (addr: string, rest = '') => {
    const answer = await get(`/whois?addr=${encodeURIComponent(addr)}${rest}`)
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`)
    return JSON.parse(answer.body) as Whois
  }

  test.each([
    ['laptop', 'alice@example.com', 'Alice Ünï', [{ role: 'user', models: ['**'] }]],
    ['phone', 'bob@example.com', 'Bob', undefined],
    ['tablet', 'rené@example.com', 'René', undefined],
    ['mask', '=?utf-8?q?alice=40example.com?=', 'Impostor', undefined],
    ['runner', 'tagged-devices', 'Tagged Devices', [{ role: 'ci', models: ['tiny/**'] }]],
  ] as const)('whois knows %s by address', async (name, login, displayName, grant) => {
    const known = await whois(await scene.now.rig.addressOf(name))
    expect(known.Node.Name).toBe(`${name}.tail.test.`)
    expect(known.UserProfile).toMatchObject({ LoginName: login, DisplayName: displayName })
    expect((known.CapMap as Record<string, unknown> | null)?.[capability]).toEqual(grant)
    await expectFixture(`whois-${name}`, known, scene.now.settle)
  })

  test('whois knows the node itself, and takes a port', async () => {
    const address = await scene.now.rig.addressOf('gateway')
    const known = await whois(`${address}:12345`, '&proto=tcp')
    expect(known.UserProfile.LoginName).toBe('alice@example.com')
    await expectFixture('whois-gateway', known, scene.now.settle)
  })

  test('whois of a forwarded connection is by the loopback address it seems to come from', async () => {
    const { rig, backendPort } = scene.now
    const connection = await rig.nodes.phone.dial(gatewayName, backendPort)
    const answered = new Promise<string>((resolve) => {
      connection.once('data', (chunk) => resolve(chunk.toString()))
    })
    connection.write(`GET / HTTP/1.1\r\nHost: ${gatewayName}\r\n\r\n`)
    const peer = /"peer":"(127[\d.:]+)"/.exec(await answered)?.[1] ?? ''
    expect((await whois(peer, '&proto=tcp')).UserProfile.LoginName).toBe('bob@example.com')
    connection.destroy()
  })

  const asked = (path: string, headers: readonly (readonly [string, string])[] = [host]) => ({
    path: api + path,
    headers,
  })

  test.each([
    ['no such node', asked('/whois?addr=100.64.9.9'), 404, 'no match for IP:port\n'],
    ['not an address', asked('/whois?addr=alice'), 400, "invalid 'addr' parameter\n"],
    ['no address', asked('/whois'), 400, "missing 'addr' parameter\n"],
    ['another Host', asked('/status', [['Host', 'localhost']]), 403, 'invalid localapi request\n'],
    ['an Origin', asked('/status', [host, ['Origin', 'null']]), 403, 'invalid localapi request\n'],
    ['a Referer', asked('/status', [host, ['Referer', 'x']]), 403, 'invalid localapi request\n'],
    ['no such thing', asked('/nothing'), 404, '404 page not found\n'],
  ] as const)('refuses %s', async (_, ask, status, body) => {
    const answer = await scene.now.rig.nodes.gateway.local(ask)
    expect({ status: answer.status, body: answer.body }).toEqual({ status, body })
  })

  test('takes an empty Host for its own', async () => {
    const answer = await scene.now.rig.nodes.gateway.local(asked('/status', [['Host', '']]))
    expect(answer.status).toBe(200)
  })

  test('says its version in every answer', async () => {
    const answer = await get('/status?peers=false')
    expect(headerOf(answer.headers, 'Tailscale-Version')).toMatch(/^1\.102\.3/)
    expect(Number(headerOf(answer.headers, 'Tailscale-Cap'))).toBeGreaterThan(100)
  })

  test('status has the shape of the fixture', async () => {
    const status: unknown = JSON.parse((await get('/status')).body)
    await expectFixture('status', status, scene.now.settle)
  })

  const post = (body: string, match?: string): Promise<Answer> => {
    const headers = match === undefined ? [host] : [host, ['If-Match', match] as const]
    return scene.now.rig.nodes.gateway.local({
      method: 'POST',
      path: `${api}/serve-config`,
      headers,
      body,
    })
  }

  test('serve-config is replaced only by who knows what it was', async () => {
    const before = await get('/serve-config')
    const etag = headerOf(before.headers, 'Etag') ?? ''
    expect(etag).toMatch(/^[0-9a-f]{64}$/)
    await expectFixture('serve-config', JSON.parse(before.body), scene.now.settle)
    const stale = await post('{}', '0'.repeat(64))
    expect([stale.status, stale.body]).toEqual([412, 'etag mismatch\n'])
    expect((await post(before.body, etag)).status).toBe(200)
    expect((await post(before.body)).status).toBe(200)
    expect((await get('/serve-config')).body).toBe(before.body)
  })

  const forNobody = async (...args: readonly string[]) => {
    const { socket } = scene.now.rig.nodes.gateway
    const all = ['--silent', '--max-time', '5', '--unix-socket', socket, ...args]
    const { stdout } = await promisify(execFile)('curl', all, { uid: 65534, gid: 65534 })
    return stdout
  }

  test.runIf(process.getuid?.() === 0)('lets any user read, and only some write', async () => {
    const base = `http://local-tailscaled.sock${api}`
    expect(await forNobody(`${base}/status?peers=false`)).toContain('"BackendState": "Running"')
    expect(await forNobody(`${base}/serve-config`)).toContain('"Web"')
    const written = await forNobody('--data', '{}', `${base}/serve-config`)
    expect(written).toBe('serve config denied\n')
  })

  test('whois goes on answering from memory while the node is down', async () => {
    const { gateway } = scene.now.rig.nodes
    const laptop = await scene.now.rig.addressOf('laptop')
    await gateway.cli('down')
    const status = JSON.parse((await get('/status?peers=false')).body) as { BackendState: string }
    expect(status.BackendState).toBe('Stopped')
    expect((await whois(laptop)).UserProfile.LoginName).toBe('alice@example.com')
    await gateway.cli('up')
  })

  test('a restart takes the socket away and brings it back, and keeps what is served', async () => {
    const { rig } = scene.now
    const { gateway } = rig.nodes
    const config = (await get('/serve-config')).body
    await gateway.stop()
    await expect(get('/status')).rejects.toThrow('ENOENT')
    await gateway.start()
    await gateway.cli('wait', '--timeout=20s')
    expect((await get('/serve-config')).body).toBe(config)
    await rig.connected()
    const seen = seenBy(await rig.ask('laptop', {}))
    expect(headerOf(seen.headers, 'Tailscale-User-Login')).toBe('alice@example.com')
  })
})
