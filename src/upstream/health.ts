import type { Attempt, Health } from './upstream.ts'

export interface HealthRecord {
  note(provider: string, result: Attempt, reason: string): void
  /** Undefined: it was not asked yet. */
  of(provider: string): Health | undefined
}

/** Remembers how providers did, across configurations. Nobody is asked for it: requests tell. */
export const createHealth = (now: () => number): HealthRecord => {
  const known = new Map<string, Health>()
  return {
    note: (provider, result, reason) => {
      const { answeredAt = null, failure = null } = known.get(provider) ?? {}
      const at = now()
      const next =
        result === 'answered'
          ? { up: true, answeredAt: at, failure }
          : { up: false, answeredAt, failure: { at, kind: result, reason } }
      known.set(provider, next)
    },
    of: (provider) => known.get(provider),
  }
}
