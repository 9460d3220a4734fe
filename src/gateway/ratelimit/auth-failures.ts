import type { Context, MiddlewareHandler } from 'hono'
import type { AuthFailuresConfig } from '../../config/config.ts'
import { Failure } from '../../platform/failure.ts'
import type { Platform } from '../../platform/platform.ts'
import { type Guess, type IdentityFailure, isGuess } from '../../platform/records/auth-failure.ts'
import type { Auth, Client, Env } from '../http/env.ts'
import type { Bans } from './bans.ts'
import type { Failures, Reservation } from './failures.ts'
import { createSampler } from './sampler.ts'

export interface AuthFailuresOptions {
  readonly failures: Failures
  readonly bans: Bans
  readonly config: AuthFailuresConfig
  readonly platform: Pick<Platform, 'clock' | 'newId' | 'store' | 'log' | 'waitUntil' | 'shared'>
}

/**
 * The gate that the password scheme asks before each hash. A banned address gets a few checks that count for nothing, so
 * that a right password is let through, at the pace at which an address that is never banned could guess.
 */
export const attemptGate = (
  failures: Failures,
  bans: Pick<Bans, 'find'>,
  config: AuthFailuresConfig,
) => ({
  knows: (client: Client, print: string): boolean => failures.knows(client, config, print),
  banned: (client: Client): number | undefined => bans.find(client)?.left,
  admit: (client: Client, print: string, counts: boolean): Reservation => {
    const ban = bans.find(client)
    if (ban === undefined && counts) return failures.admit(client, config, print)
    const spare = failures.admitSpare(client, config, print)
    return ban === undefined || spare.admitted ? spare : { admitted: false, retryAfter: ban.left }
  },
})

/**
 * Stands around authentication and looks at what became of it: every refusal for want of a caller is reported by
 * its cause, wrong guesses are counted, and too many of them ban the address. Never looks at the status of the
 * answer, so an upstream's 401 counts for nothing.
 */
export const authFailures = (options: AuthFailuresOptions): MiddlewareHandler<Env> => {
  const { failures, bans, config, platform } = options
  const { shared } = platform
  const report = reporter(options.platform)
  const mayLogBlocked = createSampler(platform.clock, 5)
  let warned = false

  const ban = async (client: Client): Promise<void> => {
    if (!client.unbannable) {
      // Guesses that were under way when the ban came are part of what it is for.
      if (bans.find(client) !== undefined) return
      failures.forget(client)
      await bans.impose(client, config)
      return shared?.forget(client.key, config.window).catch(() => {})
    }
    if (warned) return
    warned = true
    options.platform.log('warn', 'auth.unbannable', { ip: client.ip, hint: unbannableHint })
  }

  /** Have all gateways together seen as many? Not waited for: the guess was answered by what this one knows. */
  const tellOthers = (client: Client, guess: Guess): void => {
    if (shared === undefined || client.unbannable) return
    const counted = guess.mark().then(async (mark) => {
      const seen = await shared.fail(client.key, config.window, mark)
      if (seen >= config.max) await ban(client)
    })
    platform.waitUntil(counted.catch(() => {}))
  }

  return async function authFailures(c, next) {
    await next()
    const auth: Auth | undefined = c.get('auth')
    if (auth === undefined || auth.caller !== undefined) return
    const refused = c.error instanceof Failure && c.error.reason === auth.failure
    if (!refused && auth.guess?.fresh === undefined) return
    const client = c.get('client')
    const held = auth.failure === 'throttled' ? bans.find(client) : undefined
    if (held !== undefined) {
      // As `refuseBanned` does: a banned address must not fill the record.
      const omitted = mayLogBlocked()
      if (omitted === undefined) return
      return platform.log('info', 'auth.blocked', { ip: client.ip, cause: held.cause, omitted })
    }
    const { guess } = auth
    const fresh = guess && (guess.fresh ?? failures.count(client, config, guess.print))
    report(c, auth, fresh)
    if (guess && fresh) tellOthers(client, guess)
    // Also after what is not a guess: the limit may be due to guesses whose outcome was not waited for.
    if (failures.reached(client, config)) await ban(client)
  }
}

const unbannableHint =
  'Too many wrong guesses from an address that is not banned, because every client behind a proxy shows it. ' +
  "If a proxy stands in front, add it to the listener's trusted_proxies and let it send X-Forwarded-For."

/** Only what counts here goes by the name of a guess: the firewall and the doctor count lines and rows by it. */
const reasonOf = (failure: IdentityFailure, fresh: boolean | undefined): string => {
  if (fresh || !isGuess(failure)) return failure
  return fresh === undefined ? 'uncounted' : 'repeated'
}

/** Longest user name and path that go to log and store. */
const maxUser = 64
const maxRoute = 128

const reporter = (platform: AuthFailuresOptions['platform']) => {
  const mayReport = createSampler(platform.clock, 50)
  return (
    c: Context<Env>,
    auth: Exclude<Auth, { readonly caller: object }>,
    fresh: boolean | undefined,
  ): void => {
    const omitted = mayReport()
    if (omitted === undefined) return
    const ip = c.get('client').ip
    const user = auth.user.slice(0, maxUser).toWellFormed()
    const reason = reasonOf(auth.failure, fresh)
    const route = c.req.path.slice(0, maxRoute)
    const rid = c.get('requestId')
    platform.log('info', 'auth.fail', { ip, user, route, reason, rid, omitted })
    const row = { id: platform.newId(), at: platform.clock.now(), clientIp: ip, user, reason }
    platform.waitUntil(platform.store.recordAuthFailure({ ...row, route, requestId: rid }))
  }
}
