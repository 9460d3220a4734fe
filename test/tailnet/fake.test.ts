import { connect, isIP } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FakeTailscaled, startFakeTailscaled } from '../support/fake-tailscaled.ts'
import { describeWith } from '../support/parts/need.ts'
import { expectFixture, settled } from '../support/tailnet/fixtures.ts'
import { type Answer, type Ask, askOver } from '../support/tailnet/http.ts'
import { tailnetParts } from '../support/tailnet/programs.ts'
import type { NodeName } from '../support/tailnet/rig.ts'
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
})
