import { connect, isIP, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FakeTailscaled, startFakeTailscaled } from '../support/fake-tailscaled.ts'
import { startWebui } from '../support/fake-webui.ts'
import { describeWith } from '../support/parts/need.ts'
import { served } from '../support/tailnet/doorways.ts'
import { expectFixture, settled } from '../support/tailnet/fixtures.ts'
import { type Answer, type Ask, askOver } from '../support/tailnet/http.ts'
import { tailnetParts } from '../support/tailnet/programs.ts'
import { gatewayName, type NodeName } from '../support/tailnet/rig.ts'
import {
  acceptedAt,
  type FrontRow,
  frontRows,
  localAsks,
  recordAll,
  recordedTailnet,
} from '../support/tailnet/table.ts'
import { doors, otherPath, tailnetScene } from './scene.ts'

describeWith(tailnetParts, 'the made-up tailscaled, beside the real one', () => {
  const scene = tailnetScene()
  let fake: FakeTailscaled
  beforeAll(async () => {
    fake = await startFakeTailscaled(recordedTailnet)
  })
  afterAll(() => fake.stop())

  const askReal = async ({ from, door, ask }: FrontRow): Promise<Answer> => {
    const { rig } = scene.now
    if (isIP(from)) {
      return rig.funnel(ask, { from: isIP(from) === 6 ? `[${from}]:5555` : `${from}:5555` })
    }
    if (door === 'other') return rig.ask(from as NodeName, { ...ask, path: otherPath })
    return rig.ask(from as NodeName, ask, { port: doors[door], tls: door === 'secure' })
  }

  const askFake = async ({ from, door, ask }: FrontRow): Promise<Answer> => {
    const { backendPort, backendSocket } = scene.now
    const port = door === 'dead' ? 9 : backendPort
    const target = door === 'socket' ? { socket: backendSocket } : { port }
    const options = { funnel: door === 'secure', acceptAppCaps: acceptedAt(door) }
    const node = fake.people.find(({ name }) => name === from)
    return fake.front(target, options).ask(node?.addresses[0] ?? from, ask)
  }

  test('both put the same before a program, for every row of the table', async () => {
    const real = await recordAll(frontRows, askReal)
    const made = await recordAll(frontRows, askFake)
    expect(settled(made, scene.now.settle)).toEqual(settled(real, scene.now.settle))
    await expectFixture('front', real, scene.now.settle)
  })

  test('both LocalAPIs give the same answers, for every row of the table', async () => {
    const askMade = (ask: Ask) => askOver(connect(fake.socket), ask)
    const { gateway } = scene.now.rig.nodes
    const real = await recordAll(localAsks, (ask) => gateway.local(ask))
    const made = await recordAll(localAsks, askMade)
    expect(settled(made, (text) => text)).toEqual(settled(real, scene.now.settle))
    await expectFixture('local-api', real, scene.now.settle)
  })

  test('both let a WebSocket through, and name its caller', async () => {
    const webui = await startWebui()
    const { rig } = scene.now
    const place = { port: Number(new URL(webui.url).port) }
    await rig.serve(served(gatewayName, [{ port: 80, target: place }]))
    const port = await fake.front(place).portFor('100.64.0.3')
    const echoed = [
      await upgradeOver(await rig.nodes.phone.dial(gatewayName, 80)),
      await upgradeOver(connect(port, '127.0.0.1')),
    ]
    await webui.stop()
    expect(echoed[0]).toContain('HTTP/1.1 101 Switching Protocols\r\n')
    expect(echoed[1]).toBe(echoed[0])
    const [real, made] = webui.upgrades.map(({ rawHeaders }) => rawHeaders)
    expect(real).toContain('bob@example.com')
    expect(made).toEqual(real)
  })
})

/** Says what came back of an upgrade and two bytes, up to their echo. */
const upgradeOver = async (socket: Socket): Promise<string> => {
  const fields = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ]
  socket.write([`GET /ws/accept HTTP/1.1`, `Host: ${gatewayName}`, ...fields, '\r\n'].join('\r\n'))
  let said = ''
  for await (const chunk of socket) {
    said += chunk.toString()
    if (said.endsWith('\r\n\r\n')) socket.write('hi')
    if (said.endsWith('hi')) break
  }
  return said
}
