import { spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Config } from 'caddy-json-config-types'
import { inPlainWords } from './reason.ts'

/** The oldest Caddy that knows every field we emit and drops header names with `_` (GHSA-f59h-q822-g45g). */
const oldest = [2, 11, 4] as const

/** `$CADDY`, else `caddy` on the PATH, else in `.tools/` of the working directory. Undefined when there is none. */
export const findCaddy = (env: NodeJS.ProcessEnv, cwd: string): string | undefined => {
  if (env.CADDY) return env.CADDY
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  return [...folders, join(cwd, '.tools'), join(cwd, '.tools', 'caddy')]
    .map((folder) => join(folder, 'caddy'))
    .find(isProgram)
}

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/**
 * Has Caddy itself check the configuration. Touches nothing: checking opens log files and makes certificates, so logs
 * go nowhere and state to a temporary folder.
 *
 * @returns why Caddy would not run it; undefined if it would. Rejects when the program cannot be started.
 */
export const whyInvalid = async (caddy: string, config: Config): Promise<string | undefined> => {
  const home = await mkdtemp(join(tmpdir(), 'postern-caddy-'))
  try {
    const tooOld = whyTooOld((await run(caddy, ['version'], home)).output)
    if (tooOld !== undefined) return tooOld
    const input = JSON.stringify(withoutFiles(config))
    const { code, output } = await run(caddy, ['validate', '--config', '-'], home, input)
    return code === 0 ? undefined : inPlainWords(reasonIn(output))
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

/** @param said by `caddy version`: `v2.11.7 h1:…`. A build of one's own may say `unknown`, and is let through. */
const whyTooOld = (said: string): string | undefined => {
  const version = /v?(\d+)\.(\d+)\.(\d+)/.exec(said)?.slice(1, 4).map(Number)
  if (version === undefined) return undefined
  const differs = oldest.findIndex((part, i) => part !== version[i])
  if (differs === -1 || Number(version[differs]) > Number(oldest[differs])) return undefined
  return `Caddy ${version.join('.')} is too old: ${oldest.join('.')} or newer is needed.`
}

/** Logs of the `default` logger stay: Caddy tells there what is wrong. */
const withoutFiles = (config: Config): Config => {
  const logs = Object.entries(config.logging?.logs ?? {}).map(([name, log]) => [
    name,
    log.writer?.output === 'file' ? { ...log, writer: { output: 'discard' } } : log,
  ])
  return { ...config, logging: { ...config.logging, logs: Object.fromEntries(logs) } }
}

const run = async (caddy: string, args: readonly string[], home: string, input = '') => {
  const env = { ...process.env, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home }
  const child = spawn(caddy, args, { env })
  const code = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  child.stdin.on('error', () => {}) // one that ends without reading is judged by its exit code
  child.stdin.end(input)
  const said = Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await code, output: (await said).join('\n') }
}

/** Caddy ends with `Error: …`, or with a log line in JSON, as its version and the configuration want it. */
const reasonIn = (output: string): string => {
  const line = output.trim().split('\n').at(-1) ?? ''
  if (line === '') return 'Caddy refused the configuration without a word.'
  if (!line.startsWith('{')) return line.replace(/^Error: /, '')
  const { msg } = JSON.parse(line) as { msg?: unknown }
  return String(msg)
}
