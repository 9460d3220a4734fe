import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { lastLines } from './run.ts'

/** A program that a test started. */
export interface Server {
  readonly url: string
  readonly pid: number
  /** Everything it has printed so far. */
  log(): string
  /** Ends it and waits until it is gone; twice is harmless. */
  stop(): Promise<void>
}

export interface ServerOptions {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly input?: string
  readonly url: string
  /** Answers 200 (or anything, for a server whose root needs credentials) once the server can be used. */
  readonly ready: string
  readonly anyAnswer?: boolean
  /** Milliseconds it may take to become ready. */
  readonly within: number
}

const pollMs = 50
const graceMs = 15_000

// A signal alone would end this process without its `exit` listeners, and leave the started programs behind.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))

/** Starts a program and waits until it answers. Rejects with its last lines if it ends or is not ready in time. */
export const startServer = async (options: ServerOptions): Promise<Server> => {
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let printed = ''
  const collect = (chunk: Buffer) => {
    printed += chunk.toString()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  child.on('error', () => {}) // said by the wait for `spawn`
  const killWithUs = () => child.kill('SIGKILL')
  process.once('exit', killWithUs)
  const stop = async () => {
    process.off('exit', killWithUs)
    await end(child)
  }
  try {
    await once(child, 'spawn')
    await untilReady(child, options)
  } catch (error) {
    await stop()
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`${options.name}: ${reason}\n${lastLines(printed, 30)}`, { cause: error })
  }
  return { url: options.url, pid: child.pid ?? 0, log: () => printed, stop }
}

const gone = (child: ChildProcess) =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null

const untilReady = async (child: ChildProcess, options: ServerOptions) => {
  const deadline = performance.now() + options.within
  while (performance.now() < deadline) {
    if (gone(child)) throw new Error(`ended with ${child.exitCode ?? child.signalCode}`)
    if (await answers(options)) return
    await sleep(pollMs)
  }
  throw new Error(`not ready within ${options.within} ms`)
}

const answers = async ({ ready, anyAnswer = false }: ServerOptions): Promise<boolean> => {
  try {
    const response = await fetch(ready, { signal: AbortSignal.timeout(2_000) })
    await response.body?.cancel()
    return anyAnswer || response.ok
  } catch {
    return false
  }
}

const end = async (child: ChildProcess) => {
  if (gone(child)) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const insist = setTimeout(() => child.kill('SIGKILL'), graceMs)
  await exited
  clearTimeout(insist)
}
