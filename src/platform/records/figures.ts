import type { Door } from '../caller.ts'
import type { Outcome, UsageRow } from './usage.ts'

/** What sums can be told apart by, and rows chosen by. A closed list, so that no caller's text becomes SQL. */
export const DIMENSIONS = [
  'login',
  'model',
  'provider',
  'door',
  'agent',
  'status',
  'outcome',
  'error_code',
] as const
export type Dimension = (typeof DIMENSIONS)[number]

/** Requests of a period, and of what is named beside it. Times are wall-clock ms since the epoch. */
export interface UsageScope {
  /** Inclusive. */
  readonly since: number
  /** Exclusive; absent: to the newest. */
  readonly until?: number
  readonly login?: string
  /** As a provider calls it, by whichever name it was asked for; or `provider/model`. */
  readonly model?: string
  readonly provider?: string
  readonly door?: Door
  /** The program that called, of the list in 0007-rollups.sql. */
  readonly agent?: string
  readonly status?: number
  readonly outcome?: Outcome
  readonly errorCode?: string
}

/** Sums over requests; tokens as in `UsageRow`. */
export interface UsageSums {
  readonly requests: number
  /** Whose outcome is not `ok`. */
  readonly failed: number
  /** Of these: that a provider failed or refused, or that were cut short here. */
  readonly errors: number
  /** Of these: that were refused here. */
  readonly refused: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedTokens: number
  readonly reasoningTokens: number
  readonly cacheWriteTokens: number
  readonly toolCalls: number
  readonly webSearches: number
  readonly images: number
  readonly audioMs: number
  /** Of the requests whose price is known. */
  readonly costNanousd: number
  readonly unpriced: number
  /** Whose tokens are our estimate. */
  readonly estimated: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly durationMs: number
  /**
   * ms to the upstream's first byte; null without one, for a value of a dimension in a step, and for one of
   * several people who did something certain.
   */
  readonly firstByte: Percentiles | null
  /** ms in all; null where that is. */
  readonly duration: Percentiles | null
}

/** From counts by powers of two: right within a factor of the square root of two, mostly far closer. */
export interface Percentiles {
  readonly p50: number
  readonly p95: number
}

export interface UsagePoint extends UsageSums {
  /** Where the step begins, ms since the epoch. */
  readonly at: number
  /** Of the dimension asked for; empty when there is none, null for all that are not told apart. */
  readonly name: string | null
}

export interface UsageGroup extends UsageSums {
  readonly name: string
}

/** How many people there were within a step. */
export interface PeoplePoint {
  readonly at: number
  readonly people: number
}

/** Where a page ended: pass it on to get the next, older one. */
export interface RequestCursor {
  readonly startedAt: number
  readonly id: string
}

export interface RequestsAsked extends UsageScope {
  readonly session?: string
  /** Part of a model's, program's or route's name, an address, a label. */
  readonly text?: string
  /** With a value, the one it had; else whichever. */
  readonly header?: { readonly name: string; readonly value?: string }
  readonly limit: number
  readonly before?: RequestCursor
}

export interface RequestsPage {
  /** Newest first. May be fewer than asked for although there are more: then `next` tells where to go on. */
  readonly rows: readonly RequestSummary[]
  readonly next?: RequestCursor
}

export interface RequestSummary extends UsageRow {
  readonly agent: string
}

/** Requests of one person that belong together. */
export interface SessionSummary {
  readonly login: string
  readonly sessionId: string
  readonly firstAt: number
  readonly lastAt: number
  readonly requests: number
  readonly failed: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly costNanousd: number
  readonly unpriced: number
}

/** Sessions are listed by when they began, newest first. */
export interface SessionCursor {
  readonly firstAt: number
  readonly login: string
  readonly sessionId: string
}

export interface SessionsAsked {
  readonly login?: string
  /** When they began: inclusive, exclusive. */
  readonly since?: number
  readonly until?: number
  readonly limit: number
  readonly before?: SessionCursor
}

export interface SessionsPage {
  readonly rows: readonly SessionSummary[]
  readonly next?: SessionCursor
}
