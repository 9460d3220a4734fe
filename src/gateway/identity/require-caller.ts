import type { MiddlewareHandler } from 'hono'
import { Failure, retryAfter } from '../../platform/failure.ts'
import { check } from '../http/check.ts'
import type { Auth, Env } from '../http/env.ts'

/** Lets only proven callers on. The one place that turns a private reason into a public refusal. */
export const requireCaller = (): MiddlewareHandler<Env> => {
  return check(function requireCaller(c) {
    const auth = c.get('auth')
    if (auth.caller === undefined) throw refusalOf(auth)
  })
}

type Unproven = Exclude<Auth, { readonly caller: object }>

/** One body for every 401: which part was wrong is for the log only. */
export const refusalOf = ({ failure, retryAfter: wait = 1000 }: Unproven): Failure => {
  switch (failure) {
    case 'missing':
    case 'malformed':
    case 'too_long':
    case 'unknown_user':
    case 'unknown_key':
    case 'wrong_password':
    case 'bad_user_token':
    case 'expired_key':
    case 'revoked_key':
    case 'bad_token':
      return new Failure('invalid_credentials', 'Missing or invalid credentials.', {
        headers: { 'www-authenticate': 'Basic realm="postern", charset="UTF-8"' },
        reason: failure,
      })
    case 'wrong_code':
      // As for a wrong password, so that nobody learns here that theirs was right.
      return new Failure('invalid_credentials', 'Missing or invalid credentials.', {
        reason: failure,
      })
    case 'no_code':
      return new Failure(
        'invalid_credentials',
        'A password alone is not enough here: sign in at /ui with a code, or use an API key.',
        { reason: failure },
      )
    case 'ambiguous':
      return new Failure(
        'ambiguous_credentials',
        'The request carries two different credentials. Send one.',
        { reason: failure },
      )
    case 'foreign_name':
      return new Failure(
        'misdirected_request',
        'Network identity is not accepted for this host name. Add it to allowed_hosts, or send a credential.',
        { reason: failure },
      )
    case 'foreign_page':
      return new Failure(
        'origin_not_allowed',
        'A page of another site caused this request, so its password was not checked. Open the address itself, use an API ' +
          'key, or let the page in by a grant with set_cors.',
        { reason: failure },
      )
    case 'identity_mismatch':
      return new Failure(
        'identity_conflict',
        'The identity that the request claims is not that of the device it comes from.',
        { reason: failure },
      )
    case 'unavailable':
      return new Failure('overloaded', 'Credentials cannot be checked now. Try again shortly.', {
        headers: { 'retry-after': retryAfter(wait) },
        reason: failure,
      })
    case 'busy':
      return new Failure('overloaded', 'Too many password checks are waiting. Try again shortly.', {
        headers: { 'retry-after': retryAfter(wait) },
        reason: failure,
      })
    case 'throttled':
      return new Failure('too_many_failures', 'Too many failed attempts. Try again later.', {
        headers: { 'retry-after': retryAfter(wait) },
        reason: failure,
      })
  }
}
