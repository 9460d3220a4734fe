import { type SQL, sql } from 'drizzle-orm'
import type { UsageScope } from '../../../platform/records/figures.ts'

const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 24 * HOUR
const BLOCK = 30 * DAY

/** Sums of one step and of certain dimensions, as migrations 0007 and 0015 number them. */
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
  readonly from: number | SQL
  /** Exclusive. */
  readonly to: number | SQL
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

const minutely = ({ person, cell }: Needs): Cube => ({
  id: person ? 9 : cell ? 10 : 11,
  step: MINUTE,
})

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
): Segment[] => {
  const cubes = cubesFor(needs).filter((cube) => step % cube.step === 0)
  const byMinute = step % MINUTE === 0 ? minutely(needs) : undefined
  return cover(since, until, cubes, byMinute)
}

const cover = (
  from: number,
  to: number,
  [cube, ...finer]: readonly Cube[],
  byMinute: Cube | undefined,
): Segment[] => {
  if (from >= to) return []
  if (cube === undefined) return rest(from, to, byMinute)
  const [start, end] = inside(from, to, cube)
  if (start >= end) return cover(from, to, finer, byMinute)
  return [
    ...cover(from, start, finer, byMinute),
    { cube, from: start, to: end },
    ...cover(end, to, finer, byMinute),
  ]
}

/** Its whole steps. */
const inside = (from: number, to: number, { step }: Cube): readonly [number, number] => [
  Math.ceil(from / step) * step,
  Math.floor(to / step) * step,
]

/** What no coarser sum answers for: whole minutes of the last days, and rows before and after them. */
const rest = (from: number, to: number, cube: Cube | undefined): Segment[] => {
  const [first, end] = cube === undefined ? [to, to] : inside(from, to, cube)
  if (first >= end) return [{ cube: undefined, from, to }]
  // Only the database knows from when on it has them, and only in the moment in which it is asked for them.
  const start = sql`min(${end}, max(${first}, (SELECT since FROM usage_minutes)))`
  const rows = { cube: undefined, from, to: start }
  const minutes = { cube, from: start, to: end }
  return [rows, minutes, ...(end < to ? [{ cube: undefined, from: end, to }] : [])]
}
