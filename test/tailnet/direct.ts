/**
 * Plays the gateway on a machine whose tailscaled has a network device, and prints as JSON what happened. The daemon
 * changes the network it finds, so this runs in a namespace of its own: gateway-direct.test.ts sees to that.
 */
import { connect } from 'node:net'
import { type Behind, basic, completion, grant, list, startBehind } from '../support/behind.ts'
import { served } from '../support/tailnet/doorways.ts'
import { type Answer, type Ask, askOver, type HeaderLines } from '../support/tailnet/http.ts'
import { gatewayName, type NodeName, type Rig, startRig } from '../support/tailnet/rig.ts'
import { forged } from '../support/tailnet/table.ts'

/** One answer: its status, and the row that it left in the ledger. */
export interface Told {
  readonly status: number
  readonly login?: string
  readonly kind?: string
  readonly node?: string | null
  readonly door?: string
  readonly clientIp?: string
}

export type Report = Readonly<Record<string, Told | 'refused'>>

const port = 8000
const address = { ip4: '100.64.0.1', ip6: 'fd7a:115c:a1e0::1' }

const start = async (rig: Rig): Promise<Behind> => {
  const behind = await startBehind({
    localApi: rig.nodes.gateway.socket,
    config: { grants: [grant(['alice@example.com', 'bob@example.com', 'tag:ci', 'owner'])] },
    listeners: [
      { name: 'direct', bind: `${address.ip4}:${port}`, identity: 'whois' },
      { name: 'direct6', bind: `[${address.ip6}]:${port}`, identity: 'whois' },
    ],
  })
  await rig.serve(served(gatewayName, [{ port: 80, target: { port: behind.port } }]))
  return behind
}

const restart = async ({ nodes, connected, addressOf }: Rig): Promise<void> => {
  await nodes.gateway.start()
  await nodes.gateway.cli('wait', '--timeout=20s')
  await connected()
  // Or the laptop would talk to the daemon that is gone for up to 15 s more.
  await nodes.gateway.cli('ping', '--tsmp', '--c=1', '--timeout=20s', await addressOf('laptop'))
}

const claims: HeaderLines = forged.filter(
  ([name]) =>
    !name.includes('_') && !['tailscale-user-login', 'Tailscale-Funnel-Request'].includes(name),
)

type Acts = Readonly<Record<string, () => Promise<Answer>>>

const whileItRuns = (rig: Rig, behind: Behind): Acts => {
  const from = (node: NodeName, headers: HeaderLines = []) =>
    rig.ask(node, completion(headers), { port })
  const here = (headers: HeaderLines, more: object = {}) =>
    askOver(connect({ port, host: address.ip4, ...more }), completion(headers))
  const loopback = { localAddress: '127.0.0.1' }
  const by = (at: number) =>
    rig.ask('phone', list([['X-Forwarded-For', '100.64.0.2']]), { port: at })
  return {
    laptop: () => from('laptop'),
    phone: () => from('phone'),
    runner: () => from('runner'),
    tablet: () => from('tablet'),
    'phone, forging': () => from('phone', claims),
    'phone, two logins': () => from('phone', forged.slice(0, 2)),
    'phone, look-alike': () => from('phone', [['Tailscale_User_Login', 'alice@example.com']]),
    'phone, marked': () => from('phone', [['Tailscale-Funnel-Request', '?1']]),
    'phone, wrong password': () => from('phone', [basic('owner', 'no')]),
    'phone, placeholder': () => from('phone', [['Authorization', 'Bearer not-needed']]),
    'phone, IPv6': async () =>
      askOver(await rig.nodes.phone.dial(`[${address.ip6}]`, port), completion()),
    'this machine, by the tailnet': () => here([]),
    'this machine, by loopback': () => here([], loopback),
    'this machine, by loopback, with a password': () => here([basic('owner')], loopback),
    'laptop, by serve to loopback': () => rig.ask('laptop', completion()),
    'phone, forging, by serve to loopback': () => rig.ask('phone', completion(claims)),
    'phone, to the port that serve leads to': () => by(behind.port),
    'phone, to the port that believes nobody': () => by(behind.gateway.port),
  }
}

const play = async (): Promise<Report> => {
  const rig = await startRig({ device: 'tailscale0' })
  const behind = await start(rig)
  const report: Record<string, Told | 'refused'> = {}
  const tell = async (acts: Acts) => {
    for (const [title, act] of Object.entries(acts)) report[title] = await told(behind, act)
  }
  await tell(whileItRuns(rig, behind))
  await rig.nodes.gateway.stop()
  behind.pass(60_000)
  const local = (ask: Ask) => askOver(connect(behind.gateway.port, '127.0.0.1'), ask)
  await tell({ 'tailscaled away, a password': () => local(completion([basic('owner')])) })
  await restart(rig)
  behind.pass(1_000)
  await tell({ 'laptop, after a restart': () => rig.ask('laptop', completion(), { port }) })
  await behind.stop()
  await rig.stop()
  return report
}

const told = async ({ gateway }: Behind, act: () => Promise<Answer>): Promise<Told | 'refused'> => {
  const { usage } = gateway.store
  const before = usage.length
  try {
    const { status } = await act()
    const row = usage.length > before ? usage.at(-1) : undefined
    if (row === undefined) return { status }
    const { login, kind, node, door, clientIp } = row
    return { status, login, kind, node, door, clientIp }
  } catch {
    return 'refused'
  }
}

console.log(JSON.stringify(await play()))
