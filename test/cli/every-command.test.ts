import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemUser } from '../../src/cli/act.ts'
import { commands } from '../../src/cli/commands.ts'
import { initCommand } from '../../src/cli/init/init.ts'
import type { AuditRow } from '../../src/platform/records/act.ts'
import { HASH } from '../config/read.ts'
import { dataDir, store } from '../store/fixtures.ts'
import { startFakeTailscaled } from '../support/fake-tailscaled.ts'
import { postern } from './ledger-commands.ts'
import { runCommand } from './run.ts'

const PASSWORD = 'correct horse battery'

let dir: string
let config: string
let gateway: ReturnType<typeof createServer>
let tailscaled: Awaited<ReturnType<typeof startFakeTailscaled>>

/** Commands that leave users, keys, bans, budgets, doors and the configuration as they are, with what they do instead. */
const changesNothing: Readonly<Record<string, string>> = {
  up: 'runs the gateway; its first start has no ledger yet and is not an act of a person',
  check: 'reads the configuration',
  verify: 'asks a running gateway',
  doctor: 'reads',
  'user list': 'reads',
  'key list': 'reads',
  can: 'reads',
  'ban list': 'reads',
  usage: 'reads',
  'usage export': 'reads',
  'quota list': 'reads',
  models: 'asks providers',
  'models test': 'asks providers',
  'expose status': 'reads',
  'caddy render': 'prints',
  'caddy apply': "loads a configuration into Caddy, which has its own access; Postern's stays",
  'caddy validate': 'asks the caddy program',
  backup: 'copies the ledger, which it leaves as it is',
  migrate: 'brings the schema up to date, as each start of the gateway does',
}

interface Scenario {
  /** What has to be there; it leaves rows of its own. */
  readonly before?: () => Promise<unknown>
  readonly run: () => Promise<{ readonly out: string }>
  /** `action target` of its one row. */
  readonly row: RegExp
}

const named = (name: string): Command => {
  const found = commands().find((command) => command.name() === name)
  if (!found) throw new Error(`there is no command ${name}`)
  return found
}

const inFile = (name: string, ...args: string[]) =>
  runCommand(named(name), ...args, '--config', config, '--data', dir)

const newKey = async (...more: string[]): Promise<string> =>
  JSON.parse((await postern(dir, 'key', 'create', '--login', 'ana', '--json', ...more)).out).id

const scenarios: Readonly<Record<string, Scenario>> = {
  'key create': {
    run: () => postern(dir, 'key', 'create', '--login', 'ana'),
    row: /^key\.create \w{12}$/,
  },
  'key revoke': {
    before: newKey,
    run: () => postern(dir, 'key', 'revoke', '--login', 'ana'),
    row: /^key\.revoke \w{12}$/,
  },
  'key rotate': { run: () => postern(dir, 'key', 'rotate'), row: /^key\.rotate \S+$/ },
  'key retire': {
    before: async () => {
      retired = JSON.parse((await postern(dir, 'key', 'rotate', '--json')).out).kid
      await postern(dir, 'key', 'rotate')
    },
    run: () => postern(dir, 'key', 'retire', retired),
    row: /^key\.retire \S+$/,
  },
  'ban add': { run: () => postern(dir, 'ban', 'add', '192.0.2.7'), row: /^ban\.set 192\.0\.2\.7$/ },
  'ban remove': {
    before: () => postern(dir, 'ban', 'add', '192.0.2.7'),
    run: () => postern(dir, 'ban', 'remove', '192.0.2.7'),
    row: /^ban\.lift 192\.0\.2\.7$/,
  },
  'quota refill': {
    run: () => postern(dir, 'quota', 'refill', 'team', '$2.00'),
    row: /^quota\.refill team$/,
  },
  'user add': { run: () => inFile('user', 'add', 'bob'), row: /^user\.add bob$/ },
  'user passwd': { run: () => inFile('user', 'passwd', 'owner'), row: /^user\.passwd owner$/ },
  'user totp': { run: () => inFile('user', 'totp', 'owner'), row: /^user\.totp owner$/ },
  'user remove': {
    before: () => inFile('user', 'add', 'bob'),
    run: () => inFile('user', 'remove', 'bob'),
    row: /^user\.remove bob$/,
  },
  'expose serve': { run: () => inFile('expose', 'serve'), row: /^expose\.open serve$/ },
  'expose funnel': { run: () => inFile('expose', 'funnel'), row: /^expose\.open funnel$/ },
  'expose both': { run: () => inFile('expose', 'both'), row: /^expose\.open both$/ },
  'expose off': {
    before: () => inFile('expose', 'serve'),
    run: () => inFile('expose', 'off'),
    row: /^expose\.off serve$/,
  },
  'import aperture': {
    before: async () => {
      const provider = { baseurl: 'http://127.0.0.1:9', models: ['m'] }
      writeFileSync(join(dir, 'aperture.hujson'), JSON.stringify({ providers: { p: provider } }))
    },
    run: () => {
      const from = join(dir, 'aperture.hujson')
      return runCommand(
        named('import'),
        'aperture',
        from,
        '--out',
        config,
        '--data',
        dir,
        '--force',
      )
    },
    row: /^config\.replace configuration$/,
  },
  init: {
    before: async () => rmSync(config),
    run: () => {
      const found = { servers: [], webui: undefined, caddy: false, tailscaled: false }
      const command = initCommand(() => Promise.resolve(found))
      return runCommand(command, '--yes', '--config', config, '--data', dir)
    },
    row: /^config\.replace configuration$/,
  },
  restore: {
    before: async () => {
      await postern(dir, 'backup', join(dir, 'copy.db'))
      dir = join(dir, 'restored')
      mkdirSync(dir)
    },
    run: () => postern(dir, 'restore', join(dir, '..', 'copy.db')),
    row: /^ledger\.restore copy\.db$/,
  },
  run: {
    run: () => runCommand(named('run'), '--config', config, '--data', dir, 'claude'),
    row: /^key\.create \w{12}$/,
  },
}

let retired = ''

const audit = async (): Promise<readonly AuditRow[]> => {
  if (!existsSync(join(dir, 'postern.db'))) return []
  const ledger = await store({ dataDir: dir })
  const rows = await ledger.ask('audit', { limit: 100 })
  await ledger.close()
  return rows
}

const leaves = (command: Command, before: readonly string[] = []): string[] => {
  const path = [...before, command.name()]
  const below = command.commands.flatMap((each) => leaves(each, path))
  // `postern models` and `postern usage` do something, and so do commands below them.
  const alone = below.length === 0 || ['models', 'usage'].includes(path.join(' '))
  return alone ? [path.join(' '), ...below] : below
}

const kept = { ...process.env }

beforeEach(async () => {
  dir = dataDir()
  config = join(dir, 'postern.hujson')
  gateway = createServer((_, answer) => answer.end('{}')).listen(0, '127.0.0.1')
  await once(gateway, 'listening')
  const capabilities = {
    https: null,
    funnel: null,
    'https://tailscale.com/cap/funnel-ports?ports=443,8443,10000': null,
  }
  const self = {
    name: 'gateway',
    login: 'owner@example.com',
    addresses: ['100.64.0.1'],
    nodeCapMap: capabilities as never,
  }
  tailscaled = await startFakeTailscaled({ self })
  const { port } = gateway.address() as AddressInfo
  const text = JSON.stringify({
    listeners: [{ name: 'local', bind: `127.0.0.1:${port}` }],
    tailscale: { socket: tailscaled.socket },
    users: { owner: { password: HASH } },
    quotas: { team: { capacity: '$5.00' } },
  })
  writeFileSync(config, text, { mode: 0o600 })
  await (await store({ dataDir: dir })).close()
  // No agent is found there, so `postern run` ends after it made its key.
  Object.assign(process.env, { POSTERN_PASSWORD: PASSWORD, PATH: dir, XDG_CONFIG_HOME: dir })
  delete process.env.POSTERN_KEY
  delete process.env.POSTERN_URL
})

afterEach(async () => {
  for (const name of [
    'POSTERN_PASSWORD',
    'PATH',
    'XDG_CONFIG_HOME',
    'POSTERN_KEY',
    'POSTERN_URL',
  ]) {
    if (kept[name] === undefined) delete process.env[name]
    else process.env[name] = kept[name]
  }
  gateway.close()
  await tailscaled.stop()
})

/** Passwords, keys and codes that were printed once, and hashes as the file has them. */
const secretsIn = (out: string): string[] => [
  PASSWORD,
  '$2b$',
  ...[...out.matchAll(/^(?:secret|password): (\S+)|^(pst_\S+|ey\S+)$/gm)].map(
    ([, labelled, key]) => labelled ?? key ?? '',
  ),
]

describe('every command', () => {
  it('is known as one that changes something, which is recorded, or as one that does not', () => {
    const known = [...Object.keys(scenarios), ...Object.keys(changesNothing)]
    const found = commands().flatMap((command) => leaves(command))
    expect(new Set(found)).toEqual(new Set(known))
  })

  it.each(Object.entries(scenarios))(
    'records what `postern %s` does once, by whom, and nothing secret',
    async (_, { before, run, row }) => {
      await before?.()
      const earlier = new Set((await audit()).map(({ id }) => id))
      const { out } = await run()
      const added = (await audit()).filter(({ id }) => !earlier.has(id))
      expect(added).toMatchObject([
        { login: systemUser(), credentialId: 'command line', door: 'local', outcome: 'done' },
      ])
      expect(`${added[0]?.action} ${added[0]?.target}`).toMatch(row)
      const text = JSON.stringify(added)
      expect(secretsIn(out).filter((secret) => text.includes(secret))).toEqual([])
    },
  )
})
