import type { Platform } from '../../platform/platform.ts'

/** Browser sessions that somebody ended before their time. */
export interface EndedSessions {
  has(id: string): boolean | Promise<boolean>
  /** In force here at once. */
  add(id: string): void
}

/** ms between two looks: another gateway, or another isolate, may have ended one. */
const lookEvery = 1000
/** ms after which no token can be left of a session that was ended: it was not renewed since. */
const longest = 31 * 86_400_000

/**
 * Known from the ledger, and looked up again while sessions are in use: one that was ended elsewhere stops within a
 * second or two. While the ledger was never read, whoever signed in before is asked to do so again.
 */
export const createEndedSessions = ({
  clock,
  store,
  log,
}: Pick<Platform, 'clock' | 'store' | 'log'>): EndedSessions & { started(id: string): void } => {
  const ended = new Set<string>()
  /** Signed in while the ledger was out of reach: these are good for all we know. */
  const own = new Set<string>()
  let readAt: number | undefined
  let reading: Promise<void> | undefined

  const read = async (): Promise<void> => {
    try {
      for (const id of await store.ask('endedBrowsers', { since: clock.now() - longest }))
        ended.add(id)
      readAt = clock.elapsed()
      own.clear()
    } catch (error) {
      log('error', 'session.unloaded', { reason: String(error) })
    }
  }
  const look = (): Promise<void> => {
    reading ??= read().finally(() => {
      reading = undefined
    })
    return reading
  }

  return {
    add: (id) => void ended.add(id),
    started: (id) => {
      if (readAt === undefined) own.add(id)
    },
    has: (id) => {
      if (ended.has(id)) return true
      if (readAt === undefined)
        return look().then(() => ended.has(id) || (readAt === undefined && !own.has(id)))
      if (clock.elapsed() - readAt > lookEvery) void look()
      return false
    },
  }
}
