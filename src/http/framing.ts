import type { Failure } from './errors.ts'

/** The request as the wire had it, before any library joined, folded or decoded something. */
export interface RawRequest {
  readonly method: string
  readonly target: string
  readonly httpVersion: string
  /** name, value, name, value, … */
  readonly rawHeaders: readonly string[]
}

export type Framing = { readonly target: CanonicalTarget } | { readonly failure: Failure }

/** The one spelling of path and query that router, authentication, log and upstream share. */
export interface CanonicalTarget {
  readonly path: string
  /** With its `?`, or empty. */
  readonly search: string
}
