/** Shapes of quotas that the store keeps and the host passes on. Amounts are in the unit's own measure (`QuotaUnit`). */

/** A bucket at one moment, with the definition that it was last charged under. */
export interface Balance {
  /** Name of the quota, template included. */
  readonly quota: string
  /** Login, stable id of a node or id of an API key; empty for a bucket that all callers share. */
  readonly holder: string
  readonly unit: string
  /** What is left; below zero once it was overdrawn. */
  readonly balance: number
  /** Everything that was ever charged. */
  readonly spent: number
  readonly capacity: number
  /** What flows in, per ms. */
  readonly rate: number
  /** Wall-clock ms since the epoch: what flows in until then is in `balance`. */
  readonly at: number
}

/**
 * What one request takes out of a bucket. Differences are written and never states: they add up to the same whoever
 * writes them and when, so several gateways can share a database, and what was charged before the old balance could be
 * read is not lost.
 */
export interface Charge extends Omit<Balance, 'balance' | 'spent'> {
  readonly amount: number
  /** Holder under which the balance was kept before; it goes on under `holder`. */
  readonly formerly?: string
}

/** Somebody puts something back. */
export interface Refill {
  /** Each is done once. */
  readonly id: string
  readonly quota: string
  readonly holder: string
  readonly amount: number
  readonly at: number
}

/** What a host has read. */
export interface KeptQuotas {
  readonly balances: readonly Balance[]
  /** Still to be done. */
  readonly refills: readonly Refill[]
}

/** A quota that is defined anew: what flows in until `at` does so by the old definition. */
export type Redefinition = Pick<Balance, 'quota' | 'unit' | 'capacity' | 'rate' | 'at'>

/** Written in one transaction; harmless to write twice. */
export interface QuotaChange {
  /** Put back, or found to be in vain: no longer to be done. */
  readonly refilled?: readonly Refill[]
  readonly redefined?: readonly Redefinition[]
  /** Quotas that are no more. */
  readonly dropped?: readonly string[]
}
