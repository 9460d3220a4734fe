import type { Attempt, Health } from '../../platform/upstream.ts'

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
      const error = { at, kind: result, reason }
      const next =
        result === 'answered'
          ? { up: true, answeredAt: at, failure }
          : // A provider that answers with an error is there.
            result === 'error'
            ? { up: true, answeredAt: at, failure: error }
            : { up: false, answeredAt, failure: error }
      known.set(provider, next)
    },
    of: (provider) => known.get(provider),
  }
}
