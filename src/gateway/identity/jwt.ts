import { base64url } from 'jose'

/** s that clocks may differ. */
export const leeway = 30

/** A JSON Web Token as far as it can be read without a key. Nothing in it is proven. */
export interface Token {
  readonly text: string
  readonly header: Claims
  readonly claims: Claims
  /** Who says so. */
  readonly issuer: string
  /** One spelling of it exists, and its header asks for nothing that is never done. */
  readonly sound: boolean
}

/** Read with `claim`, one name at a time: never spread, never merged. */
export type Claims = Readonly<Record<string, unknown>>

/** Also with padding, so that a respelled token of ours is known for what it is. Five parts are a JWE: not a token here. */
const shape = /^([\w-]+=*)\.([\w-]+=*)\.([\w-]*=*)$/

/**
 * Headers that name keys, files or hosts, or change what is signed (RFC 7515 sections 4.1.2 to 4.1.11, RFC 7797). Keys
 * are known by `kid` alone, from a list in memory.
 */
const refused = ['jku', 'x5u', 'jwk', 'x5c', 'crit', 'b64']

/** Reads a token that names its issuer. Undefined: it is none. Its length is the carrier's business (8 KiB). */
export const readToken = (text: string): Token | undefined => {
  const parts = shape.exec(text)?.slice(1)
  if (parts === undefined) return undefined
  const [header, claims] = parts.map(readObject)
  const issuer = claims && claim(claims, 'iss')
  if (header === undefined || claims === undefined || typeof issuer !== 'string') return undefined
  const sound = parts.every(isCanonical) && !refused.some((name) => Object.hasOwn(header, name))
  return { text, header, claims, issuer, sound }
}

/** An own claim; undefined when there is none. */
export const claim = (claims: Claims, name: string): unknown =>
  Object.hasOwn(claims, name) ? claims[name] : undefined

/** Seconds since the epoch that a date can hold: `1e400` is infinite, and would never come. */
export const isTime = (value: unknown): value is number =>
  typeof value === 'number' && value > 0 && value < 1e11

const readObject = (part: string): Claims | undefined => {
  try {
    const value: unknown = JSON.parse(decoder.decode(base64url.decode(part.replace(/=+$/, ''))))
    return typeof value === 'object' && value !== null ? (value as Claims) : undefined
  } catch {
    return undefined
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The last character of base64 has spare bits, which libraries do not look at. */
const isCanonical = (part: string): boolean => {
  try {
    return base64url.encode(base64url.decode(part)) === part
  } catch {
    return false
  }
}
