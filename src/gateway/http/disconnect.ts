import type { Context } from 'hono'
import type { Env } from './env.ts'

/** Whether the client is still there. */
export interface ClientDisconnect {
  readonly aborted: boolean
  /** Calls `leave` once when the client goes away before its answer is complete. Returns how to watch no longer. */
  onAbort(leave: () => void): () => void
}

/** Of a request; from the host where that can tell, as a signal costs as much as reading the request's body. */
export const disconnectOf = (c: Context<Env>): ClientDisconnect =>
  c.env.disconnect ?? bySignal(c.req.raw.signal)

const bySignal = (signal: AbortSignal): ClientDisconnect => ({
  get aborted() {
    return signal.aborted
  },
  onAbort: (leave) => {
    signal.addEventListener('abort', leave, { once: true })
    return () => signal.removeEventListener('abort', leave)
  },
})
