import { afterAll, beforeAll } from 'vitest'
import { type Behind, grant, type Overrides, startBehind } from './behind.ts'
import { type FakeTailscaled, type Front, startFakeTailscaled } from './fake-tailscaled.ts'

export * from './behind.ts'

/** The gateway behind a made-up tailscaled. */
export interface Doors extends Behind {
  readonly tailscaled: FakeTailscaled
  /** Serve and Funnel on one port, leading to the gateway's socket. */
  readonly front: Front
  /** Serve and Funnel again, leading to a port of loopback. */
  readonly loopback: Front
}

/** Who may do what here. */
export const grants = [
  { src: ['owner'], app: { 'tailscale.com/cap/aperture': [{ role: 'admin', models: '**' }] } },
  grant(['group:family', 'bob@example.com', 'rené@example.com', 'tag:ci']),
]

/** The capability in which the tailnet's policy may grant something. */
export const capability = 'example.com/cap/gateway'

const at = (id: number) => [`100.64.0.${id}`, `fd7a:115c:a1e0::${id}`]
const address = (id: number) => `100.64.0.${id}`

/** The people of the made-up tailnet, by address. Alice, Bob and René have a grant, `tag:ci` as well. */
export const laptop = address(2)
export const laptop6 = 'fd7a:115c:a1e0::2'
export const phone = address(3)
export const runner = address(4)
export const server = address(5)
export const tablet = address(6)
export const mask = address(7)
export const evil = address(8)
export const guest = address(9)
export const noisy = address(10)
/** An address of the tailnet that no node has. */
export const nobody = address(99)
/** Addresses on the internet. */
export const stranger = '203.0.113.7'
export const another = '203.0.113.8'

const people = () => [
  { name: 'laptop', addresses: at(2), login: 'alice@example.com', displayName: 'Alice Ünï' },
  { name: 'phone', addresses: at(3), login: 'Bob@Example.com' },
  { name: 'runner', addresses: at(4), tags: ['tag:ci'] },
  { name: 'server', addresses: at(5), tags: ['tag:web'] },
  { name: 'tablet', addresses: at(6), login: 'rené@example.com', displayName: 'René' },
  // Read as what a header makes of letters (RFC 2047), this would be alice.
  { name: 'mask', addresses: at(7), login: '=?utf-8?q?alice=40example.com?=' },
  { name: 'evil', addresses: at(8), login: 'alice@evil.example' },
  { name: 'box.other.ts.net', addresses: at(9), login: 'eve@other.example', shareeNode: true },
  { name: 'noisy', addresses: at(10), login: 'carol@example.com', displayName: hostileName },
]

/** What somebody may call themselves. */
export const hostileName = `<script>alert(1)</script>"\\\u001b]0;x\u2028${'x'.repeat(8000)}`

export const startDoors = async (config: Overrides = {}): Promise<Doors> => {
  const tailscaled = await startFakeTailscaled({ people: people() })
  const behind = await startBehind({
    localApi: tailscaled.socket,
    config: { tailscale: { capabilities: [capability] }, grants, ...config },
  })
  const { socket, port } = behind
  return {
    ...behind,
    tailscaled,
    front: tailscaled.front({ socket }, { funnel: true }),
    loopback: tailscaled.front({ port }, { funnel: true }),
    stop: async () => {
      await tailscaled.stop()
      await behind.stop()
    },
  }
}

/** Doors for a whole test file. */
export const doorsForFile = (overrides: Overrides = {}): { readonly now: Doors } => {
  let doors: Doors | undefined
  beforeAll(async () => {
    doors = await startDoors(overrides)
  })
  afterAll(async () => {
    await doors?.stop()
  })
  return {
    get now() {
      if (!doors) throw new Error('not started')
      return doors
    },
  }
}
