import type { CallerKind, Door, KeyLimits } from '../caller.ts'
import type { SigningKey } from './api-key.ts'
import type { Refill } from './balance.ts'
import type { Ban } from './ban.ts'

/** One line of the audit: an act on the gateway, allowed or not. Times are wall-clock ms since the epoch. */
export interface AuditRow {
  /** UUIDv7. Writing the same id twice leaves one row. */
  readonly id: string
  readonly at: number
  readonly login: string
  readonly kind: CallerKind
  readonly credentialId: string
  readonly door: Door
  readonly clientIp: string
  /** What was done, as `thing.verb`: `config.replace`, `key.create`, `ban.lift`. */
  readonly action: string
  /** What it was done to; never a secret. */
  readonly target: string
  readonly outcome: 'done' | 'denied' | 'failed'
  /** What changed, or why not, for people; never a secret. */
  readonly detail: string
  readonly requestId: string
}

/** A new key as it is kept: its digest or the kid that signed it, never itself. */
export interface NewKey {
  readonly id: string
  readonly digest: string | null
  readonly kid: string | null
  readonly hint: string
  readonly login: string
  readonly name: string
  readonly limits: KeyLimits
  readonly createdAt: number
  readonly createdBy: string
  readonly expiresAt: number | null
}

/** A browser that somebody signed in with. */
export interface Browser {
  /** Of the session that it holds. */
  readonly id: string
  readonly login: string
  readonly userAgent: string
  readonly door: Door
  readonly clientIp: string
  readonly startedAt: number
  readonly endedAt: number | null
}

/** A configuration that was put in force, its secrets as marks. */
export interface ConfigVersion {
  readonly id: string
  readonly at: number
  /** Empty: somebody changed the file by hand. */
  readonly login: string
  readonly requestId: string
  /** Lines that went and came. */
  readonly changes: string
  readonly config: string
}

/** What an act changes in the database. */
export type Change =
  | { readonly kind: 'key.create'; readonly key: NewKey }
  | { readonly kind: 'key.revoke'; readonly id: string; readonly at: number }
  | { readonly kind: 'key.sign'; readonly signer: SigningKey; readonly at: number }
  | { readonly kind: 'key.retire'; readonly kid: string; readonly at: number }
  | { readonly kind: 'ban.set'; readonly ban: Ban }
  | { readonly kind: 'ban.lift'; readonly address: string }
  | { readonly kind: 'session.start'; readonly browser: Browser }
  | { readonly kind: 'session.end'; readonly id: string; readonly at: number }
  | { readonly kind: 'quota.refill'; readonly refill: Refill }
  /** In this order; one that is what the newest is already is left out. */
  | { readonly kind: 'config.keep'; readonly versions: readonly ConfigVersion[] }
  | { readonly kind: 'config.withdraw'; readonly id: string }

/** Both are written in one transaction, or neither is. */
export interface Act {
  readonly audit: AuditRow
  readonly change?: Change
}
