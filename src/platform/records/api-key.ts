import type { JWK } from 'jose'
import type { KeyLimits } from '../caller.ts'

/** An API key as the ledger has it; the key itself is nowhere. Times are wall-clock ms since the epoch. */
export interface ApiKey {
  /** Names the key in the ledger and in `postern key revoke`; the `jti` of a signed one. */
  readonly id: string
  /** SHA-256 of a random key, base64url; null for a signed one. */
  readonly digest: string | null
  /** Which signing key it was signed with; null for a random one. */
  readonly kid: string | null
  /** Whose it is, lower-cased: it may do what this login may, within `limits`. */
  readonly login: string
  readonly limits: KeyLimits
  /** Null: never. */
  readonly expiresAt: number | null
  readonly revokedAt: number | null
}

/** The public half of a signing key. */
export interface SigningKey {
  readonly kid: string
  readonly jwk: JWK
}

/** All that is needed to tell a right key from a wrong one. */
export interface KeyRing {
  readonly keys: readonly ApiKey[]
  /** Those whose signatures count. */
  readonly signers: readonly SigningKey[]
}

export interface KeyUse {
  readonly id: string
  readonly at: number
}
