import type { AuthFailuresConfig } from '../../config/config.ts'
import type { Clock } from '../../platform/platform.ts'
import type { Client } from '../http/env.ts'
import { lru } from './lru.ts'

/**
 * Wrong guesses per address (IPv6: per /64) and checks under way. One per process: a reload forgets nothing.
 *
 * The same wrong credential is one guess, however often it comes within the window: a program with a stale password
 * repeats it, an attacker gains nothing by it. Nothing but time takes a guess back. A success does not: whoever has one
 * account could then guess at the others for ever, with a login of their own in between. Names are not counted: a thousand
 * strangers failing as alice must not keep alice out.
 */
export interface Failures {
  /** Reserves one check, so that guesses sent at once are not checked beyond `max`. A wrong one counts. */
  admit(client: Client, config: AuthFailuresConfig, print: string): Reservation
  /**
   * Reserves a check whose outcome does not count: for an address that is banned, and for what a page may have caused. So
   * many are left as an address that is never banned could have, `max - 1` in `window` and at least one, so that neither is
   * a way to guess faster.
   */
  admitSpare(client: Client, config: AuthFailuresConfig, print: string): Reservation
  /** Was this credential found wrong from here within the window? Then it needs no check. */
  knows(client: Client, config: AuthFailuresConfig, print: string): boolean
  /** Counts a wrong guess. False: it is counted already. */
  count(client: Client, config: AuthFailuresConfig, print: string): boolean
  /** Have there been `max` failures within `window`? */
  reached(client: Client, config: AuthFailuresConfig): boolean
  /** After a ban, which starts the count anew. What is wrong stays known. */
  forget(client: Client): void
}

export type Reservation =
  | { readonly admitted: true; readonly settle: Settle }
  | { readonly admitted: false; readonly retryAfter: number }

/** Tells what became of a check. Returns whether that was a guess which counts and was not counted before. */
export type Settle = (outcome: 'right' | 'wrong' | 'void') => boolean

/** `counted` towards a ban; `spare`: checked without counting; `past`: what an earlier ban was for. */
type Kind = 'counted' | 'spare' | 'past'

interface Wrong {
  /** `clock.elapsed()` of its first time within the window. */
  readonly at: number
  readonly kind: Kind
}

interface Entry {
  /** By print, oldest first. */
  readonly wrong: Map<string, Wrong>
  pending: number
  pendingSpare: number
}

/** With the default `max` about 12 MB when full. */
const capacity = 20_000
/** A check takes about that long, and a slot may be free then. */
const pendingRetryAfter = 1000

export const createFailures = ({ clock }: { readonly clock: Clock }): Failures => {
  const entries = lru<Entry>(capacity)

  const entryOf = (client: Client): Entry => {
    const known = entries.get(client.key)
    if (known !== undefined) return known
    const entry: Entry = { wrong: new Map(), pending: 0, pendingSpare: 0 }
    entries.set(client.key, entry)
    return entry
  }

  /** Forgets what is older than the window. */
  const current = ({ wrong }: Entry, { window }: AuthFailuresConfig): Entry['wrong'] => {
    const since = clock.elapsed() - window
    for (const [print, { at }] of wrong) {
      if (at > since) break
      wrong.delete(print)
    }
    return wrong
  }

  const recent = (entry: Entry, config: AuthFailuresConfig, wanted: Kind): number => {
    let count = 0
    for (const { kind } of current(entry, config).values()) if (kind === wanted) count += 1
    return count
  }

  const add = (entry: Entry, config: AuthFailuresConfig, print: string, kind: Kind): boolean => {
    const wrong = current(entry, config)
    const known = wrong.get(print)
    if (known?.kind === 'counted' || (known && kind === 'spare')) return false
    // At the end, so that the order stays that of time.
    wrong.delete(print)
    wrong.set(print, { at: clock.elapsed(), kind })
    // As many as there can be of each kind; an address that is never banned has more, and its oldest are forgotten.
    for (const oldest of wrong.keys()) {
      if (wrong.size <= 3 * config.max) break
      wrong.delete(oldest)
    }
    return kind === 'counted'
  }

  return {
    admit: (client, config, print) => {
      const entry = entryOf(client)
      const failed = recent(entry, config, 'counted')
      if (entry.pending >= slots(client, failed, config)) return notNow
      entry.pending += 1
      return {
        admitted: true,
        settle: (outcome) => {
          entry.pending -= 1
          return outcome === 'wrong' && add(entry, config, print, 'counted')
        },
      }
    },
    admitSpare: (client, config, print) => {
      const entry = entryOf(client)
      const spent = recent(entry, config, 'spare') + entry.pendingSpare
      if (spent >= Math.max(1, config.max - 1)) return notNow
      entry.pendingSpare += 1
      return {
        admitted: true,
        settle: (outcome) => {
          entry.pendingSpare -= 1
          return outcome === 'wrong' && add(entry, config, print, 'spare')
        },
      }
    },
    knows: (client, config, print) => {
      const entry = entries.get(client.key)
      return entry !== undefined && current(entry, config).has(print)
    },
    count: (client, config, print) => add(entryOf(client), config, print, 'counted'),
    reached: (client, config) => {
      const entry = entries.get(client.key)
      return entry !== undefined && recent(entry, config, 'counted') >= config.max
    },
    forget: (client) => {
      const { wrong } = entryOf(client)
      for (const [print, { at, kind }] of wrong) {
        if (kind === 'counted') wrong.set(print, { at, kind: 'past' })
      }
    },
  }
}

const notNow = { admitted: false, retryAfter: pendingRetryAfter } as const

/**
 * How many checks may run at once for this address. One that cannot be banned, since everyone may stand behind it,
 * is slowed to one at a time instead.
 */
const slots = (client: Client, failed: number, { max }: AuthFailuresConfig): number => {
  if (!client.unbannable) return max - failed
  return failed >= max ? 1 : max
}
