import { Failure } from '../../platform/failure.ts'

export interface BodyMemoryLimits {
  /** Bytes that the bodies of one caller may take at a time. */
  readonly bodiesPerCaller: number
  /** The same for all callers. */
  readonly bodies: number
}

/** What one request's body takes. */
export interface BodyHold {
  /**
   * Takes so many bytes more.
   * @throws Failure `rate_limited` (the caller's share is used up) or `overloaded` (all of it is)
   */
  grow(bytes: number): void
  /** Gives everything back; harmless when called again. */
  release(): void
}

export interface BodyMemory {
  /** @param caller whose share it counts in */
  open(caller: string, limits: BodyMemoryLimits): BodyHold
  /** Bytes held now. */
  readonly used: number
}

/** Bodies up to this size always find room: a few large ones must not keep a chat message out. */
const SMALL = 64 * 1024

/**
 * Bounds what request bodies take while they are read, judged and sent, so that neither one caller nor many can have the
 * process run out of memory.
 */
export const createBodyMemory = (): BodyMemory => {
  const byCaller = new Map<string, number>()
  let used = 0

  const add = (caller: string, bytes: number): void => {
    used += bytes
    const left = (byCaller.get(caller) ?? 0) + bytes
    if (left > 0) byCaller.set(caller, left)
    else byCaller.delete(caller)
  }

  return {
    get used() {
      return used
    },
    open: (caller, { bodies, bodiesPerCaller }) => {
      let held = 0
      let over = false
      return {
        grow: (bytes) => {
          // Whoever still reads after the request was given up must not take anything that is never given back.
          if (over) throw new Error('the request is over')
          if (held + bytes > SMALL) {
            if ((byCaller.get(caller) ?? 0) + bytes > bodiesPerCaller) throw tooManyOfCaller()
            if (used + bytes > bodies) throw tooMany()
          }
          held += bytes
          add(caller, bytes)
        },
        release: () => {
          over = true
          add(caller, -held)
          held = 0
        },
      }
    },
  }
}

/** Seconds: a body is judged in a fraction of one. */
const AGAIN = { 'retry-after': '1' }

const tooManyOfCaller = (): Failure =>
  new Failure(
    'rate_limited',
    'Too many large request bodies at a time. Wait for those under way, then try again.',
    { headers: AGAIN, reason: 'bodies_of_caller' },
  )

const tooMany = (): Failure =>
  new Failure('overloaded', 'The gateway holds as many request bodies as it may. Try again.', {
    headers: AGAIN,
    reason: 'bodies',
  })

/** For bodies of a few kilobytes, which need no bound. */
export const unheld: BodyHold = { grow: () => {}, release: () => {} }
