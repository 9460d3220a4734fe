/** Took longer than it may. */
export class TooLate extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms / 1000} s`)
    this.name = 'TooLate'
  }
}

/** ms for a question to a part of the set-up. */
export const patience = 2500

/** @throws TooLate when `work` is not done in time; it goes on, and nobody listens */
export const inTime = async <T>(work: Promise<T>, ms: number = patience): Promise<T> => {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new TooLate(ms)), ms)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
