import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { cores, onCore } from '../process/cores.ts'
import type { Percentiles } from './samples.ts'

export interface ClientOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Open at the same time; one that ends is followed by another. */
  readonly streams: number
  /** Seconds over which they begin. */
  readonly ramp: number
  /** Seconds before anything counts. */
  readonly skip: number
  /** Seconds that count. */
  readonly seconds: number
}

export interface StreamCounts {
  readonly frames: number
  readonly open: number
  readonly broken: number
  /** The first answer that was not a stream. */
  readonly complaint: string
  /** From the request to its first frame, ms. */
  readonly first: Percentiles
  /** From when a frame was sent to when it came, ms. */
  readonly delay: Percentiles
}

const client = fileURLToPath(new URL('./stream-client.ts', import.meta.url))

/**
 * Streams, by a process on the core of the load.
 * @param counting called when it begins to count
 */
export const streamLoad = async (
  options: ClientOptions,
  counting: () => void,
): Promise<StreamCounts> => {
  const args = [client, JSON.stringify(options)]
  const [command = '', ...rest] = onCore(cores.load, process.execPath, args)
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
  let counts: StreamCounts | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line)
    if ('counting' in message) counting()
    else counts = message
  }
  if (counts === undefined) throw new Error('the client of the streams ended early')
  return counts
}

/** @throws Error when a stream broke off or was refused */
export const allStreamed = (counts: StreamCounts, name: string): StreamCounts => {
  if (counts.broken === 0 && counts.frames > 0) return counts
  const { broken, frames, complaint } = counts
  throw new Error(`${name}: ${broken} streams broken, ${frames} frames came: ${complaint}`)
}
