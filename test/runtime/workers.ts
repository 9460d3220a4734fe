import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createClient } from '@libsql/client'
import { Miniflare } from 'miniflare'
import { startLibsqlServer } from '../support/libsql-server.ts'
import type { ConfigText, Runtime } from './suite.ts'

const root = new URL('../../', import.meta.url).pathname
const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js')

/** The modules that `wrangler deploy` would upload, by name. */
export type Bundle = Readonly<Record<string, { type: 'esm' | 'text'; contents: string }>>

let bundled: Promise<Bundle> | undefined

/** The Worker, bundled as for a deployment; nothing is sent anywhere. Made once per test file. */
export const bundleWorker = (): Promise<Bundle> => {
  bundled ??= bundle()
  return bundled
}

const bundle = async (): Promise<Bundle> => {
  const directory = await mkdtemp(join(tmpdir(), 'postern-worker-'))
  const args = [wrangler, 'deploy', '--dry-run', '--outdir', directory]
  await promisify(execFile)(process.execPath, args, { cwd: root })
  const names = (await readdir(directory)).filter((name) => /\.(js|sql|css|svg)$/.test(name))
  const modules = names.map(async (name) => {
    const contents = await readFile(join(directory, name), 'utf8')
    return [name, { type: name === 'main.js' ? 'esm' : 'text', contents }] as const
  })
  const named = Object.fromEntries(await Promise.all(modules))
  await rm(directory, { recursive: true, force: true })
  return named
}

export interface WorkerOptions {
  readonly bundle: Bundle
  /** Variables and secrets. */
  readonly env: Readonly<Record<string, string>>
  readonly log?: (line: string) => void
}

/** Runs the bundled Worker in workerd, under the settings of wrangler.toml. */
export const startWorker = async ({ bundle, env, log }: WorkerOptions): Promise<Miniflare> => {
  const settings = await readFile(join(root, 'wrangler.toml'), 'utf8')
  const miniflare = new Miniflare({
    host: '127.0.0.1',
    port: 0,
    cf: false,
    handleStructuredLogs: ({ message }) => log?.(message),
    workers: [
      {
        config: {
          name: 'postern',
          compatibilityDate: /^compatibility_date = "(.+)"/m.exec(settings)?.[1] ?? '',
          compatibilityFlags: flagsOf(settings),
          manifest: { mainModule: 'main.js', modules: bundle },
          env: Object.fromEntries(
            Object.entries(env).map(([name, value]) => [name, { type: 'text', value }]),
          ),
        },
      },
    ],
  })
  await miniflare.ready
  return miniflare
}

const flagsOf = (settings: string): string[] => {
  const list = /^compatibility_flags = \[([^\]]*)\]/m.exec(settings)?.[1] ?? ''
  return [...list.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? '')
}

/** The whole gateway in workerd, its ledger in a libSQL server over HTTP. */
export const startOnWorkers = async (config: ConfigText): Promise<Runtime> => {
  const authToken = 'database-token'
  const server = await startLibsqlServer({ authToken })
  const database = { url: server.url, auth_token: 'env:LIBSQL_TOKEN' }
  const env = { POSTERN_CONFIG: JSON.stringify({ ...config, database }), LIBSQL_TOKEN: authToken }
  const worker = await startWorker({ bundle: await bundleWorker(), env })
  const client = createClient({ url: server.url, authToken })
  return {
    url: (await worker.ready).origin,
    database: client,
    from: (ip) => ({ 'cf-connecting-ip': ip }),
    stop: async () => {
      await worker.dispose()
      client.close()
      await server.close()
    },
  }
}
