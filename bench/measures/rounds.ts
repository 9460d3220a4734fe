import type { Running } from '../peers/running.ts'
import type { Missing } from '../result.ts'
import { say } from '../say.ts'
import { reasonOf } from './together.ts'

/**
 * Measures each peer once per round, one after the other, while the others stand still. What drifts on a machine (its
 * clock, its neighbours) then meets all of them. A peer that fails takes no further part.
 */
export const inRounds = async <T>(
  what: string,
  running: readonly Running[],
  rounds: number,
  measure: (running: Running, round: number) => Promise<T>,
): Promise<{ readonly found: ReadonlyMap<string, readonly T[]>; readonly missing: Missing[] }> => {
  const found = new Map<string, T[]>(running.map(({ peer }) => [peer.name, []]))
  const missing: Missing[] = []
  for (const each of running) each.pause()
  for (let round = 0; round < rounds; round++) {
    for (const each of running) {
      const { name } = each.peer
      if (missing.some((lost) => lost.name === name)) continue
      each.resume()
      try {
        const measured = await measure(each, round)
        found.get(name)?.push(measured)
        say(`${what} ${round + 1}/${rounds} ${name}: ${JSON.stringify(measured)}`)
      } catch (error) {
        const reason = reasonOf(error)
        missing.push({ name, what, reason })
        say(`${what} ${name} FAILED: ${reason}`)
      }
      each.pause()
    }
  }
  for (const each of running) each.resume()
  return { found, missing }
}
