import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { caddy as part } from '../../test/support/parts/caddy.ts'
import { pathOf } from '../../test/support/parts/part.ts'
import { must } from '../../test/support/parts/run.ts'
import { chatPath, json, type Peer, type Site } from './peer.ts'
import { person } from './person.ts'

/** Its defaults but for what would cost it: no redirects, no admin socket, no log. */
const config = ({ port, upstream }: Site, asks: string): string => `{
  admin off
  auto_https off
  persist_config off
  log {
    output discard
  }
}
http://127.0.0.1:${port} {
  bind 127.0.0.1
  ${asks}
  reverse_proxy ${upstream.replace('http://', '')} {
    transport http {
      keepalive_idle_conns_per_host 4096
    }
  }
}
`

const caddyPeer = (
  about: Pick<Peer, 'name' | 'title' | 'does'>,
  asks: string,
  headers: Readonly<Record<string, string>>,
): Peer => ({
  ...about,
  parts: [part],
  version: async () => (await must(pathOf(part), ['version'])).stdout.split(' ')[0] ?? '',
  prepare: async (site) => {
    const { folder, port } = site
    const file = join(folder, 'Caddyfile')
    await writeFile(file, config(site, asks))
    const args = ['run', '--adapter', 'caddyfile', '--config', file]
    const env = { XDG_DATA_HOME: join(folder, 'data'), XDG_CONFIG_HOME: join(folder, 'config') }
    const url = `http://127.0.0.1:${port}${chatPath}`
    return { program: { command: pathOf(part), args, env }, url, headers }
  },
})

export const caddy = caddyPeer(
  { name: 'caddy', title: 'Caddy reverse_proxy', does: 'nothing' },
  '',
  json,
)

/** Without its cache of passwords that were right it would spend a quarter of a second on each request. */
export const caddyWithPassword = caddyPeer(
  { name: 'caddy-auth', title: 'Caddy with basic_auth', does: 'asks for a password' },
  `basic_auth bcrypt ${person.realm} {
    ${person.name} ${person.hash}
  }`,
  { ...json, authorization: person.basic },
)
