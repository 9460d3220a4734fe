/**
 * Why a request has no caller. Private: it goes to the log and the counters, while the client sees one generic body,
 * so that an attacker cannot tell an unknown user from a wrong password.
 */
export type IdentityFailure =
  | 'missing'
  | 'malformed'
  | 'ambiguous'
  | 'too_long'
  | 'unknown_user'
  | 'unknown_key'
  | 'wrong_password'
  | 'wrong_code'
  | 'no_code'
  | 'busy'
  | 'throttled'
  | 'identity_mismatch'
  | 'foreign_name'
  | 'foreign_page'
  | 'bad_user_token'
  | 'expired_key'
  | 'revoked_key'
  | 'bad_token'
  | 'unavailable'

/** Only a wrong guess counts towards a ban; a missing or unreadable credential is not one. */
export const isGuess = (failure: IdentityFailure): boolean => guesses.has(failure)

const guesses: ReadonlySet<IdentityFailure> = new Set([
  'unknown_user',
  'unknown_key',
  'wrong_password',
  'wrong_code',
])

/** A credential that was found wrong, in the only forms in which it may be remembered. */
export interface Guess {
  /** Keyed digest under this process's pepper: the same credential has the same one, whatever carried it. */
  readonly print: string
  /** False: the same one came from this address before. Undefined: nothing has counted it yet. */
  readonly fresh?: boolean
  /** Names it among gateways that count together; asked only where they do. */
  readonly mark: () => Promise<string>
}
