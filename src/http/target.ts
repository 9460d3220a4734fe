import { Failure } from './errors.ts'

/** The one spelling of path and query that router, authentication, log and upstream share. */
export interface CanonicalTarget {
  /** Begins with one `/`, holds no dot segment, no empty segment, no encoded unreserved character. */
  readonly path: string
  /** With its `?`, or empty. As the client wrote it. */
  readonly search: string
}

export type TargetVerdict =
  | { readonly target: CanonicalTarget; readonly failure?: undefined }
  | { readonly target?: undefined; readonly failure: Failure }

const unreserved = /%(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a]|3[0-9]|2d|2e|5f|7e)/gi
// A slash, a backslash, NUL, another control or a second round of encoding, hidden in an escape.
const hidden = /%(?:2f|5c|25|[01][0-9a-f]|7f)/i
// `;`, `#`, `\\`, spaces and raw bytes are what must not pass.
const accepted = /^[A-Za-z0-9._~!$&'()*+,=:@%/-]+$/

/**
 * Computes the canonical path once, or refuses the target. Spellings on which proxies are known to disagree are
 * refused rather than repaired: absolute form, `//`, backslash, `%2f`, `%00`, `;`, fragments, `..`
 * (hazards 78–84, 86; CVE-2021-29492 and its kin).
 */
export const canonicalTarget = (target: string): TargetVerdict => {
  const query = target.indexOf('?')
  const path = query < 0 ? target : target.slice(0, query)
  const search = query < 0 ? '' : target.slice(query)
  const problem = pathProblem(path) ?? searchProblem(search)
  if (problem) return refuse(problem)
  if (!path.includes('%')) return { target: { path, search } }
  const decoded = path.replace(unreserved, (encoded) =>
    String.fromCharCode(Number.parseInt(encoded.slice(1), 16)),
  )
  // Decoding may have brought forth `..` (from `%2e%2e`).
  const again = pathProblem(decoded)
  return again ? refuse(again) : { target: { path: decoded, search } }
}

const pathProblem = (path: string): string | undefined => {
  if (path[0] !== '/') return 'The request target must be a path that begins with "/".'
  if (path.includes('//')) return 'Empty path segments ("//") are not accepted.'
  if (hidden.test(path))
    return 'Encoded slashes, backslashes, percent signs or control characters are not accepted.'
  if (/(?:^|\/)\.{1,2}(?:\/|$)/.test(path)) return 'Dot segments are not accepted.'
  if (/%(?![0-9a-f]{2})/i.test(path)) return 'The path holds a broken percent escape.'
  if (!accepted.test(path)) return 'The path holds a character that is not accepted.'
  return undefined
}

const searchProblem = (search: string): string | undefined =>
  /[#\\\u0000-\u0020\u007f-\uffff]/.test(search)
    ? 'The query holds a character that must be percent-encoded.'
    : undefined

const refuse = (message: string): TargetVerdict => ({
  failure: new Failure('invalid_request', message, { close: true, reason: 'target' }),
})
