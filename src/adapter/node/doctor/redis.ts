import type { RedisConfig } from '../../../config/config.ts'
import { redisReason } from '../redis/redis-state.ts'

const patience = 2500

/** Why a Redis cannot be used, asked with a connection of its own; undefined: it can. Says no password. */
export const whyRedisFails = async (config: RedisConfig): Promise<string | undefined> => {
  const { createClient } = await import('@redis/client')
  const { url, user, password, prefix } = config
  const client = createClient({
    url,
    ...(user !== undefined && { username: user }),
    ...(password !== undefined && { password }),
    socket: { connectTimeout: patience, reconnectStrategy: false },
  })
  client.on('error', () => {})
  const late = new Promise<never>((_, reject) =>
    setTimeout(() => reject(new Error(`no answer within ${patience} ms`)), patience).unref(),
  )
  const use = async (): Promise<void> => {
    await client.connect()
    // What the gateway does: a replica, or a user with too few rights, answers a ping all the same.
    await client.set(`${prefix}doctor`, '1', { expiration: { type: 'PX', value: 1000 } })
  }
  try {
    await Promise.race([use(), late])
    return undefined
  } catch (error) {
    return redisReason(error)
  } finally {
    if (client.isOpen) client.destroy()
  }
}
