import type { Caller } from '../../../platform/caller.ts'
import { Failure } from '../../../platform/failure.ts'
import type { Client } from '../../http/env.ts'

/** How many WebSockets may be open at once. */
export interface TunnelLimits {
  readonly websockets: number
  /** For one address (IPv6: /64), or one caller where it is known who calls. */
  readonly websocketsPerClient: number
}

/** WebSockets that are open or being opened. Outlives configurations. */
export interface Tunnels {
  /**
   * Takes a place; what it returns gives the place back, once.
   * @throws Failure 429 when this client has too many, 503 when there are too many in all
   */
  enter(client: Client, caller: Caller | undefined, limits: TunnelLimits): () => void
}

/** Seconds after which a page tries again. */
const retryAfter = '10'

export const createTunnels = (): Tunnels => {
  const open = new Map<string, number>()
  let all = 0
  return {
    enter: (client, caller, limits) => {
      const subject = subjectOf(client, caller)
      const own = subject === undefined ? 0 : (open.get(subject) ?? 0)
      if (own >= limits.websocketsPerClient) throw tooMany
      if (all >= limits.websockets) throw full
      all += 1
      if (subject !== undefined) open.set(subject, own + 1)
      let left = false
      return () => {
        if (left) return
        left = true
        all -= 1
        if (subject === undefined) return
        const rest = (open.get(subject) ?? 1) - 1
        if (rest > 0) open.set(subject, rest)
        else open.delete(subject)
      }
    },
  }
}

/** Behind an address that stands for everyone, as that of a proxy nobody told us of, only the whole is bounded. */
const subjectOf = ({ key, unbannable }: Client, caller: Caller | undefined): string | undefined => {
  if (caller !== undefined) return `caller ${caller.login}`
  return unbannable ? undefined : `client ${key}`
}

const headers = { 'retry-after': retryAfter }
const tooMany = new Failure('rate_limited', 'Too many WebSockets are open from here.', { headers })
const full = new Failure('overloaded', 'Too many WebSockets are open. Try again shortly.', {
  headers,
})
