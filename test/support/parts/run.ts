import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Say } from './part.ts'

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Written to the program's standard input, which is closed after it. */
  readonly input?: string
  /** Gets the newest line of output every ten seconds, so that a slow step is seen to move. */
  readonly say?: Say
  /** Milliseconds after which the program is ended. */
  readonly within?: number
}

export interface RunResult {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const heartbeatMs = 10_000

/** Runs a program to its end, whatever its exit code. Rejects only when it cannot be started. */
export const run = (
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      timeout: options.within,
    })
    const output = { stdout: '', stderr: '', newest: '' }
    const collect = (stream: 'stdout' | 'stderr') => (chunk: Buffer) => {
      output[stream] += chunk.toString()
      output.newest = chunk.toString()
    }
    child.stdout.on('data', collect('stdout'))
    child.stderr.on('data', collect('stderr'))
    child.stdin.on('error', () => {}) // a program that ends without reading is judged by its exit code
    child.stdin.end(options.input ?? '')
    const started = performance.now()
    const heartbeat = setInterval(() => {
      const seconds = Math.round((performance.now() - started) / 1000)
      options.say?.(`  ${seconds} s  ${lastLines(output.newest, 1)}`)
    }, heartbeatMs)
    child.once('error', (error) => {
      clearInterval(heartbeat)
      reject(error)
    })
    child.once('close', (code) => {
      clearInterval(heartbeat)
      resolve({ code, stdout: output.stdout, stderr: output.stderr })
    })
  })

/** Like {@link run}, but rejects with the last lines of output unless the program exits with 0. */
export const must = async (
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> => {
  const result = await run(command, args, options)
  if (result.code === 0) return result
  const said = lastLines(`${result.stdout}\n${result.stderr}`, 25)
  throw new Error(`${command} ${args.join(' ')} ended with ${result.code}:\n${said}`)
}

/** The last `count` lines that are not empty. */
export const lastLines = (text: string, count: number): string =>
  text
    .split(/[\r\n]+/)
    .filter((line) => line.trim() !== '')
    .slice(-count)
    .join('\n')

/** Installs Debian packages. Rejects with what to do by hand where that is not possible. */
export const aptInstall = async (packages: readonly string[], say: Say): Promise<void> => {
  const names = packages.join(' ')
  if (!existsSync('/usr/bin/apt-get')) throw new Error(`not a Debian system: install ${names}`)
  if (process.getuid?.() !== 0) throw new Error(`needs root: apt-get install ${names}`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await must('apt-get', ['update', '-qq'], { env, say })
  const install = ['install', '-y', '-qq', '--no-install-recommends']
  await must('apt-get', [...install, ...packages], { env, say })
}
