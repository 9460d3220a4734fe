/** `unknown`: it could not be found out, so nothing is said to be wrong. */
export type Severity = 'error' | 'warning' | 'unknown'

/** One thing that may be wrong, in words. `{name}` is a blank that the check fills in. */
export interface Text {
  readonly severity: Severity
  /** What is so, and its cause. */
  readonly says: string
  /** What to do. */
  readonly remedy: string
  /** For docs/doctor.md: what it means, where that is more than `says`. */
  readonly means: string
}
