import { Failure } from '../../platform/failure.ts'
import { duplicateSensitive, identityConflict } from './identity-headers.ts'
import { type CanonicalTarget, canonicalTarget } from './target.ts'

/** The request as the wire had it, before any library joined, folded or decoded something. */
export interface RawRequest {
  readonly method: string
  readonly target: string
  /** `1.1`, `1.0`, … */
  readonly httpVersion: string
  /** name, value, name, value, … */
  readonly rawHeaders: readonly string[]
}

export type Framing =
  | { readonly target: CanonicalTarget; readonly failure?: undefined }
  | { readonly target?: undefined; readonly failure: Failure }

const maxHeaders = 100

/**
 * Judges what only the raw bytes can tell: version, target spelling, header list. Node's own parser has already
 * refused conflicting lengths and broken chunks; these are the cases it lets through.
 */
export const inspectFraming = (raw: RawRequest): Framing => {
  const failure = versionFailure(raw) ?? headerFailure(raw)
  if (failure) return { failure }
  return canonicalTarget(raw.target)
}

const versionFailure = ({ httpVersion, rawHeaders }: RawRequest): Failure | undefined => {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    return new Failure('http_version_not_supported', 'Use HTTP/1.1.', { close: true })
  }
  // RFC 9112 §6.1: an HTTP/1.0 message with Transfer-Encoding has faulty framing.
  if (httpVersion === '1.0' && countOf(rawHeaders, 'transfer-encoding') > 0) {
    return bad('Transfer-Encoding is not allowed in HTTP/1.0.')
  }
  return undefined
}

const headerFailure = ({ rawHeaders }: RawRequest): Failure | undefined => {
  if (rawHeaders.length / 2 > maxHeaders) {
    return new Failure('headers_too_large', `At most ${maxHeaders} header lines are accepted.`, {
      close: true,
    })
  }
  // RFC 9112 §3.2: more than one Host line must be refused.
  if (countOf(rawHeaders, 'host') > 1) return bad('More than one Host header.')
  if (!validHost(rawHeaders)) return bad('The Host header is not a valid host.')
  return duplicateSensitive(rawHeaders) ?? identityConflict(rawHeaders)
}

const bad = (message: string): Failure =>
  new Failure('invalid_request', message, { close: true, reason: 'framing' })

const countOf = (rawHeaders: readonly string[], name: string): number => {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const candidate = rawHeaders[i]
    if (candidate?.length === name.length && candidate.toLowerCase() === name) count++
  }
  return count
}

const hostPattern = /^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?\.?|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/i

const validHost = (rawHeaders: readonly string[]): boolean => {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() !== 'host') continue
    const value = rawHeaders[i + 1] ?? ''
    const match = value.length <= 255 ? hostPattern.exec(value) : null
    const port = match?.[1]
    return match !== null && (port === undefined || (Number(port) > 0 && Number(port) < 65_536))
  }
  return true
}
