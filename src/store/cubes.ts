import type { UsageScope } from '../usage/figures.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const BLOCK = 30 * DAY

/** Sums of one step and of certain dimensions, as migration 0007 numbers them. */
export interface Cube {
  readonly id: number
  /** ms */
  readonly step: number
}

/** Which dimensions must be told apart: `person` for login, `cell` for all the others. */
export interface Needs {
  readonly person: boolean
  readonly cell: boolean
}

/** A part of a period, and what answers for it; without a cube the rows themselves do. */
export interface Segment {
  readonly cube: Cube | undefined
  /** ms since the epoch, inclusive. */
  readonly from: number
  /** Exclusive. */
  readonly to: number
}

const whole: readonly Cube[] = [{ id: 7, step: HOUR }]
const persons: readonly Cube[] = [
  { id: 8, step: DAY },
  { id: 1, step: HOUR },
]
const cells: readonly Cube[] = [
  { id: 6, step: BLOCK },
  { id: 5, step: DAY },
  { id: 4, step: HOUR },
]
const both: readonly Cube[] = [
  { id: 3, step: BLOCK },
  { id: 2, step: DAY },
  { id: 1, step: HOUR },
]

/** Those that tell apart what is needed, the coarsest first. */
const cubesFor = ({ person, cell }: Needs): readonly Cube[] => {
  if (person) return cell ? both : persons
  return cell ? cells : whole
}

/** The hourly one among them, which finds where matching rows are. */
export const hourly = ({ person }: Pick<Needs, 'person'>): Cube => ({
  id: person ? 1 : 4,
  step: HOUR,
})
export const daily = ({ person }: Pick<Needs, 'person'>): Cube => ({
  id: person ? 2 : 5,
  step: DAY,
})

/**
 * Cuts a period into the fewest steps there are sums for, the rows themselves at its ends.
 * @param step ms that no sum may reach beyond; default: none.
 */
export const segmentsOf = (
  { since, until = Number.MAX_SAFE_INTEGER }: Pick<UsageScope, 'since' | 'until'>,
  needs: Needs,
  step = 0,
): Segment[] =>
  cover(
    since,
    until,
    cubesFor(needs).filter((cube) => step % cube.step === 0),
  )

const cover = (from: number, to: number, [cube, ...finer]: readonly Cube[]): Segment[] => {
  if (from >= to) return []
  if (cube === undefined) return [{ cube, from, to }]
  const start = Math.ceil(from / cube.step) * cube.step
  const end = Math.floor(to / cube.step) * cube.step
  if (start >= end) return cover(from, to, finer)
  return [...cover(from, start, finer), { cube, from: start, to: end }, ...cover(end, to, finer)]
}
