import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/parts/port.ts'
import { chatBody } from '../load/chat.ts'
import { ask } from '../peers/ask.ts'
import { chatPath, json } from '../peers/peer.ts'
import { cores } from '../process/cores.ts'
import { type Pinned, startPinned } from '../process/pinned.ts'
import { startPlainStub } from './plain.ts'

const stream = fileURLToPath(new URL('./stream.ts', import.meta.url))

/** `plain` answers at once, `stream` streams. */
export type Kind = 'plain' | 'stream'

/** Runs `work` with a model server on the core of the load. */
export const withStub = async <T>(kind: Kind, work: (url: string) => Promise<T>): Promise<T> => {
  const folder = await mkdtemp(join(tmpdir(), 'bench-stub-'))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const stub = kind === 'plain' ? await startPlainStub(folder, port) : startStream(folder, port)
  try {
    await ready(url, stub)
    return await work(url)
  } finally {
    await stub.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

const startStream = (folder: string, port: number): Pinned =>
  startPinned({
    core: cores.load,
    command: process.execPath,
    args: [stream, String(port)],
    folder,
  })

const ready = async (url: string, stub: Pinned): Promise<void> => {
  while ((await ask(`${url}${chatPath}`, json, chatBody)) !== 200) {
    if (!stub.running()) throw new Error(`the stub ended:\n${stub.output()}`)
    await sleep(20)
  }
}
