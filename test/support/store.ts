import type { Store } from '../../src/platform.ts'
import type { Ban } from '../../src/ratelimit/ban.ts'
import type { AuthFailureRow, UsageRow } from '../../src/usage/row.ts'

export interface MemoryStore extends Store {
  readonly usage: UsageRow[]
  readonly failures: AuthFailureRow[]
  readonly bans: Ban[]
  /** What the gateway sees when the CLI changed the bans of a running one. */
  changeBans(bans: readonly Ban[]): void
  setHealthy(healthy: boolean): void
}

/** A `Store` that keeps its rows in arrays, for tests of everything but storage. */
export const memoryStore = (): MemoryStore => {
  const usage: UsageRow[] = []
  const failures: AuthFailureRow[] = []
  const bans: Ban[] = []
  const listeners: ((bans: readonly Ban[]) => void)[] = []
  let answering = true
  return {
    usage,
    failures,
    bans,
    recordUsage: async (row) => {
      if (!usage.some(({ id }) => id === row.id)) usage.push(row)
    },
    recordAuthFailure: async (row) => {
      if (!failures.some(({ id }) => id === row.id)) failures.push(row)
    },
    saveBan: async (ban) => {
      const known = bans.findIndex(({ address }) => address === ban.address)
      if (known === -1) bans.push(ban)
      else bans[known] = ban
    },
    loadBans: async () => [...bans],
    onBansChanged: (listener) => {
      listeners.push(listener)
    },
    healthy: () => answering,
    changeBans: (changed) => {
      bans.splice(0, bans.length, ...changed)
      for (const listener of listeners) listener([...bans])
    },
    setHealthy: (healthy) => {
      answering = healthy
    },
  }
}
