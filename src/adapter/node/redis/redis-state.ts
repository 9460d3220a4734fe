import type { Log } from '../../../platform/platform.ts'

/** What a gateway has connections to the Redis for. Each has one of its own. */
export type RedisUse = 'limits' | 'bans'

/** Knows whether the Redis is of use at present, and tells the log when that changes. */
export interface RedisState {
  failed(use: RedisUse, error: unknown): void
  works(use: RedisUse): void
  /** Why it is of no use; undefined: it is. */
  trouble(): string | undefined
}

/** The same reason again is worth a line after this long, ms: some faults take turns with every attempt. */
const REPEATED = 60_000

const hint: Readonly<Record<RedisUse, string>> = {
  limits: 'limits are counted here alone',
  bans: 'bans of other gateways are known here only once the database has them',
}

export const createRedisState = (log: Log, now: () => number): RedisState => {
  const reasons = new Map<RedisUse, string>()
  const loggedAt = new Map<string, number>()
  let logged: string | undefined

  // Mostly both are away for one cause, and limits are what callers notice.
  const trouble = (): string | undefined => reasons.get('limits') ?? reasons.get('bans')

  const tell = (): void => {
    const reason = trouble()
    if (reason === logged) return
    logged = reason
    if (reason === undefined) {
      log('info', 'redis.back', {})
      return
    }
    if (now() - (loggedAt.get(reason) ?? Number.NEGATIVE_INFINITY) < REPEATED) return
    loggedAt.set(reason, now())
    log('warn', 'redis.away', { reason, hint: hint[reasons.has('limits') ? 'limits' : 'bans'] })
  }

  return {
    failed: (use, error) => {
      reasons.set(use, redisReason(error))
      tell()
    },
    works: (use) => {
      if (reasons.delete(use)) tell()
    },
    trouble,
  }
}

/** In one line, of an error of the client, of the system, or of the Redis itself (`WRONGPASS …`). */
export const redisReason = (error: unknown): string => {
  if (error instanceof AggregateError && error.errors.length > 0)
    return redisReason(error.errors[0])
  if (error instanceof Error)
    return error.message || ('code' in error ? String(error.code) : error.name)
  return String(error)
}
