import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { freePort } from '../support/parts/port.ts'
import { type Seen, startBackend } from '../support/tailnet/backend.ts'
import { type Doorway, served } from '../support/tailnet/doorways.ts'
import { type Settle, settling } from '../support/tailnet/fixtures.ts'
import type { Answer } from '../support/tailnet/http.ts'
import { capability, otherCapability } from '../support/tailnet/people.ts'
import { gatewayName, type NodeName, owners, type Rig, startRig } from '../support/tailnet/rig.ts'

/** A tailnet whose gateway serves one recording program at every kind of door. */
export interface Scene {
  readonly rig: Rig
  /** Port of the program on 127.0.0.1. */
  readonly backendPort: number
  readonly backendSocket: string
  readonly settle: Settle
}

/** Where the gateway's tailscaled listens on the tailnet. */
export const doors = { loopback: 80, socket: 8080, secure: 443, raw: 9000, dead: 81 } as const

/** What the program behind the gateway saw of a request. Throws when the answer is not its. */
export const seenBy = (answer: Answer): Seen => {
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`)
  return JSON.parse(answer.body) as Seen
}

/** A path of the first door with another accepted capability. */
export const otherPath = '/other'

const doorways = (port: number, socket: string): readonly Doorway[] => {
  const loopback = { target: { port }, acceptAppCaps: [capability] }
  return [
    { ...loopback, port: doors.loopback },
    { ...loopback, port: doors.loopback, at: otherPath, acceptAppCaps: [otherCapability] },
    { ...loopback, port: doors.socket, target: { socket } },
    { ...loopback, port: doors.secure, kind: 'https', funnel: true },
    { ...loopback, port: doors.dead, target: { port: 9 } }, // nobody is there
    { ...loopback, port: doors.raw, kind: 'tcp' },
  ]
}

type Stops = (() => Promise<void>)[]

const startScene = async (stops: Stops): Promise<Scene> => {
  const rig = await rigThatStops(stops)
  const backendPort = await freePort()
  const backendSocket = join(rig.folder, 'backend.sock')
  for (const place of [backendPort, backendSocket]) stops.push((await startBackend(place)).stop)
  await rig.serve(served(gatewayName, doorways(backendPort, backendSocket)))
  const replacements = {
    [rig.folder]: '/run/tailnet',
    [`127.0.0.1:${backendPort}`]: '127.0.0.1:8081',
  }
  return { rig, backendPort, backendSocket, settle: settling(replacements, await keysOf(rig)) }
}

/** The nodes' public keys, by which a fixture names a node. */
const keysOf = async (rig: Rig): Promise<Record<string, string>> => {
  const names: Record<string, string> = {}
  for (const name of Object.keys(owners) as NodeName[]) {
    const { body } = await rig.nodes[name].local({ path: '/localapi/v0/status?peers=false' })
    names[(JSON.parse(body) as { Self: { PublicKey: string } }).Self.PublicKey] = name
  }
  return names
}

const rigThatStops = async (stops: Stops): Promise<Rig> => {
  const rig = await startRig()
  stops.push(rig.stop)
  return rig
}

/** Starts something before the tests of a file, and ends it after them. */
const forFile = <T>(start: (stops: Stops) => Promise<T>): { readonly now: T } => {
  const held: { it?: T } = {}
  const stops: Stops = []
  beforeAll(async () => {
    held.it = await start(stops)
  })
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop()
  })
  return {
    get now() {
      if (held.it === undefined) throw new Error('not started')
      return held.it
    },
  }
}

/** One scene for a whole test file. */
export const tailnetScene = () => forFile(startScene)

/**
 * A tailnet that serves nothing yet, for a whole test file with a program of its own:
 * `rig.serve(served(gatewayName, [{ port: 80, target: { socket } }]))`, whoever listens there, before or after.
 */
export const tailnetRig = () => forFile(rigThatStops)
