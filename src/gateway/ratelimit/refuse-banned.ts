import type { Context, MiddlewareHandler } from 'hono'
import { Failure, retryAfter } from '../../platform/failure.ts'
import type { Platform } from '../../platform/platform.ts'
import { check } from '../http/check.ts'
import type { Env } from '../http/env.ts'
import type { ActiveBan, Bans } from './bans.ts'
import { createSampler } from './sampler.ts'

export interface RefuseBannedOptions {
  readonly bans: Bans
  /** Proves who sends it in spite of the ban. Asked only for automatic bans; must be cheap. */
  readonly exempt: (c: Context<Env>) => boolean | Promise<boolean>
  readonly platform: Pick<Platform, 'clock' | 'log'>
}

/**
 * Refuses banned clients, before anything dear is done for them. A ban by ourselves is for guesses, and lets through what
 * proves who sends it; a ban by an admin is for the address. Streams that run already go on.
 */
export const refuseBanned = (options: RefuseBannedOptions): MiddlewareHandler<Env> => {
  const { bans, exempt, platform } = options
  const mayLog = createSampler(platform.clock, 5)
  const refuse = (c: Context<Env>, ban: ActiveBan): never => {
    const omitted = mayLog()
    if (omitted !== undefined) {
      platform.log('info', 'auth.blocked', { ip: c.get('client').ip, cause: ban.cause, omitted })
    }
    throw refusal(ban)
  }
  const refuseGuesser = async (c: Context<Env>, ban: ActiveBan): Promise<void> => {
    if (!(await exempt(c))) refuse(c, ban)
  }
  return check(function refuseBanned(c) {
    const ban = bans.find(c.get('client'))
    if (ban === undefined) return undefined
    return ban.cause === 'auth_failures' ? refuseGuesser(c, ban) : refuse(c, ban)
  })
}

const refusal = ({ cause, left }: ActiveBan): Failure => {
  switch (cause) {
    case 'admin':
      return new Failure('banned', 'This address has been banned by an administrator.')
    case 'auth_failures':
      return new Failure('too_many_failures', 'Too many failed attempts. Try again later.', {
        headers: { 'retry-after': retryAfter(left) },
      })
  }
}
