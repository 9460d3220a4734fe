import type { Platform } from '../../platform/platform.ts'

interface Needs extends Pick<Platform, 'clock' | 'waitUntil'> {
  readonly store: { readKeysAgain(): Promise<void> }
}

/** ms that keys are used without asking whether one was revoked. */
const fresh = 20_000
/** ms after which a request waits for the answer. */
const stale = 60_000
/** ms that it waits. */
const patience = 1_000

/**
 * Reads the keys again when requests come: nobody tells an isolate what changed, and no timer runs in it between them.
 * A database that does not answer leaves the keys that are known in force.
 */
export const createKeyRefresh = ({ clock, store, waitUntil }: Needs): (() => Promise<void>) => {
  let readAt = clock.elapsed()
  let flight: Promise<void> | undefined
  const read = async (): Promise<void> => {
    const began = clock.elapsed()
    await store.readKeysAgain()
    readAt = began
  }
  return async () => {
    const age = clock.elapsed() - readAt
    if (age < fresh) return
    if (flight === undefined) {
      flight = read().finally(() => {
        flight = undefined
      })
      waitUntil(flight)
    }
    if (age >= stale) await Promise.race([flight.catch(() => {}), sleep(patience)])
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
