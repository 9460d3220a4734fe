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
  | 'bad_user_token'
  | 'expired_key'
  | 'revoked_key'
  | 'bad_token'
  | 'unavailable'

/** Only a wrong guess counts towards a ban; a missing or unreadable credential is no guess (hazards 156). */
export const isGuess = (failure: IdentityFailure): boolean => guesses.has(failure)

const guesses: ReadonlySet<IdentityFailure> = new Set([
  'unknown_user',
  'unknown_key',
  'wrong_password',
  'wrong_code',
])
