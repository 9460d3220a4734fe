import { median } from '../load/samples.ts'
import type { PeerResult, Result } from '../result.ts'

/** One peer in single numbers: medians of the rounds. Times in ms, memory in bytes. */
export interface Summary extends Pick<PeerResult, 'name' | 'title' | 'does' | 'version'> {
  readonly rate?: number
  /** Of the reference's in the same round; below 1 is slower. */
  readonly rateRatio?: number
  readonly cpu?: number
  readonly cpuRatio?: number
  /** Added on one connection. */
  readonly added?: { readonly p50: number; readonly p99: number }
  readonly frames?: number
  readonly frameCpu?: number
  readonly frameCpuRatio?: number
  readonly addedFirst?: { readonly p50: number; readonly p99: number }
  readonly addedDelay?: { readonly p50: number; readonly p99: number }
  readonly idle?: number
  readonly peak?: number
  readonly perStream?: number
  readonly coldStart?: number
}

/** What ratios are to: stock Caddy, which everybody can run. */
export const reference = 'caddy'
const base = 'direct'

export const summarize = (result: Result): Summary[] => {
  const peer = (name: string) => result.peers.find((each) => each.name === name)
  return result.peers.map((each) => summary(each, peer(reference), peer(base)))
}

const summary = (
  each: PeerResult,
  against: PeerResult | undefined,
  alone: PeerResult | undefined,
): Summary => {
  const { name, title, does, version, coldStarts, memory } = each
  return defined({
    ...{ name, title, does, version },
    rate: middle(each.requests, ({ rate }) => rate),
    rateRatio: ratio(each.requests, against?.requests, ({ rate }) => rate),
    cpu: middle(each.requests, ({ cpuPerThousand }) => cpuPerThousand),
    cpuRatio: ratio(each.requests, against?.requests, ({ cpuPerThousand }) => cpuPerThousand),
    added: added(each.requests, alone?.requests, (round) => round.alone),
    frames: middle(each.streams, ({ framesPerSecond }) => framesPerSecond),
    frameCpu: middle(each.streams, ({ cpuPerThousandFrames }) => cpuPerThousandFrames),
    frameCpuRatio: ratio(each.streams, against?.streams, (round) => round.cpuPerThousandFrames),
    addedFirst: added(each.streams, alone?.streams, ({ first }) => first),
    addedDelay: added(each.streams, alone?.streams, ({ delay }) => delay),
    ...memory,
    coldStart: coldStarts.length > 0 ? median(coldStarts) : undefined,
  })
}

const middle = <T>(rounds: readonly T[], of: (round: T) => number): number | undefined =>
  rounds.length > 0 ? median(rounds.map(of)) : undefined

/** Round by round, so that what changed on the machine in between does not count. */
const ratio = <T>(
  rounds: readonly T[],
  against: readonly T[] | undefined,
  of: (round: T) => number,
): number | undefined => {
  const ratios = rounds.flatMap((round, i) => {
    const other = against?.[i]
    return other === undefined || of(other) === 0 ? [] : [of(round) / of(other)]
  })
  return ratios.length > 0 ? median(ratios) : undefined
}

const added = <T>(
  rounds: readonly T[],
  alone: readonly T[] | undefined,
  of: (round: T) => { readonly p50: number; readonly p99: number },
): { p50: number; p99: number } | undefined => {
  const pairs = rounds.flatMap((round, i) => {
    const other = alone?.[i]
    return other === undefined ? [] : [[of(round), of(other)] as const]
  })
  if (pairs.length === 0) return undefined
  const difference = (which: 'p50' | 'p99') =>
    median(pairs.map(([one, other]) => one[which] - other[which]))
  return { p50: difference('p50'), p99: difference('p99') }
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> }

const defined = <T extends object>(values: T): Defined<T> =>
  Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Defined<T>
