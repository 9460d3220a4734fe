import { isPlaceholderKey } from '../http/guards/placeholder-key.ts'

/** What a request offers as proof. Nothing about it has been checked but its shape. */
export type Credential =
  | { readonly kind: 'none' }
  | PasswordCredential
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'malformed'; readonly reason: 'malformed' | 'too_long' }
  | { readonly kind: 'ambiguous' }

export interface PasswordCredential {
  readonly kind: 'password'
  readonly user: string
  readonly password: string
}

/** Headers that hold a bare key; in `Authorization` a scheme comes first. */
const keyHeaders = ['x-api-key', 'api-key', 'x-goog-api-key'] as const

const maxCarrierBytes = 8 * 1024
const maxUserBytes = 256

/** RFC 4648 §4 with its padding. base64url, inner spaces and missing padding have no place in RFC 7617. */
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
/** No spaces, so that a list (`Bearer x, Basic y`) is never taken for a key. A password may hold them. */
const visibleAscii = /^[\x21-\x7e]+$/
const ascii = /^[\x20-\x7e]*$/
const joined = /,\s*(?:basic|bearer)\s/i
const control = /\p{Cc}/u

/**
 * Reads the credential of a request, whatever carries it: `Authorization: Basic`, `Bearer <key>`,
 * `Bearer user:password`, `x-api-key`, `api-key`, `x-goog-api-key`, and `?key=`. A value with a colon is
 * `user:password` in each of them but the last, which takes keys only. Empty carriers and placeholders (`not-needed`) do
 * not count; carriers that say the same thing are one.
 *
 * The policy, where the field is lax: Basic is strict RFC 7617 (canonical, padded base64 of valid UTF-8, split at
 * the first colon, no control characters); the others are UTF-8 as well, and a key without a colon is visible ASCII;
 * neither user nor password may be empty; one carrier that cannot be read spoils the rest, because a bad proof
 * must not fall through to a weaker one.
 *
 * @param query Passed only where `?key=` counts, that is on Gemini paths.
 * @param skipAuthorization It is meant for somebody else.
 */
export const readCredential = (
  headers: Headers,
  query?: URLSearchParams,
  skipAuthorization = false,
): Credential => {
  let found: Credential = none
  let disagree = false
  const authorization = skipAuthorization ? null : headers.get('authorization')
  for (const credential of carriers(authorization, headers, query)) {
    if (credential.kind === 'malformed') return credential
    if (credential.kind === 'none') continue
    if (found.kind === 'none') found = credential
    else disagree ||= !same(found, credential)
  }
  return disagree ? { kind: 'ambiguous' } : found
}

const none: Credential = { kind: 'none' }
const malformed: Credential = { kind: 'malformed', reason: 'malformed' }
const tooLong: Credential = { kind: 'malformed', reason: 'too_long' }

function* carriers(
  authorization: string | null,
  headers: Headers,
  query: URLSearchParams | undefined,
): Generator<Credential> {
  if (authorization !== null) yield readAuthorization(authorization)
  for (const name of keyHeaders) {
    const value = headers.get(name)
    if (value !== null) yield readBare(value)
  }
  for (const value of query?.getAll('key') ?? []) yield readKey(value)
}

/** The scheme is case-insensitive (RFC 9110 §11.1). */
const readAuthorization = (value: string): Credential => {
  if (value === '') return none
  const space = value.indexOf(' ')
  const scheme = (space < 0 ? value : value.slice(0, space)).toLowerCase()
  const rest = space < 0 ? '' : value.slice(space).trim()
  if (scheme === 'basic') return readBasic(rest)
  // Two lines joined by a library that cannot show them apart: nobody's password goes on like this.
  if (scheme === 'bearer') return joined.test(rest) ? malformed : readBare(rest)
  return malformed
}

const readBasic = (token: string): Credential => {
  if (token.length > maxCarrierBytes) return tooLong
  if (!base64.test(token)) return malformed
  const binary = atob(token)
  // Stray bits in the last character would give one credential several spellings.
  if (btoa(binary) !== token) return malformed
  const text = decodeUtf8(Uint8Array.from(binary, (char) => char.charCodeAt(0)))
  return text?.includes(':') ? splitUser(text) : malformed
}

/** Header values reach us as one character per byte; what people type in a password is UTF-8 by now. */
const readBare = (value: string): Credential => {
  if (ascii.test(value)) return readText(value)
  const text = decodeUtf8(Uint8Array.from(value, (char) => char.charCodeAt(0)))
  return text === undefined ? malformed : readText(text)
}

const readText = (value: string): Credential => {
  if (isPlaceholderKey(value)) return none
  if (value.length > maxCarrierBytes) return tooLong
  if (value.includes(':')) return splitUser(value)
  return visibleAscii.test(value) ? { kind: 'key', key: value } : malformed
}

/** Addresses end up in logs and histories, and any page can make a browser ask for one: no place for a password. */
const readKey = (value: string): Credential => {
  const found = readText(value)
  return found.kind === 'password' ? malformed : found
}

const splitUser = (text: string): Credential => {
  const colon = text.indexOf(':')
  return readPair(text.slice(0, colon), text.slice(colon + 1))
}

/** User and password as a form brings them, by the same policy. */
export const readPair = (user: string, password: string): Credential => {
  if (user === '' || password === '' || control.test(user + password)) return malformed
  if (byteLength(user) > maxUserBytes) return tooLong
  return { kind: 'password', user, password }
}

const encoder = new TextEncoder()
/** Lossy decoding would fold different passwords into one; so would dropping a byte order mark. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const byteLength = (text: string): number => encoder.encode(text).byteLength

const decodeUtf8 = (bytes: Uint8Array): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** Both came from the same sender, so how long this takes tells nothing. */
const same = (a: Credential, b: Credential): boolean =>
  a.kind === 'password' && b.kind === 'password'
    ? a.user === b.user && a.password === b.password
    : a.kind === 'key' && b.kind === 'key' && a.key === b.key
