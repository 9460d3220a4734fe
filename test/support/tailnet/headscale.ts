import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathOf } from '../parts/part.ts'
import { freePort } from '../parts/port.ts'
import { must } from '../parts/run.ts'
import { type Server, startServer } from '../parts/server.ts'
import { headscale } from './programs.ts'

/** What MagicDNS appends to a node's name. */
export const tailnetDomain = 'tail.test'

/** Who may stand behind a node: a person, or tags and nobody. */
export type Owner = { readonly user: string } | { readonly tags: readonly string[] }

export interface Person {
  /** Name within headscale; the login of Tailscale is the e-mail address. */
  readonly name: string
  readonly email: string
  readonly displayName: string
  readonly pictureUrl?: string
}

export interface Headscale extends Server {
  createUser(person: Person): Promise<void>
  /** A key that any number of nodes may join with, as `owner`. */
  preauthKey(owner: Owner): Promise<string>
}

interface Ports {
  readonly listen: number
  readonly metrics: number
  readonly grpc: number
  readonly stun: number
}

/** YAML reads JSON. An empty map of relays is fatal to it, so it is its own relay. */
const configOf = (ports: Ports) => ({
  server_url: `http://127.0.0.1:${ports.listen}`,
  listen_addr: `127.0.0.1:${ports.listen}`,
  metrics_listen_addr: `127.0.0.1:${ports.metrics}`,
  grpc_listen_addr: `127.0.0.1:${ports.grpc}`,
  grpc_allow_insecure: true,
  noise: { private_key_path: './noise.key' },
  prefixes: { v4: '100.64.0.0/10', v6: 'fd7a:115c:a1e0::/48', allocation: 'sequential' },
  derp: {
    server: {
      enabled: true,
      region_id: 999,
      region_code: 'lo',
      region_name: 'loopback',
      stun_listen_addr: `127.0.0.1:${ports.stun}`,
      private_key_path: './derp.key',
      verify_clients: false,
      automatically_add_embedded_derp_region: true,
      ipv4: '127.0.0.1',
      ipv6: 'none', // unsaid, every node spends three seconds to find out
    },
    urls: [],
    paths: [],
    auto_update_enabled: false,
  },
  database: { type: 'sqlite', sqlite: { path: './db.sqlite', write_ahead_log: true } },
  dns: {
    magic_dns: true,
    base_domain: tailnetDomain,
    override_local_dns: false,
    nameservers: { global: [] },
  },
  policy: { mode: 'file', path: './policy.json' },
  unix_socket: './hs.sock',
  unix_socket_permission: '0700',
  disable_check_updates: true,
  // It collects changes for half a second and more before it tells anyone, which is for tailnets of thousands.
  tuning: { batch_change_delay: '10ms', node_store_batch_timeout: '10ms' },
  logtail: { enabled: false },
})

const freePorts = async (): Promise<Ports> => ({
  listen: await freePort(),
  metrics: await freePort(),
  grpc: await freePort(),
  stun: await freePort(),
})

/** Starts a coordination server in `folder`, with the policy file of a tailnet. All of it on 127.0.0.1. */
export const startHeadscale = async (folder: string, policy: unknown): Promise<Headscale> => {
  const ports = await freePorts()
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFile(join(folder, 'config.yaml'), JSON.stringify(configOf(ports)))
  await writeFile(join(folder, 'policy.json'), JSON.stringify(policy))
  const command = pathOf(headscale)
  const url = `http://127.0.0.1:${ports.listen}`
  const server = await startServer({
    name: 'headscale',
    command,
    args: ['--config', 'config.yaml', 'serve'],
    cwd: folder,
    url,
    ready: `${url}/health`,
    within: 20_000,
  })
  const call = async (args: readonly string[]): Promise<unknown> => {
    const options = { cwd: folder, within: 10_000 }
    const all = ['--config', 'config.yaml', '--output', 'json', ...args]
    return JSON.parse((await must(command, all, options)).stdout)
  }
  return { ...server, ...people(call) }
}

const people = (call: (args: readonly string[]) => Promise<unknown>) => {
  const ids = new Map<string, number>()
  const ownerArgs = (owner: Owner) =>
    'user' in owner ? ['--user', String(ids.get(owner.user))] : ['--tags', owner.tags.join(',')]
  return {
    createUser: async ({ name, email, displayName, pictureUrl }: Person) => {
      const picture = pictureUrl === undefined ? [] : ['--picture-url', pictureUrl]
      const described = ['--email', email, '--display-name', displayName, ...picture]
      const made = (await call(['users', 'create', name, ...described])) as { id: number }
      ids.set(name, Number(made.id))
    },
    preauthKey: async (owner: Owner) => {
      const made = await call(['preauthkeys', 'create', '--reusable', ...ownerArgs(owner)])
      return (made as { key: string }).key
    },
  }
}
