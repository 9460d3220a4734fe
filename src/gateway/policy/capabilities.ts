import { LRUCache } from 'lru-cache'
import { toEntry } from '../../config/build/grants.ts'
import type { GrantEntry } from '../../config/config.ts'
import { quote } from '../../config/problem.ts'
import { grantEntry } from '../../config/schema/grants.ts'
import type { Capabilities } from '../../platform/caller.ts'
import type { Log } from '../../platform/platform.ts'

/** Capabilities once read. `id` is another for each object, and may be part of a cache's key. */
export interface ReadCapabilities {
  readonly id: number
  readonly entries: readonly GrantEntry[]
  /** Of other programs, unread. */
  readonly capabilities?: ReadonlyMap<string, readonly unknown[]>
}

/** A tailnet has one policy; beyond this, complaints about it repeat themselves. */
const complaintsKept = 256

/**
 * Reads entries that the tailnet's policy, or a key, brings along: by the same rules as those of the configuration.
 * Somebody else's file must not stop anything here, so what cannot be read grants nothing and is logged once.
 */
export function createCapabilityReader(log: Log): (given: Capabilities) => ReadCapabilities {
  const known = new WeakMap<Capabilities, ReadCapabilities>()
  const told = new LRUCache<string, true>({ max: complaintsKept })
  let last = 0

  const complain = (reason: string): void => {
    if (told.has(reason)) return
    told.set(reason, true)
    log('warn', 'capability.unreadable', { reason })
  }

  const readEntry = (value: unknown): GrantEntry[] => {
    const read = grantEntry.safeParse(value)
    if (read.success) return [toEntry(read.data)]
    const [issue] = read.error.issues
    complain(`${quote(issue?.path.join('.') ?? '')}: ${issue?.message ?? ''}`)
    return []
  }

  return (given) => {
    const read = known.get(given) ?? {
      id: ++last,
      entries: given.entries.flatMap(readEntry),
      ...(given.others && { capabilities: given.others }),
    }
    known.set(given, read)
    return read
  }
}
