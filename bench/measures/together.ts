import { setTimeout as sleep } from 'node:timers/promises'
import type { Peer } from '../peers/peer.ts'
import { type Running, startPeer } from '../peers/running.ts'
import type { Missing } from '../result.ts'
import { say } from '../say.ts'

export const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** Runs `work` with all those peers that can be started, and stops them. Those that cannot are told loudly. */
export const together = async <T>(
  what: string,
  peers: readonly Peer[],
  upstream: string,
  work: (running: readonly Running[]) => Promise<T>,
): Promise<{ readonly result: T; readonly missing: readonly Missing[] }> => {
  const running: Running[] = []
  const missing: Missing[] = []
  try {
    for (const peer of peers) {
      try {
        const each = await startPeer(peer, upstream)
        say(`${what}: ${peer.name} answered after ${each.coldStart.toFixed(0)} ms`)
        running.push(each)
      } catch (error) {
        const reason = reasonOf(error)
        missing.push({ name: peer.name, what, reason })
        say(`${what}: ${peer.name} CANNOT BE RUN: ${reason}`)
      }
    }
    await sleep(settle)
    return { result: await work(running), missing }
  } finally {
    await Promise.all(running.map((each) => each.stop()))
  }
}

/** ms for what a program does after its first answer. */
const settle = 3_000
