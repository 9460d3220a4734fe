import type { Clock } from '../../platform/platform.ts'

/** Decides whether to log one more event of a kind: the number left out since the last one, or undefined for no. */
export type Sampler = () => number | undefined

/** At most `perSecond` a second: a flood must not become a flood of log lines or rows. */
export const createSampler = (clock: Clock, perSecond: number): Sampler => {
  let second = Number.NEGATIVE_INFINITY
  let used = 0
  let omitted = 0
  return () => {
    const now = Math.floor(clock.elapsed() / 1000)
    if (now !== second) {
      second = now
      used = 0
    }
    if (used >= perSecond) {
      omitted += 1
      return undefined
    }
    used += 1
    const since = omitted
    omitted = 0
    return since
  }
}
