import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { freePort } from '../support/parts/server.ts'
import { type Seen, startBackend } from '../support/tailnet/backend.ts'
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

const serveConfig = (port: number, socket: string) => {
  const handler = (target: string, accepted = capability) => ({
    Proxy: target,
    AcceptAppCaps: [accepted],
  })
  const to = (target: string) => ({ Handlers: { '/': handler(target) } })
  const loopback = `http://127.0.0.1:${port}`
  return {
    TCP: {
      [doors.loopback]: { HTTP: true },
      [doors.socket]: { HTTP: true },
      [doors.secure]: { HTTPS: true },
      [doors.dead]: { HTTP: true },
      [doors.raw]: { TCPForward: `127.0.0.1:${port}` },
    },
    Web: {
      [`${gatewayName}:${doors.loopback}`]: {
        Handlers: { '/': handler(loopback), [otherPath]: handler(loopback, otherCapability) },
      },
      [`${gatewayName}:${doors.socket}`]: to(`unix:${socket}`),
      [`${gatewayName}:${doors.secure}`]: to(loopback),
      [`${gatewayName}:${doors.dead}`]: to('http://127.0.0.1:9'), // nobody is there
    },
    AllowFunnel: { [`${gatewayName}:${doors.secure}`]: true },
  }
}

const startScene = async (stops: (() => Promise<void>)[]): Promise<Scene> => {
  const rig = await startRig()
  stops.push(rig.stop)
  const backendPort = await freePort()
  const backendSocket = join(rig.folder, 'backend.sock')
  for (const place of [backendPort, backendSocket]) stops.push((await startBackend(place)).stop)
  await rig.serve(serveConfig(backendPort, backendSocket))
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

/** One scene for a whole test file. */
export const tailnetScene = (): { readonly now: Scene } => {
  let scene: Scene | undefined
  const stops: (() => Promise<void>)[] = []
  beforeAll(async () => {
    scene = await startScene(stops)
  })
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop()
  })
  return {
    get now() {
      if (!scene) throw new Error('not started')
      return scene
    },
  }
}
