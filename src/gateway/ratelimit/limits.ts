import type { LRUCache } from 'lru-cache'
import type { Clock } from '../../platform/platform.ts'
import { lru } from './lru.ts'

/** `events` at once, then one more every `window / events`. `window` in ms. */
export interface Rate {
  readonly events: number
  readonly window: number
}

export interface Limiter {
  /**
   * Takes one event from the bucket of a subject.
   * @param subjects The same subject, finest name first: the next name is used when there is no room for another
   *   bucket of the finer kind, so that a million addresses cost no more memory than the first hundred thousand.
   * @returns 0 if the event fits, else ms until it would; a refused event takes nothing.
   */
  take(subjects: readonly string[], rate: Rate): number
}

/** Buckets by fineness. About 150 bytes each: 16 MB when all are in use. */
const capacities = [100_000, 4_096, 256] as const

/** Rounding of many small steps must not cost the last event of a burst. In ms. */
const slack = 0.001

/**
 * A generic cell rate limiter: one number per bucket, the time at which it will be full again. Answers "when" and
 * knows nothing of HTTP. Lives as long as the process, so that a reload gives nobody a fresh bucket.
 */
export const createLimiter = (clock: Clock): Limiter => {
  const levels = capacities.map((most) => lru<number>(most))

  const bucketOf = (subjects: readonly string[], now: number) => {
    const last = Math.min(subjects.length, levels.length) - 1
    const level = levels.findIndex(
      (buckets, i) => i >= last || hasRoom(buckets, subjects[i] ?? '', now),
    )
    return { buckets: levels[level]!, subject: subjects[level] ?? '' }
  }

  return {
    take: (subjects, { events, window }) => {
      const now = clock.elapsed()
      const step = window / events
      const { buckets, subject } = bucketOf(subjects, now)
      const full = Math.max(buckets.get(subject) ?? now, now)
      const wait = full - now - (window - step)
      if (wait > slack) return wait
      buckets.set(subject, full + step)
      return 0
    },
  }
}

/** A bucket that is full again holds nothing worth keeping, so the least recently used one may make room. */
const hasRoom = (buckets: LRUCache<string, number>, subject: string, now: number): boolean => {
  if (buckets.size < buckets.maxSize || buckets.has(subject)) return true
  const oldest = buckets.rkeys().next()
  return oldest.done === true || (buckets.peek(oldest.value) ?? now) <= now
}
