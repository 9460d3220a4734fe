import type { KeyLimits } from '../identity/caller.ts'
import type { KeptQuotas } from '../quota/balance.ts'
import type { Ban } from '../ratelimit/ban.ts'
import type { AuditRow } from './act.ts'

/** A key as it may be shown. */
export interface KeySummary {
  readonly id: string
  readonly hint: string
  readonly login: string
  readonly name: string
  readonly signed: boolean
  readonly limits: KeyLimits
  readonly createdAt: number
  readonly createdBy: string
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  readonly lastUsedAt: number | null
}

/**
 * What may be asked of the database, with the arguments and the answer of each. A host answers them where waiting
 * holds up no request.
 */
export interface Questions {
  /** Newest first, older than the row named `before`; at most `limit`. */
  readonly audit: {
    readonly asks: { readonly before?: string; readonly limit: number }
    readonly answers: readonly AuditRow[]
  }
  /** Newest first; of one login when it is named. */
  readonly keys: {
    readonly asks: { readonly login?: string }
    readonly answers: readonly KeySummary[]
  }
  /** Buckets of quotas that something happened to since then, and refills to do. */
  readonly quotas: { readonly asks: { readonly since: number }; readonly answers: KeptQuotas }
  /** In force, and lately lapsed. */
  readonly bans: { readonly asks: { readonly now: number }; readonly answers: readonly Ban[] }
}

export type Question = keyof Questions

export type Ask = <Name extends Question>(
  name: Name,
  asks: Questions[Name]['asks'],
) => Promise<Questions[Name]['answers']>
