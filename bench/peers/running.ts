import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../test/support/parts/port.ts'
import { chatBody } from '../load/chat.ts'
import { cores } from '../process/cores.ts'
import { startPinned } from '../process/pinned.ts'
import { cpuOf, memoryOf } from '../process/usage.ts'
import { ask } from './ask.ts'
import type { Peer, Recipe } from './peer.ts'

/** A peer that has answered a request. */
export interface Running {
  readonly peer: Peer
  readonly folder: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** What was run, with the parts of this machine left out. */
  readonly startLine: string
  /** From the start of its process to its first answer, ms. */
  readonly coldStart: number
  /** Processor time so far, ms; 0 for no proxy. */
  cpu(): number
  /** bytes */
  memory(): { readonly now: number; readonly peak: number }
  pause(): void
  resume(): void
  stop(): Promise<void>
}

/** Runs a peer in front of `upstream` and waits until it has answered. Rejects with the end of what it printed. */
export const startPeer = async (peer: Peer, upstream: string): Promise<Running> => {
  const folder = await mkdtemp(join(tmpdir(), `bench-${peer.name}-`))
  const clean = () => rm(folder, { recursive: true, force: true })
  const port = await freePort()
  try {
    const recipe = await peer.prepare({ folder, port, upstream })
    return await start(peer, recipe, folder, port, clean)
  } catch (error) {
    await clean()
    throw error
  }
}

const start = async (
  peer: Peer,
  recipe: Recipe,
  folder: string,
  port: number,
  clean: () => Promise<void>,
): Promise<Running> => {
  const { url, headers, program } = recipe
  const about = { peer, folder, url, headers, startLine: startLine(recipe, folder, port) }
  if (program === undefined) return { ...about, coldStart: 0, ...nothing, stop: clean }
  const started = performance.now()
  const pinned = startPinned({ ...program, core: cores.gateway, folder })
  const stop = async () => {
    await pinned.stop()
    await clean()
  }
  const within = peer.within ?? 20_000
  while (!(await answers(recipe))) {
    const late = performance.now() - started > within
    if (pinned.running() && !late) {
      await sleep(2)
      continue
    }
    const said = pinned.output()
    await stop()
    throw new Error(`${peer.name}: ${late ? 'not ready' : 'ended'}\n${said}`)
  }
  const coldStart = performance.now() - started
  const { pid, pause, resume } = pinned
  return {
    ...about,
    coldStart,
    cpu: () => cpuOf(pid),
    memory: () => memoryOf(pid),
    pause,
    resume,
    stop,
  }
}

const nothing = {
  cpu: () => 0,
  memory: () => ({ now: 0, peak: 0 }),
  pause: () => {},
  resume: () => {},
} as const

const answers = async ({ url, headers }: Recipe): Promise<boolean> =>
  (await ask(url, headers, chatBody)) === 200

const startLine = ({ program }: Recipe, folder: string, port: number): string => {
  if (program === undefined) return ''
  const { command, args, env = {} } = program
  const short = (text: string) =>
    text
      .replaceAll(folder, 'DIR')
      .replaceAll(String(port), 'PORT')
      .replace(/^\/.*\/(?=[^/]+$)/, '')
  const set = Object.entries(env).map(([name, value]) => `${name}=${short(value ?? '')}`)
  return [...set, short(command), ...args.map(short)].join(' ')
}
