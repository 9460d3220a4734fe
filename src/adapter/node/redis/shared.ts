import type { RedisConfig } from '../../../config/config.ts'
import type { Log, Shared } from '../../../platform/platform.ts'
import { createNews } from './redis-news.ts'
import { createRedisState, type RedisState } from './redis-state.ts'

export interface OpenShared {
  readonly counters: Shared
  close(): void
}

/** ms for one question: it stands in the way of a request. */
const PATIENCE = 100
/** After a question that was not answered none is asked for so long, ms. */
const REST = 1000
const LONGEST_PAUSE = 2000
/** ms between two looks whether it is still there, for times without requests; and how long each may take. */
const LOOK_EVERY = 5000
const LOOK_PATIENCE = 1000

/**
 * Counts in a Redis or Valkey. It need not be there: nothing waits for it at the start, and it is found again by itself.
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
  const listening = client.duplicate({ disableOfflineQueue: false })
  const state = createRedisState(log, () => performance.now())
  const questions = createQuestions({
    state,
    connected: () => client.isReady,
    moved: () => {
      for (const each of [client, listening]) connectAnew(each)
    },
  })
  const { ask } = questions
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

  /** Asks what a request would: a replica answers a ping, and takes no counts. */
  const look = (): void =>
    void questions.look(() => limiterFor('look', Number.MAX_SAFE_INTEGER, 1000).penalty('look'))
  const looking = setInterval(look, LOOK_EVERY)
  looking.unref()
  const failed = (error: unknown): void => state.failed('limits', error)
  client.on('ready', look)
  client.on('error', failed)
  client.connect().catch(failed)
  const channel = `${prefix}bans`
  const news = createNews(listening, channel, { state, log })

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
    onBan: news.onBan,
    trouble: state.trouble,
  }
  return {
    counters,
    close: () => {
      clearInterval(looking)
      client.off('error', failed).on('error', () => {})
      client.destroy()
      news.close()
    },
  }
}

/** In one step, so that no set is left without an end; one of many marks is bounded, for it was going to be a ban. */
const addGuess = `
  redis.call('SADD', KEYS[1], ARGV[1])
  local count = redis.call('SCARD', KEYS[1])
  if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
  return count`

interface Questions {
  readonly state: RedisState
  readonly connected: () => boolean
  /** What it was connected to is a replica now; the name leads elsewhere, or will. */
  readonly moved: () => void
}

/** Ways to ask: for a request, and for times without one. */
const createQuestions = ({ state, connected, moved }: Questions) => {
  let restUntil = 0
  const put = async <T>(question: () => Promise<T>, patience: number): Promise<T> => {
    try {
      const answer = await within(patience, question())
      restUntil = 0
      state.works('limits')
      return answer
    } catch (error) {
      restUntil = performance.now() + REST
      // A question that was open when another one had us connect anew.
      if (connected()) state.failed('limits', error)
      throw error
    }
  }
  return {
    /** With little patience, and not at all while the last question went unanswered a moment ago. */
    ask: async <T>(question: () => Promise<T>): Promise<T> => {
      // Why there is none, the attempts to connect tell.
      if (!connected()) throw new Error('there is no connection to the Redis')
      if (performance.now() < restUntil) throw new Error('the Redis did not answer a moment ago')
      return put(question, PATIENCE)
    },
    look: async (question: () => Promise<unknown>): Promise<void> => {
      if (!connected()) return
      await put(question, LOOK_PATIENCE).catch((error: unknown) => {
        if (String(error).includes('READONLY')) moved()
      })
    },
  }
}

/** The client does so by itself for a connection that broke, and not for one that leads to the wrong place. */
const connectAnew = (client: {
  readonly isOpen: boolean
  destroy(): void
  connect(): Promise<unknown>
}): void => {
  if (client.isOpen) client.destroy()
  // Its own events tell of what goes wrong.
  client.connect().catch(() => {})
}

const within = <T>(ms: number, work: Promise<T>): Promise<T> => {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  return Promise.race([work, promise]).finally(() => clearTimeout(timer))
}
