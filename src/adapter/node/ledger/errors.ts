import { DrizzleQueryError } from 'drizzle-orm/errors'

/** The database cannot be used as it is, and waiting will not help. The message says what to do. */
export class UnusableDatabase extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'UnusableDatabase'
  }
}

/** The code SQLite, the client or the operating system gave, wherever drizzle wrapped it; empty when there is none. */
export const errorCode = (error: unknown): string => {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return at.code
  }
  return ''
}

/** For the log. Drizzle's own message repeats the statement and every value: it is passed over for its cause. */
export const errorMessage = (error: unknown): string => {
  const at = unwrapped(error)
  if (!(at instanceof Error)) return String(at)
  return at.cause instanceof Error && at.message === 'fetch failed'
    ? `${at.message}: ${at.cause.message}`
    : at.message
}

/** What the client threw, out of the error drizzle made of it. */
export const unwrapped = (error: unknown): unknown =>
  error instanceof DrizzleQueryError ? unwrapped(error.cause) : error
