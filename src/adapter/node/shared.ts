import { z } from 'zod'
import type { RedisConfig } from '../../config/config.ts'
import type { Log, Shared } from '../../platform.ts'
import type { Ban } from '../../ratelimit/ban.ts'

export interface OpenShared {
  readonly counters: Shared
  close(): void
}

/** ms for one question: it stands in the way of a request. */
const PATIENCE = 100
/** After a question that was not answered none is asked for so long, ms. */
const REST = 1000
const LONGEST_PAUSE = 2000

/**
 * Counts in a Redis or Valkey. It need not be there: nobody waits for it at the start, and it is found again by itself.
 * Loaded only where it is configured.
 */
export const openShared = async (config: RedisConfig, log: Log): Promise<OpenShared> => {
  const [{ createClient }, { RateLimiterRedis }] = await Promise.all([
    import('@redis/client'),
    import('rate-limiter-flexible'),
  ])
  const { url, user, password, prefix } = config
  const client = createClient({
    url,
    ...(user !== undefined && { username: user }),
    ...(password !== undefined && { password }),
    // What cannot be asked now is decided here, now.
    disableOfflineQueue: true,
    socket: {
      connectTimeout: REST,
      reconnectStrategy: (tries) => Math.min(50 * 2 ** tries, LONGEST_PAUSE),
    },
  })
  const news = client.duplicate({ disableOfflineQueue: false })
  const ask = createAsk(log)
  const channel = `${prefix}bans`
  const limiters = new Map<string, InstanceType<typeof RateLimiterRedis>>()

  /** Whole seconds, as Redis has them; one for each rule, so that a changed rule begins anew. */
  const limiterFor = (kind: string, points: number, window: number) => {
    const duration = Math.max(1, Math.ceil(window / 1000))
    const keyPrefix = `${prefix}${kind}:${points}/${duration}`
    const known = limiters.get(keyPrefix)
    if (known) return known
    const options = { storeClient: client, useRedisPackage: true, keyPrefix, points, duration }
    const made = new RateLimiterRedis(options)
    limiters.set(keyPrefix, made)
    return made
  }
  const guessesOf = (address: string, window: number) =>
    `${prefix}guesses:${Math.max(1, Math.ceil(window / 1000))}:${address}`

  for (const each of [client, news]) {
    each.on('error', ask.failed)
    each.connect().catch(ask.failed)
  }

  const counters: Shared = {
    take: (bucket, { events, window }) =>
      ask(async () => {
        const { consumedPoints, msBeforeNext } = await limiterFor('limit', events, window).penalty(
          bucket,
        )
        return consumedPoints > events ? msBeforeNext : 0
      }),
    fail: (address, window, mark) =>
      ask(async () => {
        const keys = [guessesOf(address, window)]
        const count = await client.eval(addGuess, { keys, arguments: [mark, String(window)] })
        return Number(count)
      }),
    forget: (address, window) =>
      ask(async () => void (await client.del(guessesOf(address, window)))),
    announce: (ban) => ask(async () => void (await client.publish(channel, JSON.stringify(ban)))),
    onBan: (listener) => {
      const hear = (text: string): void => {
        const ban = readBan(text)
        if (ban) listener(ban)
        else log('warn', 'redis.unreadable', { channel })
      }
      // Waits until there is a connection, and is done again after each break.
      news.subscribe(channel, hear).catch(ask.failed)
    },
  }
  return {
    counters,
    close: () => {
      client.destroy()
      news.destroy()
    },
  }
}

/** In one step, so that no set is left without an end; one of many marks is bounded, for it was going to be a ban. */
const addGuess = `
  redis.call('SADD', KEYS[1], ARGV[1])
  local count = redis.call('SCARD', KEYS[1])
  if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
  return count`

/** Undefined for what is no automatic ban: whoever else uses the Redis must be able to neither end nor widen anything. */
const readBan = (text: string): Ban | undefined => {
  try {
    const { success, data } = ban.safeParse(JSON.parse(text))
    return success ? data : undefined
  } catch {
    return undefined
  }
}

const ban = z.object({
  address: z.string().max(64),
  cause: z.literal('auth_failures'),
  level: z.int().min(1),
  startedAt: z.int(),
  until: z.int(),
  note: z.string().max(256),
})

/** Asks with little patience, and not at all while the last question went unanswered a moment ago. */
const createAsk = (log: Log) => {
  let restUntil = 0
  let away = false
  const failed = (error: unknown): void => {
    restUntil = performance.now() + REST
    if (away) return
    away = true
    log('warn', 'redis.away', { reason: String(error), hint: 'limits are counted here alone' })
  }
  const ask = async <T>(question: () => Promise<T>): Promise<T> => {
    if (performance.now() < restUntil) throw new Error('the Redis did not answer a moment ago')
    try {
      const answer = await within(PATIENCE, question())
      if (away) log('info', 'redis.back', {})
      away = false
      return answer
    } catch (error) {
      failed(error)
      throw error
    }
  }
  return Object.assign(ask, { failed })
}

const within = <T>(ms: number, work: Promise<T>): Promise<T> => {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  return Promise.race([work, promise]).finally(() => clearTimeout(timer))
}
