import type { LogFields, LogLevel } from '../../../platform/platform.ts'
import type { Act } from '../../../platform/records/act.ts'
import type { KeyRing, KeyUse } from '../../../platform/records/api-key.ts'
import type { Charge, KeptQuotas, QuotaChange, Refill } from '../../../platform/records/balance.ts'
import type { Ban } from '../../../platform/records/ban.ts'
import type { Capture, Retention } from '../../../platform/records/captured.ts'
import type { ExportChange } from '../../../platform/records/export-state.ts'
import type { Question } from '../../../platform/records/questions.ts'
import type { StoredResponse } from '../../../platform/records/stored-response.ts'
import type { AuthFailureRow, UsageRow } from '../../../platform/records/usage.ts'

/** One line of the journal, and of a message to the worker: JSON, so that both count its bytes and neither re-encodes. */
export type Entry =
  | { readonly usage: UsageRow; readonly charged?: readonly Charge[] }
  | { readonly quotas: QuotaChange }
  | { readonly failure: AuthFailureRow }
  | { readonly ban: Ban }
  | { readonly used: KeyUse }
  | { readonly act: Act }
  | { readonly exported: ExportChange }
  | { readonly capture: Capture }
  | { readonly response: StoredResponse }

/** What the worker is started with. */
export interface WorkerOptions {
  readonly url: string
  readonly authToken: string | undefined
  readonly dataDir: string
  /** Bytes the journal may hold. */
  readonly journalBytes: number
}

export type ToWorker =
  /** Lines numbered from `first` on, in the order in which they are to be acknowledged. */
  | { readonly kind: 'write'; readonly first: number; readonly lines: readonly string[] }
  | { readonly kind: 'keep'; readonly retention: Retention }
  | { readonly kind: 'close' }

export type FromWorker =
  | { readonly kind: 'ready'; readonly bans: readonly Ban[] }
  /** The database cannot be used at all: do not start. */
  | { readonly kind: 'failed'; readonly message: string }
  /** These lines would survive `kill -9`. */
  | { readonly kind: 'written'; readonly first: number; readonly count: number }
  /** The database will never take this line. */
  | { readonly kind: 'refused'; readonly seq: number; readonly message: string }
  /** Is the database answering, and how many bytes wait in the journal? */
  | { readonly kind: 'state'; readonly up: boolean; readonly journaled: number }
  | { readonly kind: 'bans'; readonly bans: readonly Ban[] }
  /** Before `ready`, unless the database could not be read by then. */
  | { readonly kind: 'keys'; readonly keys: KeyRing }
  /** Before `ready`, unless the database could not be read by then. */
  | { readonly kind: 'quotas'; readonly kept: KeptQuotas }
  | { readonly kind: 'refills'; readonly refills: readonly Refill[] }
  | {
      readonly kind: 'log'
      readonly level: LogLevel
      readonly evt: string
      readonly fields: LogFields
    }
  | { readonly kind: 'closed' }

/** To and from the thread that only reads. */
export interface ToReader {
  readonly id: number
  readonly name: Question
  readonly asks: unknown
}

export type FromReader =
  | { readonly id: number; readonly answers: unknown }
  | { readonly id: number; readonly error: string }
