import type { CallerKind, Door } from '../caller.ts'

/**
 * How a request ended: `upstream_error` whatever a provider refused, failed or broke off, `rejected` what was refused
 * here, `cut` an answer that was stopped here after it had begun.
 */
export const OUTCOMES = ['ok', 'client_gone', 'upstream_error', 'rejected', 'cut'] as const
export type Outcome = (typeof OUTCOMES)[number]
export type TokensSource = 'reported' | 'estimated' | 'none'

/** One line of the ledger: a request that passed authentication, whatever became of it. Times in ms unless named. */
export interface UsageRow {
  /** UUIDv7: unique, and sorted by time. Writing the same id twice leaves one row. */
  readonly id: string
  readonly startedAt: number
  readonly login: string
  readonly kind: CallerKind
  readonly credentialId: string
  readonly node: string | null
  readonly door: Door
  readonly clientIp: string
  readonly userAgent: string
  readonly label: string | null
  readonly dialect: string
  readonly route: string
  /** As the client wrote it. */
  readonly model: string | null
  readonly provider: string | null
  /** What the provider calls the model. Without a provider: what it would have been asked for. */
  readonly upstreamModel: string | null
  /** What the client was answered; 499 when it left before an answer. */
  readonly status: number
  readonly outcome: Outcome
  /** Ours (an `ErrorCode`) or the provider's; null where all was well. */
  readonly errorCode: string | null
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedTokens: number
  readonly reasoningTokens: number
  readonly tokensSource: TokensSource
  /** Of the input: written to the provider's cache. */
  readonly cacheWriteTokens: number
  /** How often the model called for a tool of the client's. */
  readonly toolCalls: number
  readonly webSearches: number
  /** Pictures that were made. */
  readonly images: number
  /** Length of what was listened to. */
  readonly audioMs: number
  /** Billionths of a dollar; null when the price is unknown, which is not the same as free. */
  readonly costNanousd: number | null
  /** Whose price it is, `own/llama3` or `anthropic/claude-sonnet-4-6`; null when it is unknown, or nothing was done. */
  readonly costBasis: string | null
  readonly bytesIn: number
  readonly bytesOut: number
  /** From our start to the upstream's first byte; null when there was none. */
  readonly firstByteMs: number | null
  readonly durationMs: number
  /** Time spent in the gateway itself before the request went out. */
  readonly overheadUs: number
  readonly sessionId: string | null
  readonly requestId: string
  /** The name of the configuration's that the client used; null where it was none. */
  readonly alias: string | null
  /** Providers that were tried, as JSON; null where it was one. */
  readonly attempts: string | null
  /** `from>to`; null where nothing was translated. */
  readonly translated: string | null
  /** Waited for a place at a provider; null where it did not have to. */
  readonly queuedMs: number | null
  /** Headers that it can be found by; written beside it, and not read with it. */
  readonly headers?: readonly (readonly [name: string, value: string])[]
}

/** A refused attempt. Kept apart from the ledger: it has no caller. */
export interface AuthFailureRow {
  readonly id: string
  readonly at: number
  readonly clientIp: string
  /** The user name that was tried, cut to 64 characters; empty when there was none. */
  readonly user: string
  readonly reason: string
  readonly route: string
  readonly requestId: string
}
