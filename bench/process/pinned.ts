import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { lastLines } from '../../test/support/parts/run.ts'
import { onCore } from './cores.ts'

export interface PinnedOptions {
  readonly core: number
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Gets `output.log`, with all that it prints: a log that nobody reads costs what a log costs. */
  readonly folder: string
}

/** A program on one core, in a process group of its own. */
export interface Pinned {
  readonly pid: number
  readonly running: () => boolean
  /** The end of what it has printed. */
  output(): string
  /** Takes no processor time until `resume`; memory and sockets stay. */
  pause(): void
  resume(): void
  /** Ends it and all that it started; twice is harmless. */
  stop(): Promise<void>
}

const graceMs = 5_000

export const startPinned = (options: PinnedOptions): Pinned => {
  const { core, command, args, env = {}, folder } = options
  const log = join(folder, 'output.log')
  const out = openSync(log, 'a')
  const [taskset = '', ...rest] = onCore(core, command, args)
  const child = spawn(taskset, rest, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', out, out],
    detached: true,
  })
  closeSync(out)
  const pid = child.pid
  if (pid === undefined) throw new Error(`${command} cannot be started`)
  const signal = (name: NodeJS.Signals): void => {
    if (running(child)) process.kill(-pid, name)
  }
  const killWithUs = () => signal('SIGKILL')
  process.once('exit', killWithUs)
  return {
    pid,
    running: () => running(child),
    output: () => lastLines(readFileSync(log, 'utf8'), 15),
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    stop: async () => {
      process.off('exit', killWithUs)
      if (!running(child)) return
      const exited = once(child, 'exit')
      signal('SIGCONT')
      signal('SIGTERM')
      const insist = setTimeout(() => signal('SIGKILL'), graceMs)
      await exited
      clearTimeout(insist)
    },
  }
}

const running = (child: ChildProcess): boolean =>
  child.exitCode === null && child.signalCode === null

// A signal alone would end this process without its `exit` listeners, and leave the started programs behind.
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => process.exit(1))
