import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLocalApi } from '../../src/adapter/node/tailscaled/localapi.ts'
import { ask, type Door } from '../caddy/ask.ts'
import { expectAlike } from '../caddy/compare.ts'
import { setUp, tcp } from '../caddy/set-up.ts'
import { type Stub, startStub } from '../caddy/stub.ts'
import { TEST_PASSWORDS } from '../support/config.ts'
import { startFakeTailscaled } from '../support/fake-tailscaled.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { caddy } from '../support/parts/caddy.ts'
import { describeWith } from '../support/parts/need.ts'
import { freePort } from '../support/parts/port.ts'

const owner = ['Authorization', `Basic ${btoa(`owner:${TEST_PASSWORDS.owner}`)}`] as const

/** What tailscaled adds for alice, and for a stranger. */
const alice = [
  ['X-Forwarded-For', '100.64.0.2'],
  ['Tailscale-User-Login', 'alice@example.com'],
] as const
const stranger = [
  ['X-Forwarded-For', '203.0.113.9'],
  ['Tailscale-Funnel-Request', '?1'],
] as const

describeWith([caddy], 'Postern behind Caddy behind Serve', () => {
  const stops: (() => Promise<void>)[] = []
  let webui: Stub
  let postern: TestGateway
  let door: Door

  beforeAll(async () => {
    webui = await startStub()
    const laptop = { name: 'laptop', login: 'alice@example.com', addresses: ['100.64.0.2'] }
    const tailscaled = await startFakeTailscaled({ people: [laptop] })
    stops.push(webui.stop, tailscaled.stop)
    postern = await startTestGateway(
      {
        mode: 'both',
        front: 'caddy',
        listeners: [{ name: 'tailnet', bind: '127.0.0.1:0', identity: 'serve' }],
        webui: { url: `http://127.0.0.1:${webui.port}` },
        rate_limits: [],
      },
      { platform: { tailscale: createLocalApi({ socket: () => tailscaled.socket }) } },
    )
    stops.push(postern.stop)
    door = { port: await freePort() }
    const site = { tls: 'serve', listen: [tcp(door.port ?? 0)] } as const
    stops.push((await setUp(caddy, site, postern.port)).server.stop)
  })
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop()
  })

  test.each([
    ['of a person', alice],
    ['of a stranger', stranger],
    ['of a stranger with a password', [...stranger, owner]],
  ])('answers every spelling %s as alone', async (_, headers) => {
    const lines = headers.map((line) => line.join(': '))
    await expectAlike({ gateway: postern.port, caddy: door.port ?? 0 }, webui, lines)
  })

  const models = async (headers: readonly (readonly [string, string])[]) =>
    (await ask(door, '/v1/models', { headers })).status

  test('knows who calls by the tailnet, and asks strangers for a password', async () => {
    expect(await models(alice)).toBe(200)
    expect(await models(stranger)).toBe(401)
    expect(await models([...stranger, owner])).toBe(200)
  })

  test.each([
    ['a mark beside a name', [...alice, ['Tailscale-Funnel-Request', '?1']]],
    ['two names', [...alice, ['Tailscale-User-Login', 'owner']]],
    ['a name that tailscaled does not know', [alice[0], ['Tailscale-User-Login', 'owner']]],
  ] as const)('refuses what tailscaled never sends: %s', async (_, headers) => {
    expect(await models(headers)).toBe(400)
  })

  test('believes no name of who did not come by tailscaled', async () => {
    expect(await models([alice[1]])).toBe(401)
  })
})
