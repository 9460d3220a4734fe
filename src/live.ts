import type { Store } from './platform.ts'

/** Who looks at the ledger hears when it has something new. */
export interface Live {
  tell(login: string): void
  /** Returns how to stop listening. */
  listen(heard: (login: string) => void): () => void
}

export const createLive = (): Live => {
  const listeners = new Set<(login: string) => void>()
  return {
    tell: (login) => {
      for (const heard of listeners) heard(login)
    },
    listen: (heard) => {
      listeners.add(heard)
      return () => {
        listeners.delete(heard)
      }
    },
  }
}

type Recorder = Pick<Store, 'recordUsage'>

/** The same store, which tells when a row is in it. */
export const telling = (store: Recorder, live: Live): Recorder => ({
  recordUsage: async (row, charges) => {
    await store.recordUsage(row, charges)
    live.tell(row.login)
  },
})
