import type { KeyLimits } from '../caller.ts'
import type { AuditRow, Browser, ConfigVersion } from './act.ts'
import type { KeptQuotas } from './balance.ts'
import type { Ban } from './ban.ts'
import type { Capture } from './captured.ts'
import type { ExportRow, ExportRowsAsked, ExportState } from './export-state.ts'
import type {
  Dimension,
  PeoplePoint,
  RequestSummary,
  RequestsAsked,
  RequestsPage,
  SessionsAsked,
  SessionsPage,
  UsageGroup,
  UsagePoint,
  UsageScope,
  UsageSums,
} from './figures.ts'
import type { StoredResponse } from './stored-response.ts'

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

/** A configuration that was put in force, without its text. */
export type ConfigVersionSummary = Omit<ConfigVersion, 'config'>

/** How fast a model wrote, by provider: tokens a second, the newest answer first. */
export interface Speed {
  readonly provider: string
  readonly model: string
  readonly rates: readonly number[]
}

/** Wrong guesses by the address they came from. */
export interface Guesses {
  readonly clientIp: string
  readonly count: number
}

/** Requests of nobody. */
export interface Attempts {
  /** By steps counted from the epoch, and by cause; only those in which there is anything. */
  readonly points: readonly {
    readonly at: number
    readonly reason: string
    readonly count: number
  }[]
  /** The most first. */
  readonly addresses: readonly {
    readonly clientIp: string
    readonly count: number
    readonly firstAt: number
    readonly lastAt: number
    /** Separated by commas. */
    readonly reasons: string
  }[]
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
  /** Signed in, newest first; of one login when it is named. */
  readonly browsers: {
    readonly asks: { readonly login?: string }
    readonly answers: readonly Browser[]
  }
  /** Ids of those that were signed out since then. */
  readonly endedBrowsers: {
    readonly asks: { readonly since: number }
    readonly answers: readonly string[]
  }
  /** Newest first; at most `limit`. */
  readonly configVersions: {
    readonly asks: { readonly limit: number }
    readonly answers: readonly ConfigVersionSummary[]
  }
  /** The newest, where no id is named. Null: there is none. */
  readonly configVersion: {
    readonly asks: { readonly id?: string }
    readonly answers: ConfigVersion | null
  }
  /** Newest first; of one login when it is named. */
  readonly keys: {
    readonly asks: { readonly login?: string }
    readonly answers: readonly KeySummary[]
  }
  /** Buckets of quotas that something happened to since then, and refills to do. */
  readonly quotas: { readonly asks: { readonly since: number }; readonly answers: KeptQuotas }
  /** Of streamed answers since then. */
  readonly speeds: { readonly asks: { readonly since: number }; readonly answers: readonly Speed[] }
  /** Since then, the most first. */
  readonly guesses: {
    readonly asks: { readonly since: number }
    readonly answers: readonly Guesses[]
  }
  /** Since then, by steps of so many ms. */
  readonly attempts: {
    readonly asks: { readonly since: number; readonly step: number }
    readonly answers: Attempts
  }
  /** In force, and lately lapsed. */
  readonly bans: { readonly asks: { readonly now: number }; readonly answers: readonly Ban[] }
  /** That a provider keeps under this id. Null: it is not known. */
  readonly response: {
    readonly asks: { readonly id: string }
    readonly answers: StoredResponse | null
  }
  readonly usageTotals: { readonly asks: UsageScope; readonly answers: UsageSums }
  /** The values of a dimension with the most requests first. */
  readonly usageGroups: {
    readonly asks: UsageScope & {
      readonly by: Dimension
      readonly limit: number
      /** False: nobody looks at them, and they are most of the work. */
      readonly latencies?: false
    }
    readonly answers: readonly UsageGroup[]
  }
  /** By steps of so many ms, counted from the epoch; only those in which there is anything. */
  readonly usageSeries: {
    readonly asks: UsageScope & {
      readonly step: number
      readonly by?: Dimension
      /** So many of the dimension's values, the others as one. */
      readonly top?: number
    }
    readonly answers: readonly UsagePoint[]
  }
  /** By day (UTC). */
  readonly usagePeople: { readonly asks: UsageScope; readonly answers: readonly PeoplePoint[] }
  readonly requests: { readonly asks: RequestsAsked; readonly answers: RequestsPage }
  /** By its id, or the one that its answer showed; of one login when it is named. Null: there is none. */
  readonly request: {
    readonly asks: { readonly id: string; readonly login?: string }
    readonly answers: RequestSummary | null
  }
  /** Of the row with this id. Null: there is none. */
  readonly capture: { readonly asks: { readonly id: string }; readonly answers: Capture | null }
  readonly sessions: { readonly asks: SessionsAsked; readonly answers: SessionsPage }
  readonly exportState: {
    readonly asks: { readonly name: string }
    readonly answers: ExportState
  }
  readonly exportRows: { readonly asks: ExportRowsAsked; readonly answers: readonly ExportRow[] }
}

export type Question = keyof Questions

export type Ask = <Name extends Question>(
  name: Name,
  asks: Questions[Name]['asks'],
) => Promise<Questions[Name]['answers']>
