import type { Context, MiddlewareHandler } from 'hono'
// The posix build: the main one asks the process which platform it is on.
import picomatch from 'picomatch/posix.js'
import type { RateLimitConfig } from '../../config/config.ts'
import { Failure, retryAfter } from '../../platform/failure.ts'
import type { Platform, Shared } from '../../platform/platform.ts'
import { check } from '../http/check.ts'
import type { Env } from '../http/env.ts'
import type { Limiter } from './limits.ts'
import { createSampler } from './sampler.ts'

export interface RateLimitOptions {
  readonly limiter: Limiter
  readonly rules: readonly RateLimitConfig[]
  /** `client` rules and `listener` rules stand before authentication, `caller` rules need one and stand after. */
  readonly stage: 'before-authentication' | 'after-authentication'
  readonly platform: Pick<Platform, 'clock' | 'log' | 'shared'>
}

/** Refuses with 429 what exceeds the first matching rule of each zone. */
export const rateLimit = (options: RateLimitOptions): MiddlewareHandler<Env> => {
  const { limiter, platform, stage } = options
  const zones = compile(options.rules)
  const mayLog = createSampler(platform.clock, 5)

  const refuse = (c: Context<Env>, rule: Rule, wait: number): Failure => {
    const omitted = mayLog()
    if (omitted !== undefined) {
      const { ip } = c.get('client')
      platform.log('info', 'limit.hit', { ip, zone: rule.zone, per: rule.per, omitted })
    }
    const after = retryAfter(wait + spread(c.get('requestId'), wait))
    return new Failure('rate_limited', `Too many requests. Try again in ${after} s.`, {
      headers: { 'retry-after': after },
      reason: `rate_limited ${rule.zone}`,
    })
  }

  /** The bucket of a zone that this request is counted in, finest name first; undefined: in none. */
  const bucketIn = (rules: readonly Rule[], c: Context<Env>) => {
    const rule = rules.find(({ matches }) => matches(c.req.path))
    const subjects = rule && stageOf(rule) === stage ? subjectsOf(rule, c) : undefined
    return rule && subjects && { rule, subjects }
  }
  const alone = (c: Context<Env>): void => {
    for (const rules of zones) {
      const bucket = bucketIn(rules, c)
      const wait = bucket ? limiter.take(bucket.subjects, bucket.rule) : 0
      if (bucket && wait > 0) throw refuse(c, bucket.rule, wait)
    }
  }
  const withOthers = async (c: Context<Env>, shared: Shared): Promise<void> => {
    for (const rules of zones) {
      const bucket = bucketIn(rules, c)
      if (bucket === undefined) continue
      const { rule, subjects } = bucket
      const wait = limiter.take(subjects, rule) || (await together(shared, subjects, rule))
      if (wait > 0) throw refuse(c, rule, wait)
    }
  }
  const { shared } = platform
  return check(shared ? (c) => withOthers(c, shared) : alone)
}

/** What all gateways let through, where they count together; what is too much for one is so for all. */
const together = (shared: Shared, [finest = '']: readonly string[], rule: Rule): Promise<number> =>
  // Nobody is refused because the others cannot be asked: the limit of this gateway holds.
  shared.take(finest, rule).catch(() => 0)

interface Rule extends RateLimitConfig {
  readonly matches: (path: string) => boolean
}

/** Rules by zone, in the order of the file. */
const compile = (rules: readonly RateLimitConfig[]): readonly (readonly Rule[])[] => {
  const compiled = rules.map((rule) => ({ ...rule, matches: picomatch(rule.match, { dot: true }) }))
  return [...Map.groupBy(compiled, (rule) => rule.zone).values()]
}

const stageOf = (rule: Rule): RateLimitOptions['stage'] =>
  rule.per === 'caller' ? 'after-authentication' : 'before-authentication'

/** Names of the bucket, finest first. Undefined: the rule is about callers, and this route has let in none. */
const subjectsOf = (rule: Rule, c: Context<Env>): readonly string[] | undefined => {
  const bucket = `${rule.zone} ${rule.match}`
  switch (rule.per) {
    case 'client': {
      const { key } = c.get('client')
      return [`${bucket} ${key}`, `${bucket} ${neighbourhood(key)}`, bucket]
    }
    case 'caller': {
      const login = c.get('auth').caller?.login
      return login === undefined ? undefined : [`${bucket} ${login}`, bucket]
    }
    case 'listener':
      return [`${bucket} ${c.env.listener.name}`]
  }
}

/** The first two groups of an address: an IPv4 /16 or an IPv6 /32, about what one network operator owns. */
const neighbourhood = (key: string): string => key.split(/[.:]/, 2).join('.')

/**
 * Up to half the wait, and at least two seconds, on top: clients that were refused together should not come back
 * together. Taken from the request's id, which is random, as the core has no randomness of its own.
 */
const spread = (requestId: string, wait: number): number =>
  (hash32(requestId) / 2 ** 32) * Math.max(2000, wait / 2)

/** FNV-1a. */
const hash32 = (text: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  return hash >>> 0
}
