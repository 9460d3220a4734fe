import { expect, test } from 'vitest'
import { describeWith } from '../support/parts/need.ts'
import type { Seen } from '../support/tailnet/backend.ts'
import { expectFixture } from '../support/tailnet/fixtures.ts'
import { headerOf } from '../support/tailnet/http.ts'
import { capability } from '../support/tailnet/people.ts'
import { tailnetParts } from '../support/tailnet/programs.ts'
import { gatewayName, type NodeName } from '../support/tailnet/rig.ts'
import { forged } from '../support/tailnet/table.ts'
import { doors, otherPath, seenBy, tailnetScene } from './scene.ts'

/** The headers by which a program could know who asks. */
const identity = (seen: Seen) => ({
  login: headerOf(seen.headers, 'Tailscale-User-Login'),
  name: headerOf(seen.headers, 'Tailscale-User-Name'),
  picture: headerOf(seen.headers, 'Tailscale-User-Profile-Pic'),
  info: headerOf(seen.headers, 'Tailscale-Headers-Info'),
  funnel: headerOf(seen.headers, 'Tailscale-Funnel-Request'),
})

const nobody = {
  login: undefined,
  name: undefined,
  picture: undefined,
  info: undefined,
  funnel: undefined,
}

const alice = {
  login: 'alice@example.com',
  name: '=?utf-8?q?Alice_=C3=9Cn=C3=AF?=',
  picture: 'https://example.com/alice.png',
  info: 'https://tailscale.com/s/serve-headers',
  funnel: undefined,
}

const rene = {
  ...alice,
  login: '=?utf-8?q?ren=C3=A9@example.com?=',
  name: '=?utf-8?q?Ren=C3=A9?=',
  picture: '',
}

const impostor = {
  ...alice,
  login: '=?utf-8?q?alice=40example.com?=',
  name: 'Impostor',
  picture: '',
}

const bob = { ...alice, login: 'bob@example.com', name: 'Bob', picture: '' }

describeWith(tailnetParts, 'tailscale serve', () => {
  const scene = tailnetScene()
  const forgedHeaders = [['Host', gatewayName] as const, ...forged]

  const ask = async (from: NodeName, port: number = doors.loopback, tls = false) =>
    seenBy(await scene.now.rig.ask(from, { headers: forgedHeaders }, { port, tls }))

  test.each([
    ['laptop', 'loopback', alice],
    ['phone', 'loopback', bob],
    ['runner', 'loopback', nobody],
    ['tablet', 'loopback', rene],
    ['mask', 'loopback', impostor],
    ['gateway', 'loopback', alice],
    ['laptop', 'socket', alice],
    ['runner', 'socket', nobody],
  ] as const)('%s at the %s door is who it is, whatever it claims', async (from, door, who) => {
    const seen = await ask(from, doors[door])
    expect(identity(seen)).toEqual(who)
    await expectFixture(`serve-${door}-${from}`, seen, scene.now.settle)
  })

  test('the forwarding headers are of its own making, and name the node', async () => {
    const { rig } = scene.now
    const { headers } = await ask('phone')
    expect(headerOf(headers, 'X-Forwarded-For')).toBe(await rig.addressOf('phone'))
    expect(headerOf(headers, 'X-Forwarded-Host')).toBe(gatewayName)
    expect(headerOf(headers, 'X-Forwarded-Proto')).toBeUndefined()
    expect(headerOf(headers, 'Forwarded')).toBeUndefined()
  })

  test('what it does not know it lets pass: underscores, X-Real-IP, other proxies’ users', async () => {
    const { headers } = await ask('runner')
    const passed = headers.filter(([, value]) => forged.some(([, claim]) => claim === value))
    expect(Object.fromEntries(passed)).toEqual({
      Tailscale_user_login: 'underscore@example.com',
      'Tailscale-User_login': 'mixed@example.com',
      'Tailscale-Ingress-Src': '198.51.100.9:9',
      X_forwarded_for: '198.51.100.9',
      'X-Real-Ip': '198.51.100.9',
      'X-Webauth-User': 'root',
      'Remote-User': 'root',
    })
  })

  test('Host passes to a port and becomes localhost on a unix socket', async () => {
    expect(headerOf((await ask('laptop')).headers, 'Host')).toBe(gatewayName)
    const { headers } = await ask('laptop', doors.socket)
    expect(headerOf(headers, 'Host')).toBe('localhost')
    expect(headerOf(headers, 'X-Forwarded-Host')).toBe(gatewayName)
  })

  test.each([
    ['laptop', { [capability]: [{ role: 'user', models: ['**'] }] }],
    ['runner', { [capability]: [{ role: 'ci', models: ['tiny/**'] }] }],
    ['phone', undefined],
  ] as const)(
    '%s brings the capabilities of its grants, and only the accepted',
    async (from, caps) => {
      const header = headerOf((await ask(from)).headers, 'Tailscale-App-Capabilities')
      expect(header === undefined ? undefined : JSON.parse(header)).toEqual(caps)
    },
  )

  test('a mount takes its path away', async () => {
    const answer = await scene.now.rig.ask('laptop', { path: `${otherPath}/v1/models?limit=1` })
    expect(seenBy(answer).path).toBe('/v1/models?limit=1')
  })

  test('who has a grant, but none of the accepted, brings an empty list', async () => {
    const { headers } = seenBy(await scene.now.rig.ask('laptop', { path: otherPath }))
    expect(headerOf(headers, 'Tailscale-App-Capabilities')).toBe('{}')
  })

  test('a grant with letters beyond ASCII comes encoded', async () => {
    const { headers } = seenBy(await scene.now.rig.ask('runner', { path: otherPath }))
    const encoded = '=?utf-8?q?{"example.com/cap/other":[{"note":"Gr=C3=BC=C3=9Fe"}]}?='
    expect(headerOf(headers, 'Tailscale-App-Capabilities')).toBe(encoded)
  })

  test('a forwarded TCP port says nothing, and takes nothing away', async () => {
    const seen = await ask('runner', doors.raw)
    const login = ['Tailscale-User-Login', 'root@example.com']
    expect(seen.headers).toContainEqual(login)
    expect(seen.headers).toContainEqual(['Tailscale-Funnel-Request', '?0'])
  })

  test('over TLS the certificate is ours and the proto is said', async () => {
    const seen = await ask('laptop', doors.secure, true)
    expect(identity(seen)).toEqual(alice)
    expect(headerOf(seen.headers, 'X-Forwarded-Proto')).toBe('https')
    await expectFixture('serve-secure-laptop', seen, scene.now.settle)
  })

  test('a port that is not served is reached all the same, headers and all, from 127.0.0.1', async () => {
    const seen = await ask('runner', scene.now.backendPort)
    expect(headerOf(seen.headers, 'X-Forwarded-For')).toBe('198.51.100.9')
    expect(seen.peer).toMatch(/^127\.0\.0\.1:\d+$/)
  })
})
