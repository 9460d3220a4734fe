import type { UserConfig } from '../../../config/config.ts'
import type { Clock, Platform } from '../../../platform/platform.ts'
import type { Auth, Client } from '../../http/env.ts'
import type { Mark } from '../guess.ts'
import { stepOf } from '../totp.ts'
import type { AttemptGate } from './password.ts'

/** What was done with codes so far. Outlives configurations. */
export interface CodeHistory {
  /** By user: the last step of which a code was taken, and when wrong ones came, `clock.elapsed()`. */
  readonly users: Map<string, { step: number; readonly wrong: number[] }>
}

export const createCodeHistory = (): CodeHistory => ({ users: new Map() })

export interface CodeScheme {
  /** Must this user show a code of their authenticator wherever people are meant? */
  needed(user: string): boolean
  /** Undefined: nothing stands in the way of whoever showed the password. Never throws. */
  check(user: string, code: string, client: Client): Promise<Auth | undefined>
}

export interface CodeSchemeOptions {
  readonly users: ReadonlyMap<string, UserConfig>
  readonly attempts: AttemptGate
  readonly history: CodeHistory
  readonly clock: Clock
  readonly newId: Platform['newId']
  readonly fingerprint: Platform['fingerprint']
  readonly mark: Mark
}

/**
 * Wrong codes for one user within `window` ms, from wherever they come. Names are not counted elsewhere, as strangers could
 * shut somebody out; here only who has the password can, and would guess from a thousand addresses.
 */
const most = 10
const window = 15 * 60_000

/** A second proof beside the password: a code that counts for half a minute, and once (RFC 6238). */
export const createCodeScheme = (options: CodeSchemeOptions): CodeScheme => {
  const { users, attempts, history, clock } = options

  const historyOf = (user: string) => {
    const known = history.users.get(user) ?? { step: -1, wrong: [] }
    history.users.set(user, known)
    const since = clock.elapsed() - window
    while (known.wrong.length > 0 && known.wrong[0]! <= since) known.wrong.shift()
    return known
  }

  const verify = async (user: string, secret: string, code: string): Promise<boolean> => {
    const known = historyOf(user)
    // Wrong until it is found right, or a thousand that come at once would all be looked at.
    const { wrong } = known
    wrong.push(clock.elapsed())
    const step = await stepOf(secret, code, clock.now(), known.step)
    // Of two that came at once with one code, the second finds it used up.
    if (step === undefined || step <= known.step) return false
    known.step = step
    wrong.pop()
    return true
  }

  return {
    needed: (user) => users.get(user)?.totp !== undefined,
    check: async (user, typed, client) => {
      const secret = users.get(user)?.totp
      if (secret === undefined) return undefined
      const code = typed.replace(/\s/g, '')
      if (code === '') return { failure: 'no_code', user }
      if (historyOf(user).wrong.length >= most) {
        return { failure: 'throttled', user, retryAfter: window }
      }
      // Each attempt is a guess of its own: the same code stands for another secret half a minute later.
      const text = `code\0${user}\0${options.newId()}`
      const print = await options.fingerprint(text)
      const admission = attempts.admit(client, print, true)
      if (!admission.admitted) {
        return { failure: 'throttled', user, retryAfter: admission.retryAfter }
      }
      const right = await verify(user, secret, code).catch(() => false)
      const fresh = admission.settle(right ? 'right' : 'wrong')
      if (right) return undefined
      // One that does not count was checked for a banned address, which is not to learn what was wrong.
      if (!fresh) return { failure: 'throttled', user, retryAfter: attempts.banned(client) ?? 1000 }
      return {
        failure: 'wrong_code',
        user,
        guess: { print, fresh, mark: () => options.mark(text) },
      }
    },
  }
}
