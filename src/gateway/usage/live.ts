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
