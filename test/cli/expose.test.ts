import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseText } from '../../src/adapter/node/config/config-file.ts'
import { holdDataDir } from '../../src/adapter/node/ledger/lock.ts'
import { exposeCommand } from '../../src/cli/expose/expose.ts'
import { HASH } from '../config/read.ts'
import {
  type FakeTailscaled,
  type FakeTailscaledOptions,
  startFakeTailscaled,
} from '../support/fake-tailscaled.ts'
import { type Ran, runCommand } from './run.ts'

let folder: string
let path: string
let fake: FakeTailscaled
const stops: (() => unknown)[] = []

const capable = {
  https: null,
  funnel: null,
  'https://tailscale.com/cap/funnel-ports?ports=443,8443,10000': null,
}
const self = {
  name: 'gateway',
  login: 'owner@example.com',
  addresses: ['100.64.0.1'],
  nodeCapMap: capable as never,
}

const start = async (options: FakeTailscaledOptions = {}, more = '') => {
  fake = await startFakeTailscaled({ self, ...options })
  stops.push(fake.stop)
  writeFileSync(path, configText(more))
}
const configText = (more: string) => `{
  // mine
  "listeners": [
    { "name": "local", "bind": "127.0.0.1:8787" }, // for me
  ],
  "tailscale": { "socket": ${JSON.stringify(fake.socket)} },
  "users": { "owner": { "password": "${HASH}" } },${more}
}
`

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-expose-'))
  path = join(folder, 'postern.hujson')
  mkdirSync(join(folder, 'data'))
})
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
  rmSync(folder, { recursive: true })
})

const expose = (...args: string[]): Promise<Ran> =>
  runCommand(exposeCommand(), ...args, '--config', path, '--data', join(folder, 'data'))
const config = () => {
  const parsed = parseText(path, readFileSync(path, 'utf8'))
  if (!parsed.config) throw new Error(JSON.stringify(parsed.problems))
  return parsed.config
}
const socketPath = () => join(folder, 'data', 'tailnet.sock')
const doorTo = (target: string, port = 443) => ({
  TCP: { [port]: { HTTPS: true } },
  Web: {
    [`${fake.name}:${port}`]: {
      Handlers: { '/': { Proxy: target, AcceptAppCaps: ['tailscale.com/cap/aperture'] } },
    },
  },
})
const funnelled = (port = 443) => ({ AllowFunnel: { [`${fake.name}:${port}`]: true } })
const foreign = {
  TCP: { 8443: { HTTPS: true } },
  Web: { 'gateway.tail.test:8443': { Handlers: { '/': { Proxy: 'http://127.0.0.1:3000' } } } },
  Services: { 'svc:ai': { TCP: { 443: { TCPForward: '127.0.0.1:1' } } } },
}
/** A gateway as far as a command can see it: the data directory is held, and its socket answers. */
const gateway = async () => {
  const letGo = await holdDataDir(join(folder, 'data'))
  const server = createServer((socket) => socket.end()).listen(socketPath())
  await once(server, 'listening')
  stops.push(letGo, () => server.close())
}

describe('postern expose', () => {
  it('opens to the tailnet: configuration, tailscaled, address', async () => {
    await start()
    const ran = await expose('serve')
    expect(ran).toMatchObject({ code: 0, failure: '' })
    expect(fake.serveConfig).toEqual(doorTo(`unix:${socketPath()}`))
    expect(config()).toMatchObject({ mode: 'serve', front: 'tailscale' })
    expect(config().listeners.map(({ name, identity }) => [name, identity])).toEqual([
      ['local', 'none'],
      ['tailnet', 'serve'],
    ])
    expect(readFileSync(path, 'utf8')).toMatch(/\/\/ mine[\s\S]*\/\/ for me/)
    expect(ran.out).toBe(
      [
        `config      ${path}: "mode" is "serve", "front" is "tailscale"`,
        `tailscaled  https://gateway.tail.test/ → unix:${socketPath()}`,
        'open to     your tailnet',
        'gateway     no gateway is running: start it with `postern up`',
        '',
        '  https://gateway.tail.test',
        '',
      ].join('\n'),
    )
  })

  it.each(['funnel', 'both'])('opens %s to the internet, at a port of Funnel', async (mode) => {
    await start()
    const ran = await expose(mode, '--port', '8443', '--json')
    expect(JSON.parse(ran.out)).toEqual({
      config: path,
      mode,
      address: 'https://gateway.tail.test:8443/',
      leads_to: `unix:${socketPath()}`,
      funnel: true,
      until: null,
      gateway: 'stopped',
    })
    expect(fake.serveConfig).toEqual({
      ...doorTo(`unix:${socketPath()}`, 8443),
      ...funnelled(8443),
    })
    expect(config().mode).toBe(mode)
  })

  it('serves without a certificate where there is none', async () => {
    await start({ self: { ...self, nodeCapMap: {} } })
    expect((await expose('serve')).failure).toMatch(/no HTTPS certificates.*--http/)
    const ran = await expose('serve', '--http')
    expect(ran.out).toContain('\n  http://gateway.tail.test\n')
    expect(fake.serveConfig).toMatchObject({ TCP: { 80: { HTTP: true } } })
  })

  it('takes back exactly what it did', async () => {
    await start()
    fake.serveConfig = foreign
    const before = readFileSync(path, 'utf8')
    await expose('both')
    await expose('serve', '--port', '10000')
    const ran = await expose('off')
    expect(ran).toMatchObject({ code: 0, failure: '' })
    expect(ran.out).toMatch(/^closed: "mode" is "local"/)
    expect(fake.serveConfig).toEqual(foreign)
    expect(readFileSync(path, 'utf8')).toBe(before)
    expect((await expose('off')).out).toBe('nothing was open\n')
  })

  it('finds its door again under another configuration', async () => {
    await start()
    await expose('serve')
    const text = readFileSync(path, 'utf8').replace('unix:tailnet.sock', 'unix:other.sock')
    writeFileSync(path, text)
    await expose('off')
    expect(fake.serveConfig).toEqual({})
  })

  it('goes from both to serve without a door in between', async () => {
    await start()
    await expose('both')
    await expose('serve')
    expect(fake.serveConfig).toEqual(doorTo(`unix:${socketPath()}`))
    expect(config().mode).toBe('serve')
  })

  it('changes a port from HTTP to HTTPS in two steps', async () => {
    await start()
    await expose('serve', '--http', '--port', '8080')
    fake.calls.length = 0
    expect((await expose('serve', '--port', '8080')).failure).toBe('')
    expect(fake.serveConfig).toEqual(doorTo(`unix:${socketPath()}`, 8080))
  })

  it('changes again what somebody else has changed meanwhile', async () => {
    await start()
    let asked = 0
    fake.calls.push = (url) => {
      // It reads to look, it reads to change, and somebody is quicker than the write.
      if (url === '/localapi/v0/serve-config' && ++asked === 3) fake.serveConfig = foreign
      return asked
    }
    expect((await expose('serve')).failure).toBe('')
    expect(fake.serveConfig).toMatchObject({ ...foreign, TCP: { 443: {}, 8443: {} } })
    expect(asked).toBeGreaterThan(4)
  })
})

describe('postern expose refuses, with nothing changed,', () => {
  const refused = async (...args: string[]) => {
    const [text, served] = [readFileSync(path, 'utf8'), fake.serveConfig]
    const ran = await expose(...args)
    expect(ran.code).toBe(1)
    expect(readFileSync(path, 'utf8')).toBe(text)
    expect(fake.serveConfig).toEqual(served)
    return ran.failure
  }

  it('to open to the internet when nobody could sign in', async () => {
    await start()
    writeFileSync(path, `{ "tailscale": { "socket": ${JSON.stringify(fake.socket)} } }`)
    expect(await refused('both')).toMatch(/no user is defined.*postern user add/)
  })

  it.each([
    ['a handler', { TCP: { 443: { HTTPS: true } }, Web: foreign.Web }, undefined],
    [
      'another program',
      {
        TCP: { 443: { HTTPS: true } },
        Web: { 'gateway.tail.test:443': { Handlers: { '/': { Proxy: 'http://127.0.0.1:3000' } } } },
      },
      /port 443 is not ours.*https:\/\/gateway\.tail\.test\/.*http:\/\/127\.0\.0\.1:3000/,
    ],
    ['a forward', { TCP: { 443: { TCPForward: '127.0.0.1:22' } } }, /port 443.*127\.0\.0\.1:22/],
  ])('a port where there is %s', async (_, served, reason) => {
    await start()
    fake.serveConfig = served
    if (reason) expect(await refused('serve')).toMatch(reason)
    else expect((await expose('serve')).failure).toBe('')
  })

  it.each([
    ['a port that is none of Funnel', ['both', '--port', '444'], {}, /444.*443, 8443, 10000/],
    [
      'an old tailscaled',
      ['funnel'],
      { status: { Version: '1.102.1', TUN: true } },
      /1\.102\.1.*1\.102\.2/,
    ],
    [
      'a tailscaled that is not connected',
      ['serve'],
      { status: { BackendState: 'NeedsLogin' } },
      /NeedsLogin.*tailscale up/,
    ],
    [
      'a tailnet without Funnel',
      ['both'],
      { self: { ...self, nodeCapMap: { https: null } as never } },
      /does not let this node use Funnel.*nodeAttrs/,
    ],
  ])('%s', async (_, args, options, reason) => {
    await start(options)
    expect(await refused(...args)).toMatch(reason)
  })

  it('when Caddy stands in front', async () => {
    await start({}, '"front": "caddy",')
    expect(await refused('serve')).toMatch(/"front" is "caddy"/)
  })

  it('when tailscaled is away', async () => {
    await start()
    await fake.fault('vanish')
    expect(await refused('serve')).toMatch(/tailscaled cannot be asked: connect ENOENT/)
  })

  it('a listener of loopback under a tailscaled without a network device', async () => {
    await start({ status: { TUN: false, Version: '1.102.3' } })
    const listeners = '"listeners": [{ "name": "t", "bind": "127.0.0.1:8788", "identity": "serve" }'
    writeFileSync(path, readFileSync(path, 'utf8').replace('"listeners": [', `${listeners},`))
    expect(await refused('serve')).toMatch(/without a network device.*listener "t"/)
  })

  it('a time when no gateway runs that could close it', async () => {
    await start()
    expect(await refused('serve', '--for', '2h')).toMatch(
      /no gateway runs.*postern up.*Nothing was/,
    )
  })

  it('wrong usage', async () => {
    await start()
    expect(await refused('serve', '--port', '0')).toContain('1 to 65535')
    expect(await refused('serve', '--for', 'soon')).toContain('2h')
    expect(await refused('funnel', '--http')).toContain('unknown option')
  })
})

describe('without the right to write', () => {
  it.each([
    ['an operator', 'operator', /path or Unix socket[\s\S]*127\.0\.0\.1:8788.*claim to be anybody/],
    ['another user', 'nobody', /serve config denied[\s\S]*--operator=\$USER/],
  ] as const)('%s is told the command, and everything is as before', async (_, writer, said) => {
    await start({ writer })
    const before = readFileSync(path, 'utf8')
    const { failure } = await expose('both')
    expect(failure).toMatch(said)
    expect(failure).toContain(
      `  sudo tailscale --socket=${fake.socket} funnel --bg --yes --https=443 unix:${socketPath()}\n`,
    )
    expect(readFileSync(path, 'utf8')).toBe(before)
    expect((await expose('status', '--json')).out).toContain('"mode": "local"')
  })

  it('an operator may lead to a port', async () => {
    await start({ writer: 'operator' })
    const own = '{ "name": "t", "bind": "127.0.0.1:8788", "identity": "serve" },'
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace('"listeners": [', `"listeners": [${own}`),
    )
    expect((await expose('serve')).failure).toBe('')
    expect(fake.serveConfig).toEqual(doorTo('http://127.0.0.1:8788'))
  })

  /** A sudo that becomes nobody else, and a `tailscale` that does to the fake what the real one does. */
  const programs = (does: string) => {
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    const script = `#!/bin/sh\nprintf '%s\\n' "$*" >> ${folder}/ran\n`
    writeFileSync(join(bin, 'sudo'), `${script}${does}\n`, { mode: 0o755 })
    const before = process.env.PATH
    process.env.PATH = `${bin}${delimiter}${before}`
    stops.push(() => {
      process.env.PATH = before
    })
  }

  it('has it done by sudo when told to, and looks at what came of it', async () => {
    await start({ writer: 'operator' })
    programs(`while [ ! -e ${folder}/go ]; do sleep 0.02; done`)
    const done = expose('serve', '--yes')
    await expect.poll(() => existsSync(join(folder, 'ran'))).toBe(true)
    fake.serveConfig = doorTo(`unix:${socketPath()}`)
    writeFileSync(join(folder, 'go'), '')
    expect(await done).toMatchObject({ failure: '', code: 0 })
    const command = `tailscale --socket=${fake.socket} serve --bg --yes --https=443`
    expect(readFileSync(join(folder, 'ran'), 'utf8')).toBe(
      `-n ${command} --accept-app-caps=tailscale.com/cap/aperture unix:${socketPath()}\n`,
    )
  })

  it('believes no sudo that says it was done', async () => {
    await start({ writer: 'operator' })
    programs('exit 0')
    const before = readFileSync(path, 'utf8')
    expect((await expose('serve', '--yes')).failure).toContain('does not serve what was asked for')
    expect(readFileSync(path, 'utf8')).toBe(before)
  })

  it('puts everything back when sudo fails', async () => {
    await start({ writer: 'operator' })
    programs('exit 3')
    const before = readFileSync(path, 'utf8')
    expect((await expose('serve', '--yes')).failure).toContain('ended with 3')
    expect(readFileSync(path, 'utf8')).toBe(before)
  })

  it('shuts the door of the gateway all the same', async () => {
    await start()
    await expose('both')
    Object.assign(fake, { writer: 'nobody' })
    const { failure } = await expose('off')
    expect(failure).toContain(
      `sudo tailscale --socket=${fake.socket} serve --https=443 --set-path=/ off`,
    )
    expect(failure).toContain('"mode" is "local" now')
    expect(config().mode).toBe('local')
    Object.assign(fake, { writer: 'root' })
    expect((await expose('off')).failure).toBe('')
    expect(fake.serveConfig).toEqual({})
  })

  it('lets a door become narrower by the configuration', async () => {
    await start()
    await expose('both')
    Object.assign(fake, { writer: 'nobody' })
    expect((await expose('serve', '--port', '10000')).failure).toContain('sudo tailscale')
    expect(config().mode).toBe('serve')
  })
})

describe('postern expose status', () => {
  it('agrees', async () => {
    await start()
    fake.serveConfig = foreign
    await expose('both')
    const ran = await expose('status')
    expect(ran.code).toBe(0)
    expect(ran.out.replaceAll(/ {2,}/g, '  ')).toBe(
      [
        'ADDRESS  OPEN TO  LEADS TO  WHOSE',
        `https://gateway.tail.test/  tailnet, internet  unix:${socketPath()}  listener tailnet`,
        'tcp://*:443  tailnet  127.0.0.1:1  not ours, svc:ai',
        'https://gateway.tail.test:8443/  tailnet  http://127.0.0.1:3000  not ours',
        '',
        'the configuration says: "mode" is "both", "front" is "tailscale"',
        'tailscaled does what the configuration says',
        '',
      ].join('\n'),
    )
  })

  it('says 1 when somebody has opened the door by hand', async () => {
    await start()
    await expose('serve')
    Object.assign(fake.serveConfig as object, funnelled())
    const ran = await expose('status', '--json')
    expect(ran.code).toBe(1)
    const report = JSON.parse(ran.out) as { doors: object[]; problems: object[] }
    expect(report.doors[0]).toMatchObject({ to: ['tailnet', 'internet'], listener: 'tailnet' })
    expect(report.problems).toEqual([
      expect.objectContaining({ severity: 'error', message: expect.stringContaining('"serve"') }),
    ])
  })

  it('says 1 when tailscaled is away, and 0 when nothing is asked of it', async () => {
    await start()
    await fake.fault('vanish')
    expect((await expose('status')).code).toBe(0)
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace('{', '{ "mode": "serve", "front": "tailscale",'),
    )
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(
        '"listeners": [',
        '"listeners": [{ "name": "t", "bind": "unix:t.sock", "identity": "serve" },',
      ),
    )
    const ran = await expose('status')
    expect(ran).toMatchObject({ code: 1 })
    expect(ran.out).toContain('tailscaled does not answer')
  })
})

describe('for a time', () => {
  it('is on record, with what is open after it', async () => {
    await start()
    await gateway()
    await expose('serve')
    const ran = await expose('both', '--for', '2h', '--json')
    const report = JSON.parse(ran.out) as { until: string; gateway: string }
    expect(report.gateway).toBe('follows')
    const left = Date.parse(report.until) - Date.now()
    expect(left).toBeGreaterThan(7_190_000)
    expect(left).toBeLessThanOrEqual(7_200_000)
    const record: unknown = JSON.parse(readFileSync(join(folder, 'data', 'exposed.json'), 'utf8'))
    expect(record).toMatchObject({
      until: Date.parse(report.until),
      wanted: { mode: 'both' },
      after: { mode: 'serve', port: 443, scheme: 'https' },
    })
    expect((await expose('status')).out).toContain(`until ${report.until}`)
  })

  it('has nothing after it when it is the same as before', async () => {
    await start()
    await gateway()
    await expose('serve')
    await expose('serve', '--for', '2h')
    expect(readFileSync(join(folder, 'data', 'exposed.json'), 'utf8')).not.toContain('"after"')
  })

  it('tells since when the mode is open, however often it is asked for', async () => {
    await start()
    await gateway()
    const since = () => {
      const text = readFileSync(join(folder, 'data', 'exposed.json'), 'utf8')
      return (JSON.parse(text) as { since: number }).since
    }
    await expose('serve')
    const first = since()
    expect(Math.abs(Date.now() - first)).toBeLessThan(60_000)
    await expose('serve', '--for', '2h')
    expect(since()).toBe(first)
    await expose('both')
    expect(since()).toBeGreaterThan(first)
  })
})
