import type { Clock } from '../../src/platform/platform.ts'

export interface FakeClock extends Clock {
  /** Time passes on both clocks. */
  advance(ms: number): void
  /** Somebody sets the wall clock; the other one does not notice. */
  setWall(now: number): void
}

/** Stands still until told otherwise. */
export const fakeClock = (): FakeClock => {
  let wall = Date.UTC(2026, 0, 1)
  let elapsed = 5000
  return {
    now: () => wall,
    elapsed: () => elapsed,
    advance: (ms) => {
      wall += ms
      elapsed += ms
    },
    setWall: (now) => {
      wall = now
    },
  }
}
