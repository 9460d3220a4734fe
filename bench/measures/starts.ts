import type { Peer } from '../peers/peer.ts'
import { startPeer } from '../peers/running.ts'

/** ms until the first answer, of so many starts. A peer that needs minutes for them is started once less often. */
export const measureStarts = async (
  peer: Peer,
  upstream: string,
  count: number,
): Promise<number[]> => {
  const times: number[] = []
  while (times.length < count && (times[0] ?? 0) < slow) {
    const running = await startPeer(peer, upstream)
    times.push(running.coldStart)
    await running.stop()
  }
  return times
}

const slow = 5_000
