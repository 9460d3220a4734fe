import type { AuthFailuresConfig } from '../config/config.ts'
import type { Client } from '../http/env.ts'
import type { Clock } from '../platform.ts'
import { lru } from './lru.ts'

/**
 * Wrong guesses per address (IPv6: per /64) and checks under way. One per process: a reload forgets nothing.
 *
 * Nothing but time takes a failure back. A success does not: whoever has one account could then guess at the others
 * for ever, with a login of their own in between (hazards 150). Names are not counted: a thousand strangers failing
 * as alice must not keep alice out (hazards 154).
 */
export interface Failures {
  /** Reserves one check, so that guesses sent at once are not checked beyond `max` (hazards 151). */
  admit(client: Client, config: AuthFailuresConfig): Reservation
  count(client: Client, config: AuthFailuresConfig): void
  /** Have there been `max` failures within `window`? */
  reached(client: Client, config: AuthFailuresConfig): boolean
  /**
   * After a ban, which starts the count anew. Requests that had passed the ban check before are on their way to
   * `admit`: they are refused there for as long as the ban is in force.
   */
  forget(client: Client, banned: () => boolean): void
}

export type Reservation =
  | { readonly admitted: true; readonly settle: (outcome: 'right' | 'wrong' | 'void') => void }
  | { readonly admitted: false; readonly retryAfter: number }

interface Entry {
  /** `clock.elapsed()` of the latest failures, oldest first, at most `max`. */
  readonly times: number[]
  pending: number
  banned: () => boolean
}

/** With the default `max` about 6 MB when full. */
const capacity = 20_000

/** A check takes about that long, and a slot may be free then. */
const pendingRetryAfter = 1000

export const createFailures = ({ clock }: { readonly clock: Clock }): Failures => {
  const entries = lru<Entry>(capacity)

  const entryOf = (client: Client): Entry => {
    const known = entries.get(client.key)
    if (known !== undefined) return known
    const entry: Entry = { times: [], pending: 0, banned: () => false }
    entries.set(client.key, entry)
    return entry
  }

  const recent = ({ times }: Entry, { window }: AuthFailuresConfig): number => {
    const since = clock.elapsed() - window
    while (times.length > 0 && times[0]! <= since) times.shift()
    return times.length
  }

  const add = ({ times }: Entry, { max }: AuthFailuresConfig): void => {
    times.push(clock.elapsed())
    while (times.length > max) times.shift()
  }

  return {
    admit: (client, config) => {
      const entry = entryOf(client)
      if (entry.banned() || entry.pending >= slots(client, recent(entry, config), config)) {
        return { admitted: false, retryAfter: pendingRetryAfter }
      }
      entry.pending += 1
      return {
        admitted: true,
        settle: (outcome) => {
          entry.pending -= 1
          if (outcome === 'wrong') add(entry, config)
        },
      }
    },
    count: (client, config) => add(entryOf(client), config),
    reached: (client, config) => {
      const entry = entries.get(client.key)
      return entry !== undefined && recent(entry, config) >= config.max
    },
    forget: (client, banned) => {
      const entry = entryOf(client)
      entry.times.length = 0
      entry.banned = banned
    },
  }
}

/**
 * How many checks may run at once for this address. One that cannot be banned, since everybody may stand behind it,
 * is slowed to one at a time instead.
 */
const slots = (client: Client, failed: number, { max }: AuthFailuresConfig): number => {
  if (!client.unbannable) return max - failed
  return failed >= max ? 1 : max
}
