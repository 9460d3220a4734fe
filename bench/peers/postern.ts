import { constants } from 'node:fs'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { must } from '../../test/support/parts/run.ts'
import { startServer } from '../../test/support/parts/server.ts'
import { chatPath, json, type Peer, type Recipe, type Site } from './peer.ts'
import { person } from './person.ts'

export const root = fileURLToPath(new URL('../../', import.meta.url))
/** As it is published: compiled. `buildPostern` makes it. */
const program = join(root, 'dist', 'src', 'cli', 'main.js')

export const buildPostern = async (): Promise<void> => {
  await must('npm', ['run', 'build'], { cwd: root })
}

type Config = Readonly<Record<string, unknown>>

const listener = ({ port }: Site) => ({ name: 'bench', bind: `127.0.0.1:${port}` })
const aperture = (entry: object) => ({ 'tailscale.com/cap/aperture': [entry] })
const provider = ({ upstream }: Site) => ({
  local: { baseurl: upstream, models: ['stub'], apikey: 'sk-of-the-model-server' },
})

/** Limits of every kind, none of which is reached. */
const limit = { match: '/v1/**', events: 1_000_000_000, window: '1m' }
const limits = [
  { ...limit, zone: 'client', per: 'client' },
  { ...limit, zone: 'caller', per: 'caller' },
  { ...limit, zone: 'listener', per: 'listener' },
]

export const governed = (site: Site): Config => ({
  listeners: [listener(site)],
  providers: provider(site),
  users: { [person.name]: { password: person.hash, groups: ['group:bench'] } },
  grants: [{ src: ['group:bench'], app: aperture({ role: 'user', models: 'local/**' }) }],
  rate_limits: limits,
})

/** As above, and each request is charged to a budget of money. */
const budgeted = (site: Site): Config => ({
  ...governed(site),
  providers: { local: { ...provider(site).local, prices: { '*': { input: 1, output: 3 } } } },
  quotas: { 'month:<user>': { capacity: '$1000000', rate: '$1000000/month' } },
  grants: [
    {
      src: ['group:bench'],
      app: aperture({ role: 'user', models: 'local/**', quotas: [{ bucket: 'month:<user>' }] }),
    },
  ],
})

/** Nobody is asked who they are, and nothing is limited or logged. The ledger stays: there is no switch for it. */
const open = (site: Site): Config => ({
  listeners: [listener(site)],
  providers: provider(site),
  grants: [{ src: ['(loopback)'], app: aperture({ role: 'user', models: '**' }) }],
  rate_limits: [],
  log: { level: 'error', access: false },
})

const command = process.execPath

const posternPeer = (
  about: Pick<Peer, 'name' | 'title' | 'does'>,
  config: (site: Site) => Config,
  credential: (site: Site, where: readonly string[]) => Promise<Readonly<Record<string, string>>>,
): Peer => ({
  ...about,
  parts: [],
  version: async () => (await must(command, [program, '--version'])).stdout.trim(),
  prepare: async (site): Promise<Recipe> => {
    const file = join(site.folder, 'postern.hujson')
    const data = join(site.folder, 'data')
    await mkdir(data, { recursive: true, mode: 0o700 })
    await writeFile(file, JSON.stringify(config(site), null, 2))
    const where = ['--config', file, '--data', data]
    return {
      program: { command, args: [program, 'up', ...where], env: { NODE_ENV: 'production' } },
      url: `http://127.0.0.1:${site.port}${chatPath}`,
      headers: { ...json, ...(await credential(site, where)) },
    }
  },
})

/** The first start makes the ledger, which the key is written into; the one that is measured finds both. */
const withKey = async ({ port }: Site, where: readonly string[]) => {
  const url = `http://127.0.0.1:${port}`
  const args = [program, 'up', ...where]
  const ready = { url, ready: `${url}/healthz`, within: 20_000 }
  const up = await startServer({ name: 'postern', command, args, ...ready })
  try {
    const create = [program, 'key', 'create', '--login', person.name, '--name', 'bench', ...where]
    const { stdout } = await must(command, create)
    return { authorization: `Bearer ${stdout.trim()}` }
  } finally {
    await up.stop()
  }
}

export const postern = posternPeer(
  {
    name: 'postern',
    title: 'Postern',
    does: 'key, grants, limits, bans, ledger, access log',
  },
  governed,
  withKey,
)

export const posternWithBudget = posternPeer(
  {
    name: 'postern-budget',
    title: 'Postern, with a budget',
    does: 'key, grants, limits, bans, budget, cost, ledger, access log',
  },
  budgeted,
  withKey,
)

export const posternOpen = posternPeer(
  { name: 'postern-open', title: 'Postern, all off', does: 'ledger' },
  open,
  async () => ({}),
)

/** Believes what this machine says about whom it asks for, so that a flood can come from elsewhere. */
export const posternBehindProxy = posternPeer(
  { name: 'postern-flooded', title: 'Postern', does: 'password, bans' },
  (site) => ({
    ...governed(site),
    listeners: [{ ...listener(site), trusted_proxies: ['127.0.0.1'] }],
  }),
  async () => ({ authorization: person.basic }),
)

/** Governed, with a ledger that has rows already; whoever calls may see everything. @param ledger the database */
export const posternWithRows = (ledger: string): Peer => {
  const peer = posternPeer(
    { name: 'postern-rows', title: 'Postern', does: 'password, limits, ledger, pages' },
    (site) => ({
      ...governed(site),
      grants: [{ src: ['group:bench'], app: aperture({ role: 'admin', models: 'local/**' }) }],
    }),
    async () => ({ authorization: person.basic }),
  )
  return {
    ...peer,
    prepare: async (site) => {
      const recipe = await peer.prepare(site)
      await copyFile(ledger, join(site.folder, 'data', 'postern.db'), constants.COPYFILE_FICLONE)
      return recipe
    },
  }
}
