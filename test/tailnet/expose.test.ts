import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLocalApi } from '../../src/adapter/node/tailscaled/localapi.ts'
import { commandsFor, type Opening, withDoor } from '../../src/tailscale/expose.ts'
import { changeServeConfig, readServeConfig } from '../../src/tailscale/serve-config-change.ts'
import { startTestGateway } from '../support/gateway.ts'
import { describeWith } from '../support/parts/need.ts'
import { freePort } from '../support/parts/port.ts'
import { type PosternProcess, postern, startPostern } from '../support/postern.ts'
import { withCapabilities } from '../support/tailnet/capable.ts'
import { served } from '../support/tailnet/doorways.ts'
import { type Answer, headerOf } from '../support/tailnet/http.ts'
import { capability } from '../support/tailnet/people.ts'
import { tailnetParts } from '../support/tailnet/programs.ts'
import { gatewayName, type NodeName } from '../support/tailnet/rig.ts'
import { tailnetRig } from './scene.ts'

const funnel = [
  'https',
  'funnel',
  'https://tailscale.com/cap/funnel-ports?ports=443,8443,10000',
] as const

/** bcrypt at cost 4 of `owner-password`. */
const hash = '$2b$04$tkxmauwhlVIeMnO/Oukx1OxQgloLhjxxbVqeEI386CVXAl94WD9AS'
const basic = `Basic ${Buffer.from('owner:owner-password').toString('base64')}`
const grant = (login: string) => ({
  src: [login],
  app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] },
})

describeWith(tailnetParts, 'postern expose, with a real tailscaled', () => {
  const rig = tailnetRig()
  const stops: (() => Promise<unknown>)[] = []
  const now = AbortSignal.timeout(600_000)
  const localApi = () => createLocalApi({ socket: () => rig.now.nodes.gateway.socket })
  const serving = async () => (await readServeConfig(localApi(), now)).config
  const foreign = served(gatewayName, [{ port: 8443, target: { port: 9 } }])

  beforeEach(async () => {
    await rig.now.serve(foreign)
  })
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop()
    await rig.now.serve({})
  })

  const configOf = (socket: string) => ({
    tailscale: { socket, capabilities: [capability] },
    users: { owner: { password: hash } },
    providers: { none: { baseurl: 'http://127.0.0.1:9', models: ['some'] } },
    grants: [grant('owner'), grant('alice@example.com')],
  })
  const start = async (): Promise<PosternProcess> => {
    const socket = join(rig.now.folder, 'capable.sock')
    const api = await withCapabilities(rig.now.nodes.gateway.socket, socket, funnel)
    stops.push(api.stop)
    const started = await startPostern({ config: configOf(socket) })
    stops.push(started.stop)
    return started
  }

  const models = { path: '/v1/models', headers: [['Host', gatewayName]] } as const
  const ask = (from: NodeName, through = {}) => rig.now.ask(from, models, through)
  const outside = (...more: (readonly [string, string])[]) =>
    rig.now.funnel(
      { ...models, headers: [...models.headers, ...more] },
      { from: '203.0.113.7:5555' },
    )
  const statusOf = async (asked: Promise<Answer>) => (await asked).status

  test('serve --http: alice is in by name, and off leaves what was there before', async () => {
    const gateway = await start()
    const before = await serving()
    const opened = await gateway.run('expose', 'serve', '--http')
    expect(opened).toMatchObject({ code: 0, stderr: '' })
    expect(opened.stdout).toContain(`\n  http://${gatewayName}\n`)
    expect(opened.stdout).toContain('the gateway answers there')
    expect(await statusOf(ask('laptop'))).toBe(200)
    expect(await serving()).toMatchObject({ ...before, TCP: { ...before.TCP, 80: { HTTP: true } } })
    const status = await gateway.run('expose', 'status')
    expect(status).toMatchObject({ code: 0 })
    expect(status.stdout).toMatch(
      /http:\/\/gateway\.tail\.test\/ +tailnet +unix:.*listener tailnet/,
    )
    expect(status.stdout).toMatch(/https?:\/\/gateway\.tail\.test:8443\/ .*not ours/)
    expect(await gateway.run('expose', 'off')).toMatchObject({ code: 0, stderr: '' })
    expect(await serving()).toEqual(before)
    await expect(ask('laptop')).rejects.toThrow()
  })

  test('both: the tailnet by name, the internet by password, on one port', async () => {
    const gateway = await start()
    const before = await serving()
    const opened = await gateway.run('expose', 'both', '--json')
    expect(JSON.parse(opened.stdout)).toMatchObject({
      address: `https://${gatewayName}/`,
      funnel: true,
      gateway: 'follows',
    })
    expect((await serving()).AllowFunnel).toEqual({ [`${gatewayName}:443`]: true })
    expect(await statusOf(ask('laptop', { tls: true }))).toBe(200)
    const stranger = await outside()
    expect(stranger.status).toBe(401)
    expect(headerOf(stranger.headers, 'www-authenticate')).toContain('Basic')
    expect(await statusOf(outside(['Authorization', basic]))).toBe(200)
    await gateway.run('expose', 'off')
    expect(await serving()).toEqual(before)
    await expect(outside()).rejects.toThrow('ingress: 403 denied')
  })

  test('what somebody opens by hand is seen, and refused one by one', async () => {
    const gateway = await start()
    await gateway.run('expose', 'serve')
    const config = await serving()
    await rig.now.serve({ ...config, AllowFunnel: { [`${gatewayName}:443`]: true } })
    expect(await statusOf(outside(['Authorization', basic]))).toBe(403)
    const status = await gateway.run('expose', 'status')
    expect(status.code).toBe(1)
    expect(status.stdout).toContain('error: tailscaled lets the internet in')
    const again = await gateway.run('up')
    expect(again.code).toBe(1)
    expect(again.stderr).toContain('nothing was started')
  })

  test('a port that is taken stays with whom it belongs to', async () => {
    const gateway = await start()
    const before = await serving()
    const refused = await gateway.run('expose', 'serve', '--port', '8443')
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/port 8443 is not ours: .*http:\/\/127\.0\.0\.1:9/)
    expect(await serving()).toEqual(before)
    expect((await gateway.run('expose', 'status')).stdout).toContain('"mode" is "local"')
  })

  test('serve without a certificate, as headscale has none, is refused before anything is changed', async () => {
    const started = await startPostern({ config: configOf(rig.now.nodes.gateway.socket) })
    stops.push(started.stop)
    for (const mode of ['serve', 'both']) {
      const refused = await started.run('expose', mode)
      expect(refused.code).toBe(1)
      expect(refused.stderr).toContain('gives out no HTTPS certificates')
    }
  })

  test('--for closes by itself', async () => {
    const gateway = await start()
    const before = await serving()
    const opened = await gateway.run('expose', 'serve', '--http', '--for', '3s', '--json')
    const { until } = JSON.parse(opened.stdout) as { until: string }
    expect(await statusOf(ask('laptop'))).toBe(200)
    await expect.poll(serving, { timeout: 10_000 }).toEqual(before)
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(until))
    const status = await gateway.run('expose', 'status', '--json')
    expect(JSON.parse(status.stdout)).toMatchObject({ mode: 'local', until: null, problems: [] })
  })

  test('a change of somebody else in between is kept, and ours made after it', async () => {
    const real = localApi()
    let writes = 0
    const contended: typeof real = async (asked) => {
      if (asked.method === 'POST' && ++writes === 1) {
        await rig.now.serve(served(gatewayName, [{ port: 10000, target: { port: 9 } }]))
      }
      return real(asked)
    }
    const opening: Opening = {
      host: gatewayName,
      port: 8080,
      scheme: 'http',
      target: 'unix:/run/x.sock',
      funnel: false,
      acceptAppCaps: [],
    }
    await changeServeConfig(contended, (config) => withDoor(config, opening, () => false), now)
    expect(writes).toBe(2)
    expect(Object.keys((await serving()).TCP ?? {})).toEqual(['8080', '10000'])
  })

  test('the commands do what the LocalAPI does', async () => {
    const opening: Opening = {
      host: gatewayName,
      port: 80,
      scheme: 'http',
      target: 'unix:/run/x.sock',
      funnel: false,
      acceptAppCaps: [capability, 'example.com/cap/other'],
    }
    const before = await serving()
    const isOurs = ({ leadsTo }: { leadsTo: string }) => leadsTo === opening.target
    const byCommand = async (commands: readonly (readonly string[])[]) => {
      for (const [, ...args] of commands) await rig.now.nodes.gateway.cli(...args)
      return serving()
    }
    const opened = await byCommand(commandsFor(before, opening, isOurs))
    expect(opened).toEqual(withDoor(before, opening, isOurs))
    expect(await byCommand(commandsFor(opened, undefined, isOurs))).toEqual(before)
  })

  const onLoopback = async () => {
    const port = await freePort()
    return { port, listeners: [{ name: 't', bind: `127.0.0.1:${port}`, identity: 'serve' }] }
  }

  test('without a network device a loopback port is open to the tailnet, where any address can be claimed', async () => {
    const { port, listeners } = await onLoopback()
    const gateway = await startTestGateway(
      { ...configOf('unused'), mode: 'serve', listeners },
      { platform: { tailscale: localApi() } },
    )
    stops.push(gateway.stop)
    const alice = await rig.now.addressOf('laptop')
    const forged = [
      ['Host', gatewayName],
      ['X-Forwarded-For', alice],
      ['Tailscale-User-Login', 'alice@example.com'],
    ] as const
    const asked = { path: '/v1/models', headers: forged }
    // The name is not believed there, but what limits and bans count by is.
    expect((await rig.now.ask('runner', asked, { port })).status).toBe(401)
    expect(gateway.log.find(({ evt }) => evt === 'access')).toMatchObject({ ip: alice })
  })

  test('so the gateway does not start with one, and says what to do', async () => {
    const { port, listeners } = await onLoopback()
    const folder = await mkdtemp(join(tmpdir(), 'postern-refused-'))
    stops.push(() => rm(folder, { recursive: true }))
    const file = join(folder, 'postern.hujson')
    const config = { ...configOf(rig.now.nodes.gateway.socket), mode: 'serve', listeners }
    await writeFile(file, JSON.stringify(config), { mode: 0o600 })
    const refused = await postern(['up', '--config', file, '--data', join(folder, 'data')])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(
      /^postern: nothing was started\ntailscale: error: tailscaled runs without a network device.*listener "t".*unix:tailnet\.sock"/m,
    )
    await expect(rig.now.ask('runner', models, { port })).rejects.toThrow()
  })
})
