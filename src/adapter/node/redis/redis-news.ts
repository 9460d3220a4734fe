import { z } from 'zod'
import type { Log } from '../../../platform/platform.ts'
import type { Ban } from '../../../platform/records/ban.ts'
import type { RedisState } from './redis-state.ts'

/** What is used of a client of its own: one that listens can do nothing else. */
export interface NewsClient {
  on(event: 'ready' | 'error', listener: (error: unknown) => void): unknown
  removeAllListeners(event: 'ready' | 'error'): unknown
  connect(): Promise<unknown>
  subscribe(channel: string, listener: (text: string) => void): Promise<unknown>
  destroy(): void
}

export interface News {
  onBan(listener: (ban: Ban) => void): void
  close(): void
}

/** Listens to what other gateways say of bans, from the first connection on. */
export const createNews = (
  client: NewsClient,
  channel: string,
  { state, log }: { readonly state: RedisState; readonly log: Log },
): News => {
  const listeners: ((ban: Ban) => void)[] = []
  const hear = (text: string): void => {
    const ban = readBan(text)
    if (ban === undefined) log('warn', 'redis.unreadable', { channel })
    else for (const listener of listeners) listener(ban)
  }
  const failed = (error: unknown): void => state.failed('bans', error)
  // Anew with each connection: the client itself does not repeat what was refused.
  client.on('ready', () => {
    client.subscribe(channel, hear).then(() => state.works('bans'), failed)
  })
  client.on('error', failed)
  client.connect().catch(failed)
  return {
    onBan: (listener) => void listeners.push(listener),
    close: () => {
      client.removeAllListeners('error')
      client.on('error', () => {})
      client.destroy()
    },
  }
}

/** Undefined for what is not an automatic ban: other users of the Redis must be able to neither end nor widen anything. */
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
