/** Shapes of quotas that the store keeps and the host passes on. */

/** A bucket at one moment. Amounts are in the unit's own measure (`QuotaUnit`). */
export interface Balance {
  /** Name of the quota, template included. */
  readonly quota: string
  /** Login or node; empty for a bucket that is everybody's. */
  readonly holder: string
  readonly unit: string
  /** What is left; below zero once it was overdrawn. */
  readonly balance: number
  /** Everything that was ever charged. */
  readonly spent: number
  /** Wall-clock ms since the epoch: what flows in until then is in `balance`. */
  readonly at: number
  /** Rises with every change: of two states of a bucket the higher one holds. */
  readonly seq: number
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
  /** Absent in later calls: the gateway knows better by then. */
  readonly balances?: readonly Balance[]
  /** Still to be done. */
  readonly refills: readonly Refill[]
}

/** Written in one transaction. */
export interface BalanceChange {
  readonly balances: readonly Balance[]
  /** Ids of refills that these balances hold. */
  readonly refilled?: readonly string[]
  /** Quotas that are no more. */
  readonly dropped?: readonly string[]
}
