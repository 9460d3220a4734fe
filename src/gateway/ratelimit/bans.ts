import type { AuthFailuresConfig } from '../../config/config.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Ban } from '../../platform/records/ban.ts'
import type { Client } from '../http/env.ts'
import { type AddressSet, addressSet, contains } from '../http/guards/client-address.ts'
import { lru } from './lru.ts'

/** Who is banned. One per process: a reload of the configuration lifts no ban. */
export interface Bans {
  /** Settles once the bans of earlier runs are in force; wait for it before listening. */
  readonly loaded: Promise<void>
  /** The ban in force on this client. Never one for a client behind whom everybody stands. */
  find(client: Client): ActiveBan | undefined
  counts(): BanCounts
  /**
   * Shuts a client out after wrong guesses: twice as long as the time before, until it was quiet for `maxBan`.
   * In force at once; settles when the ban would survive `kill -9`, or after 250 ms.
   */
  impose(client: Client, config: AuthFailuresConfig): Promise<void>
}

/** Addresses banned now, by whom; and how often one was, by itself, since the start. */
export interface BanCounts {
  readonly automatic: number
  readonly byHand: number
  readonly imposed: number
}

export interface ActiveBan {
  readonly cause: Ban['cause']
  /** ms; Infinity for a ban without an end. */
  readonly left: number
}

interface Entry {
  readonly ban: Ban
  /**
   * On the clock that never goes back, so that setting the wall clock neither lifts nor prolongs a ban.
   * Past for a lapsed ban, which is kept to double the next.
   */
  readonly endsAt: number
}

type Needs = Pick<Platform, 'clock' | 'store' | 'log' | 'waitUntil' | 'shared'>

/** About 30 MB when full; the address that was quiet longest is forgotten first. */
const capacity = 50_000
const saveWait = 250

/** Twice as long as the one before. */
const nextBan = (
  address: string,
  level: number,
  { ban, maxBan, max, window }: AuthFailuresConfig,
  { startedAt, now }: { readonly startedAt: number; readonly now: number },
): Entry => {
  const lasts = Math.min(ban * 2 ** (level - 1), maxBan)
  const note = `${max} wrong credentials within ${Math.round(window / 1000)} s`
  const until = startedAt + lasts
  return {
    ban: { address, cause: 'auth_failures', level, startedAt, until, note },
    endsAt: now + lasts,
  }
}

export const createBans = (platform: Needs): Bans => {
  const { clock, store, log, shared } = platform
  const automatic = lru<Entry>(capacity)
  /** Bans by a person: few, and never forgotten. */
  let byHand: readonly (Entry & { readonly addresses: AddressSet })[] = []
  /** Not yet in the store, so a list read from there lacks them. */
  const saving = new Set<Entry>()
  let imposed = 0

  const entryOf = (ban: Ban): Entry => {
    const known = automatic.peek(ban.address)
    const same = known?.ban.startedAt === ban.startedAt && known.ban.until === ban.until
    return same ? known : { ban, endsAt: clock.elapsed() + timeLeft(ban, clock.now()) }
  }

  const replace = (bans: readonly Ban[]): void => {
    const entries = bans.map(entryOf)
    byHand = entries
      .filter(({ ban }) => ban.cause === 'admin')
      .flatMap((entry) => {
        const addresses = readAddress(entry.ban.address)
        if (addresses !== undefined) return [{ ...entry, addresses }]
        log('warn', 'ban.unreadable', { address: entry.ban.address })
        return []
      })
    automatic.clear()
    for (const entry of [...entries, ...saving]) {
      if (entry.ban.cause === 'auth_failures') automatic.set(entry.ban.address, entry)
    }
  }

  const save = (entry: Entry): Promise<void> => {
    saving.add(entry)
    const saved = store
      .saveBan(entry.ban)
      .catch((error: unknown) => log('error', 'ban.unsaved', { error: String(error) }))
      .finally(() => saving.delete(entry))
    platform.waitUntil(saved)
    return atMost(saveWait, saved)
  }

  /** Kept here as well: the others may have another database. */
  const adopt = (ban: Ban): void => {
    // One's own news comes back as well.
    if (automatic.peek(ban.address)?.ban.startedAt === ban.startedAt) return
    const entry = entryOf(ban)
    automatic.set(ban.address, entry)
    platform.waitUntil(save(entry))
  }

  store.onBansChanged(replace)
  shared?.onBan(adopt)
  return {
    loaded: store
      .loadBans()
      .then(replace)
      .catch((error: unknown) => log('error', 'ban.unloaded', { error: String(error) })),

    find: (client) => {
      if (client.unbannable) return undefined
      const now = clock.elapsed()
      const hand = byHand.find((e) => e.endsAt > now && contains(e.addresses, client.ip))
      const entry = hand ?? automatic.get(client.key)
      if (entry === undefined || entry.endsAt <= now) return undefined
      return { cause: entry.ban.cause, left: entry.endsAt - now }
    },

    counts: () => {
      const now = clock.elapsed()
      const inForce = (entries: Iterable<Entry>): number =>
        [...entries].filter(({ endsAt }) => endsAt > now).length
      return { automatic: inForce(automatic.values()), byHand: inForce(byHand), imposed }
    },

    impose: (client, config) => {
      imposed += 1
      const now = clock.elapsed()
      const last = automatic.peek(client.key)
      const level = last && now - last.endsAt < config.maxBan ? last.ban.level + 1 : 1
      const entry = nextBan(client.key, level, config, { startedAt: clock.now(), now })
      const lasts = entry.endsAt - now
      automatic.set(client.key, entry)
      log('warn', 'auth.ban', { ip: client.ip, address: client.key, level, seconds: lasts / 1000 })
      // The others look into a common database only now and then.
      if (shared) platform.waitUntil(shared.announce(entry.ban).catch(() => {}))
      return save(entry)
    },
  }
}

/** By the wall clock, all that is left after a restart. Set back in between, it must not prolong the ban. */
const timeLeft = ({ startedAt, until }: Ban, now: number): number =>
  until === null ? Number.POSITIVE_INFINITY : Math.min(until - now, until - startedAt)

const readAddress = (address: string): AddressSet | undefined => {
  try {
    return addressSet([address])
  } catch {
    return undefined
  }
}

const atMost = (ms: number, work: Promise<void>): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  return Promise.race([work, promise]).finally(() => clearTimeout(timer))
}
