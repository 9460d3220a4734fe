import { Failure } from '../../platform/failure.ts'

/** The one spelling of path and query that router, authentication, limits, log and upstream share. */
export interface CanonicalTarget {
  /**
   * Of a path of our own: one `/` at its start, no dot segment, no empty segment, one version, no encoded unreserved
   * character. Any other path is as the client wrote it.
   */
  readonly path: string
  /** With its `?`, or empty. As the client wrote it. */
  readonly search: string
}

export type TargetVerdict =
  | { readonly target: CanonicalTarget; readonly failure?: undefined }
  | { readonly target?: undefined; readonly failure: Failure }

/** The path of nearly every request: it has one reading only. */
const plain = /^(?:\/[\w.~!$&'()*+,=:@-]+)+\/?$/
const dotSegment = /(?:^|\/)\.{1,2}(?:\/|$)/
/** A base URL that ends in a version, and a client that adds its own. */
const versions = /^(?:\/v1(?:alpha|beta1?)?)+(?=\/v1(?:alpha|beta1?)?(?:\/|$))/

/**
 * Computes the canonical path once, or refuses the target. Proxies and servers are known to disagree on spellings such
 * as `//`, `%2f`, `;` and `..` (CVE-2019-9901, CVE-2021-29492, CVE-2026-27587). So a path that some decoder could take
 * for one of ours is repaired where it has one meaning, and refused where it has not; only a path that no decoder takes
 * for one of ours goes to Open WebUI as it was sent.
 */
export const canonicalTarget = (target: string): TargetVerdict => {
  const query = target.indexOf('?')
  const path = query < 0 ? target : target.slice(0, query)
  const search = query < 0 ? '' : target.slice(query)
  const problem = searchProblem(search)
  if (problem) return refuse(problem)
  if (path === '/') return { target: { path, search } }
  if (plain.test(path) && !dotSegment.test(path)) {
    const whole = path.endsWith('/') && api.test(path) ? path.slice(0, -1) : path
    return { target: { path: whole.replace(versions, ''), search } }
  }
  return judge(path, search)
}

const judge = (path: string, search: string): TargetVerdict => {
  const problem = spellingProblem(path)
  if (problem) return refuse(problem)
  const reading = deepestReading(path)
  if (reading === undefined) {
    return refuse('Dot segments, encoded backslashes and control characters are not accepted.')
  }
  const merged = reading.replaceAll(/\/{2,}/g, '/')
  if (api.test(merged)) return strictly(withoutEmptySegments(path), search)
  if (ours.test(merged)) return strictly(path, search)
  // Browsers and URL parsers take what follows for a host.
  if (reading.startsWith('//')) return refuse(emptySegments)
  return { target: { path, search } }
}

const emptySegments = 'Empty path segments ("//") are not accepted.'

/** Characters that no path may contain. Browsers leave `[`, `]` and `|` as they are. */
const spellingProblem = (path: string): string | undefined => {
  if (path[0] !== '/') return 'The request target must be a path that begins with "/".'
  if (/%(?![0-9a-f]{2})/i.test(path)) return 'The path holds a broken percent escape.'
  if (!/^[\w.~!$&'()*+,=:@%/;[\]|-]+$/.test(path)) {
    return 'The path holds a character that is not accepted.'
  }
  return undefined
}

/** Paths that lead to models: what a base URL with a slash or a version too many makes of them has one meaning. */
const api =
  /^\/(?:v1(?:alpha|beta1?)?|bedrock|models|embeddings|responses|codex|chat\/completions|ollama\/api)(?:\/|$)/

/** All other paths that the gateway answers itself, in every configuration or in some. */
const ours =
  /^\/(?:ui|postern|aperture|metrics|healthz|readyz|api\/(?:pull|push|create|copy|delete|blobs|providers|quotas|connectors))(?:[/:]|$)|^\/api\/(?:tags|show|version|ps|chat|generate|embed|embeddings)\/?$/

/**
 * What the path is to the reader that undoes the most: decodes as often as there is something to decode, takes `;` for
 * the start of parameters, and has no letter case. Undefined where one of them would go up, or find a control character.
 */
const deepestReading = (path: string): string | undefined => {
  let text = path
  for (let round = 0; text.includes('%'); round++) {
    const decoded = text.replace(/%[0-9a-f]{2}/gi, (it) =>
      String.fromCharCode(Number.parseInt(it.slice(1), 16)),
    )
    if (decoded === text) break
    if (round === maxRounds) return undefined
    text = decoded
  }
  text = text.replaceAll(/;[^/]*/g, '')
  if (/[\u0000-\u001f\u007f\\]/.test(text) || dotSegment.test(text)) return undefined
  return text.toLowerCase()
}

/** No genuine client encodes more often. */
const maxRounds = 3

const withoutEmptySegments = (path: string): string =>
  path.replaceAll(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')

const unreserved = /%(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a]|3[0-9]|2d|2e|5f|7e)/gi

/** Before the name of a model, whose own slashes SDKs encode (`encodeURIComponent`). */
const beforeModel =
  /^(?:\/v1(?:alpha|beta1?)?)*\/(?:publishers\/[^/%]+\/|projects\/[^/%]+\/locations\/[^/%]+\/publishers\/[^/%]+\/)?models\/|^\/bedrock\/model\/|^\/aperture\/pricing\//

const strictly = (path: string, search: string): TargetVerdict => {
  if (path.includes('//')) return refuse(emptySegments)
  if (/[;[\]|]/.test(path)) return refuse('The path holds a character that is not accepted.')
  const decoded = path.replace(unreserved, (encoded) =>
    String.fromCharCode(Number.parseInt(encoded.slice(1), 16)),
  )
  // RFC 3986 §6.2.2.1: an escape has one spelling.
  const canonical = decoded.replaceAll(/%[0-9a-f]{2}/gi, (it) => it.toUpperCase())
  const hiding = beforeModel.test(canonical) ? canonical.replaceAll('%2F', '') : canonical
  // An encoded slash, or a second round of encoding.
  if (/%2[5F]/.test(hiding)) {
    return refuse('Encoded slashes are accepted in the name of a model only, "%25" nowhere.')
  }
  return { target: { path: canonical.replace(versions, ''), search } }
}

const searchProblem = (search: string): string | undefined =>
  /[#\\\u0000-\u0020\u007f-\uffff]/.test(search)
    ? 'The query holds a character that must be percent-encoded.'
    : undefined

const refuse = (message: string): TargetVerdict => ({
  failure: new Failure('invalid_request', message, { close: true, reason: 'target' }),
})
