import type { Context, MiddlewareHandler } from 'hono'
import type { AuthFailuresConfig } from '../config/config.ts'
import type { Auth, Client, Env } from '../http/env.ts'
import { Failure } from '../http/errors.ts'
import { isGuess } from '../identity/failure.ts'
import type { Platform } from '../platform.ts'
import type { Bans } from './bans.ts'
import type { Failures, Reservation } from './failures.ts'
import { createSampler } from './sampler.ts'

export interface AuthFailuresOptions {
  readonly failures: Failures
  readonly bans: Bans
  readonly config: AuthFailuresConfig
  readonly platform: Pick<Platform, 'clock' | 'newId' | 'store' | 'log' | 'waitUntil' | 'shared'>
}

/** The gate that the password scheme asks before each hash. */
export const attemptGate = (failures: Failures, config: AuthFailuresConfig) => ({
  admit: (client: Client): Reservation => failures.admit(client, config),
})

/**
 * Stands around authentication and looks at what became of it: every refusal for want of a caller is reported by
 * its cause, wrong guesses are counted, and too many of them shut the address out. Never looks at the status of the
 * answer, so an upstream's 401 counts for nothing.
 */
export const authFailures = (options: AuthFailuresOptions): MiddlewareHandler<Env> => {
  const { failures, bans, config, platform } = options
  const { shared } = platform
  const report = reporter(options.platform)
  let warned = false

  const shutOut = async (client: Client): Promise<void> => {
    if (!client.unbannable) {
      // Guesses that were under way when the ban came are part of what it is for.
      const banned = () => bans.find(client) !== undefined
      if (banned()) return
      failures.forget(client, banned)
      await bans.impose(client, config)
      return shared?.forget(client.key, config.window).catch(() => {})
    }
    if (warned) return
    warned = true
    options.platform.log('warn', 'auth.unbannable', { ip: client.ip, hint: unbannableHint })
  }

  /** Have all gateways together seen as many? Not waited for: the guess was answered by what this one knows. */
  const tellOthers = (client: Client): void => {
    if (shared === undefined || client.unbannable) return
    const told = shared.fail(client.key, config.window).then((seen) => {
      return seen >= config.max ? shutOut(client) : undefined
    })
    platform.waitUntil(told.catch(() => {}))
  }

  return async function authFailures(c, next) {
    await next()
    const auth: Auth | undefined = c.get('auth')
    if (auth === undefined || auth.caller !== undefined) return
    const refused = c.error instanceof Failure && c.error.reason === auth.failure
    if (!refused && auth.counted !== true) return
    report(c, auth)
    const client = c.get('client')
    if (isGuess(auth.failure)) {
      if (auth.counted !== true) failures.count(client, config)
      tellOthers(client)
    }
    // Also after what is no guess: the limit may be due to guesses whose outcome was not waited for.
    if (failures.reached(client, config)) await shutOut(client)
  }
}

const unbannableHint =
  'Too many wrong guesses from an address that is not banned, because every client behind a proxy shows it. ' +
  "If a proxy stands in front, add it to the listener's trusted_proxies and let it send X-Forwarded-For."

/** Longest user name and path that go to log and store. */
const maxUser = 64
const maxRoute = 128

const reporter = (platform: AuthFailuresOptions['platform']) => {
  const mayReport = createSampler(platform.clock, 50)
  return (c: Context<Env>, auth: Exclude<Auth, { readonly caller: object }>): void => {
    const omitted = mayReport()
    if (omitted === undefined) return
    const ip = c.get('client').ip
    const user = auth.user.slice(0, maxUser).toWellFormed()
    const reason = auth.failure
    const route = c.req.path.slice(0, maxRoute)
    const rid = c.get('requestId')
    platform.log('info', 'auth.fail', { ip, user, route, reason, rid, omitted })
    const row = { id: platform.newId(), at: platform.clock.now(), clientIp: ip, user, reason }
    platform.waitUntil(platform.store.recordAuthFailure({ ...row, route, requestId: rid }))
  }
}
