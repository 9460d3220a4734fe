import { type PasswordVerifier, VerifierBusy } from '../../src/platform/platform.ts'

export interface FakeVerifier extends PasswordVerifier {
  /** Hashes asked for, in order. */
  readonly asked: string[]
  /** Checks that wait because of `hold`. */
  readonly held: number
  /** From now on checks wait for `release`. */
  hold(): void
  release(): void
  /** From now on the queue is full. */
  fill(): void
}

/** Counts checks instead of hashing: a password is right when the hash ends with it. */
export const fakeVerifier = (): FakeVerifier => {
  const asked: string[] = []
  const held = new Set<() => void>()
  let holding = false
  let full = false
  return {
    asked,
    get held() {
      return held.size
    },
    hold: () => {
      holding = true
    },
    release: () => {
      holding = false
      for (const go of held) go()
      held.clear()
    },
    fill: () => {
      full = true
    },
    verify: async (password, hash, signal) => {
      if (full) throw new VerifierBusy()
      asked.push(hash)
      if (holding) await heldBack(held, signal)
      return hash.endsWith(`:${password}`)
    },
  }
}

const heldBack = (held: Set<() => void>, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    held.add(resolve)
    signal?.addEventListener('abort', () => {
      held.delete(resolve)
      reject(signal.reason)
    })
  })

/** A hash that the fake verifier matches with this password. */
export const fakeHash = (password: string, cost = 10): string => `$2b$${cost}$:${password}`
