import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from './parts/port.ts'
import { type RunResult, run } from './parts/run.ts'
import { type Server, startServer } from './parts/server.ts'

/** The command as `npx postern` finds it in a checkout. */
const command = fileURLToPath(new URL('../../src/cli/bin/postern', import.meta.url))

/** Runs `postern …` to its end, with `input` as its standard input. A run that takes over a minute is ended. */
export const postern = (
  args: readonly string[],
  options: { cwd?: string; input?: string } = {},
): Promise<RunResult> => run(command, args, { within: 60_000, ...options })

export interface PosternProcess extends Server {
  readonly configFile: string
  readonly dataDir: string
  /** Runs another `postern` command on the same configuration and data. */
  run(...args: readonly string[]): Promise<RunResult>
}

export interface PosternOptions {
  /** Top-level keys as in `postern.hujson`. Without `listeners` there is one, on a free port of loopback. */
  readonly config: { readonly [key: string]: unknown }
  /** A data folder that outlives the process; without it a temporary one is made, and removed with it. */
  readonly dataDir?: string
  readonly port?: number
}

/**
 * Starts the real command, `postern up`, as a user would; ready when `/healthz` answers 200. `kill -9` and signals reach
 * the gateway itself.
 */
export const startPostern = async (options: PosternOptions): Promise<PosternProcess> => {
  const home = await mkdtemp(join(tmpdir(), 'postern-up-'))
  const dataDir = options.dataDir ?? join(home, 'data')
  const configFile = join(home, 'postern.hujson')
  const port = options.port ?? (await freePort())
  const listeners = [{ name: 'local', bind: `127.0.0.1:${port}` }]
  await mkdir(dataDir, { recursive: true })
  await writeFile(configFile, JSON.stringify({ listeners, ...options.config }, null, 2))
  const where = ['--config', configFile, '--data', dataDir]
  const url = `http://127.0.0.1:${port}`
  const server = await startServer({
    name: 'postern',
    command,
    args: ['up', ...where],
    cwd: home,
    url,
    ready: `${url}/healthz`,
    within: 20_000,
  })
  return {
    ...server,
    configFile,
    dataDir,
    run: (...args) => postern([...args, ...where], { cwd: home }),
    stop: async () => {
      await server.stop()
      await rm(home, { recursive: true, force: true })
    },
  }
}
