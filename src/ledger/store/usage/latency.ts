import type { Percentiles } from '../../../platform/records/figures.ts'

/** Upper bounds of the latency columns but the last, ms: powers of two. */
export const BOUNDS: readonly number[] = Array.from({ length: 19 }, (_, k) => 4 * 2 ** k)

export const LATENCY_COLUMNS: readonly string[] = [...BOUNDS, 'over'].map((b) => `latency_${b}`)

/** @param counts how many fell into each column; undefined when none did. */
export const percentilesOf = (counts: readonly number[]): Percentiles | null => {
  const total = counts.reduce((sum, count) => sum + count, 0)
  return total === 0 ? null : { p50: at(counts, total * 0.5), p95: at(counts, total * 0.95) }
}

/** Goes into the column by as much as is missing, on the scale on which all columns are equally wide. */
const at = (counts: readonly number[], rank: number): number => {
  let below = 0
  for (const [index, count] of counts.entries()) {
    if (count > 0 && below + count >= rank) return between(index, (rank - below) / count)
    below += count
  }
  return BOUNDS.at(-1) ?? 0
}

const between = (index: number, share: number): number => {
  const upper = BOUNDS[index]
  if (upper === undefined) return BOUNDS.at(-1) ?? 0
  return Math.round(index === 0 ? upper * share : (upper / 2) * 2 ** share)
}
