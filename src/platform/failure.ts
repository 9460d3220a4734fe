import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** Every code a client can see, and its status. Codes are a contract: add, never rename. */
const statuses = {
  invalid_request: 400,
  ambiguous_credentials: 400,
  identity_conflict: 400,
  invalid_credentials: 401,
  no_role: 403,
  not_allowed: 403,
  banned: 403,
  door_closed: 403,
  origin_not_allowed: 403,
  guardrail_blocked: 403,
  not_found: 404,
  model_not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  precondition_failed: 412,
  request_too_large: 413,
  unsupported_media_type: 415,
  misdirected_request: 421,
  invalid_content: 422,
  upgrade_required: 426,
  rate_limited: 429,
  quota_exceeded: 429,
  too_many_failures: 429,
  headers_too_large: 431,
  internal_error: 500,
  upstream_error: 502,
  overloaded: 503,
  not_ready: 503,
  guardrail_failed: 503,
  upstream_timeout: 504,
  http_version_not_supported: 505,
} as const satisfies Record<string, ContentfulStatusCode>

export type ErrorCode = keyof typeof statuses

/** One thing that is wrong with what was sent, for people and programs. */
export interface Detail {
  /** Where: `body.login`, `header.If-Match`, a key path of the configuration. */
  readonly location: string
  readonly message: string
}

export interface FailureOptions {
  /** Our own API tells them apart; elsewhere they are left out. */
  readonly details?: readonly Detail[]
  /** Instead of the code's own, where somebody else decided it: a guardrail. */
  readonly status?: number
  /** Sent with the answer, e.g. `retry-after`, `allow`. */
  readonly headers?: Readonly<Record<string, string>>
  /** For the log only. */
  readonly reason?: string
  /** Close the connection after answering: what follows on it cannot be trusted. */
  readonly close?: boolean
}

/** A refusal. Thrown anywhere, answered in one place (`app.onError`), in the dialect of the path. */
export class Failure extends Error {
  readonly code: ErrorCode
  readonly status: ContentfulStatusCode
  readonly headers: Readonly<Record<string, string>>
  readonly reason: string
  readonly close: boolean
  readonly details: readonly Detail[]

  /** `message` is read by the client: what happened and what to do, never a host, path or secret. */
  constructor(code: ErrorCode, message: string, options: FailureOptions = {}) {
    super(message)
    this.name = 'Failure'
    this.code = code
    this.status = (options.status ?? statuses[code]) as ContentfulStatusCode
    this.headers = options.headers ?? {}
    this.reason = options.reason ?? code
    this.close = options.close ?? false
    this.details = options.details ?? []
  }
}

/** Where a statement cannot stand. */
export const fail = (failure: Failure): never => {
  throw failure
}

/** Whole seconds for `Retry-After`, at least one. */
export const retryAfter = (ms: number): string => String(Math.max(1, Math.ceil(ms / 1000)))
