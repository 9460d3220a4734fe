import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Part, pathOf } from './part.ts'
import { freePort } from './port.ts'
import { aptInstall } from './run.ts'

const candidates = ['/usr/bin/valkey-server', '/usr/bin/redis-server']

/** Valkey or Redis, whichever the system has. */
export const redis: Part = {
  name: 'redis',
  version: 'from the system',
  find: () => {
    const path = candidates.find((candidate) => existsSync(candidate))
    return path ? { path } : { missing: `none of ${candidates.join(', ')}` }
  },
  install: (say) => aptInstall(['redis-server'], say),
}

export interface RedisServer {
  readonly url: string
  /** Takes it away; `start` brings it back, empty. */
  stop(): Promise<void>
  /** @param options in place of those that it was first started with */
  start(...options: readonly string[]): Promise<void>
  /** Keeps connections and answers nothing. */
  freeze(): void
  thaw(): void
  remove(): Promise<void>
}

export const startRedis = async (...first: readonly string[]): Promise<RedisServer> => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-redis-'))
  const port = await freePort()
  let child: ChildProcess | undefined
  const start = async (...other: readonly string[]) => {
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '']
    const options = other.length > 0 ? other : first
    child = spawn(pathOf(redis), [...args, ...options], { stdio: 'ignore' })
    for (let tries = 0; tries < 100 && !(await answers(port)); tries++) await sleep(50)
  }
  const stop = async () => {
    const ended = child && once(child, 'exit')
    child?.kill('SIGKILL')
    await ended
    child = undefined
  }
  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    stop,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    remove: async () => {
      if (child) await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', () => resolve(false))
    socket.once('data', () => {
      socket.destroy()
      resolve(true)
    })
    socket.write('PING\r\n')
  })
