import type { Context } from 'hono'
import type { Env } from './env.ts'

/** Whether the client is still there. */
export interface Leaving {
  readonly gone: boolean
  /** Calls `leave` once when the client goes away before its answer is complete. Returns how to watch no longer. */
  watch(leave: () => void): () => void
}

/** Of a request; from the host where that can tell, as a signal costs as much as reading the request's body. */
export const leavingOf = (c: Context<Env>): Leaving => c.env.leaving ?? bySignal(c.req.raw.signal)

const bySignal = (signal: AbortSignal): Leaving => ({
  get gone() {
    return signal.aborted
  },
  watch: (leave) => {
    signal.addEventListener('abort', leave, { once: true })
    return () => signal.removeEventListener('abort', leave)
  },
})
