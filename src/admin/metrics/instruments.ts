import type { Family, Sample } from '../../platform/metric.ts'

/** One value for each label. */
export type Labels<Name extends string> = Readonly<Record<Name, string>>

export interface Counter<Name extends string> {
  add(labels: Labels<Name>, by?: number): void
  /** What adds to this series, for who does so again and again: labels are dearer than sums. */
  of(labels: Labels<Name>): (by?: number) => void
  collect(): Family
}

export interface Histogram<Name extends string> {
  of(labels: Labels<Name>): (value: number) => void
  collect(): Family
}

interface Described<Name extends string> {
  readonly name: string
  readonly help: string
  readonly labels: readonly Name[]
  /**
   * What is counted is whole (ms, nanodollars), so that no sum drifts; it is divided by this when it is shown.
   * Default 1.
   */
  readonly per?: number
}

/** Combinations of labels that one family keeps. Whatever comes after them is counted together. */
export const mostSeries = 2000

/** What stands in every label of the series that takes the rest. */
export const rest = 'other'

/** Only goes up. */
export const createCounter = <Name extends string>(of: Described<Name>): Counter<Name> => {
  const { name, help, per = 1 } = of
  const series = createSeries(of, () => ({ value: 0 }))
  const adder = (labels: Labels<Name>) => {
    const found = series.find(labels)
    return (by = 1): void => {
      found.value += by
    }
  }
  return {
    add: (labels, by) => adder(labels)(by),
    of: adder,
    collect: () => ({
      name,
      help,
      type: 'counter',
      samples: series.all().map(({ labels, state }) => ({ labels, value: state.value / per })),
    }),
  }
}

interface Buckets {
  /** How many fell into each bucket and no lower one; the last is everything above. */
  readonly counts: number[]
  sum: number
}

/** @param of.bounds upper ends of the buckets, ascending, in the unit that is shown. */
export const createHistogram = <Name extends string>(
  of: Described<Name> & { readonly bounds: readonly number[] },
): Histogram<Name> => {
  const { name, help, bounds, per = 1 } = of
  const series = createSeries(
    of,
    (): Buckets => ({ counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 }),
  )
  return {
    of: (labels) => {
      const found = series.find(labels)
      return (value) => {
        const at = bounds.findIndex((bound) => value / per <= bound)
        const bucket = at === -1 ? bounds.length : at
        found.counts[bucket] = (found.counts[bucket] ?? 0) + 1
        found.sum += value
      }
    },
    collect: () => ({
      name,
      help,
      type: 'histogram',
      samples: series.all().flatMap(({ labels, state }) => shown(labels, state, bounds, per)),
    }),
  }
}

const shown = (
  labels: Labels<string>,
  { counts, sum }: Buckets,
  bounds: readonly number[],
  per: number,
): Sample[] => {
  let count = 0
  const buckets = counts.map((here, at) => {
    count += here
    return {
      suffix: '_bucket',
      labels: { ...labels, le: at === bounds.length ? '+Inf' : String(bounds[at]) },
      value: count,
    }
  })
  return [
    ...buckets,
    { suffix: '_sum', labels, value: sum / per },
    { suffix: '_count', labels, value: count },
  ]
}

const createSeries = <Name extends string, State>(
  { labels: names }: Described<Name>,
  make: () => State,
) => {
  const known = new Map<string, { readonly labels: Labels<Name>; readonly state: State }>()
  const restOf = Object.fromEntries(names.map((name) => [name, rest])) as Labels<Name>
  const keyOf = (labels: Labels<Name>): string => names.map((name) => labels[name]).join('\u0000')
  const find = (labels: Labels<Name>): State => {
    const found = known.get(keyOf(labels))
    if (found) return found.state
    // One place is the rest's.
    const kept = known.size < mostSeries - 1 ? labels : restOf
    const taken = known.get(keyOf(kept)) ?? { labels: kept, state: make() }
    known.set(keyOf(kept), taken)
    return taken.state
  }
  return { find, all: () => [...known.values()] }
}
