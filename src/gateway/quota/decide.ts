import type { QuotaLimit } from '../../config/config.ts'
import type { Price } from '../../platform/upstream.ts'
import type { Bucket } from './bucket.ts'
import type { Held } from './buckets.ts'
import { BUSY, waitFor } from './chain.ts'
import type { Amounts } from './estimate.ts'
import { type ChainRef, nameOf } from './names.ts'

/** One way to serve a request: what it would be charged to there, and what it may cost. */
export interface Offer {
  readonly provider: string
  readonly model: string
  readonly chains: readonly ChainRef[]
  readonly amounts: Amounts
  /** By which `amounts` were reckoned. */
  readonly rates?: Price
  /** `unbilled`: as far as is known nobody asks for money. `unmetered`: no answer says what it uses. */
  readonly price: 'known' | 'unknown' | 'unbilled' | 'unmetered'
}

export interface Refusal {
  /** The first of its chain. */
  readonly bucket: string
  /** ms until it fits; Infinity: never by itself. */
  readonly wait: number
  /** `closed`: it cannot be read. `unpriced`, `unmetered`: what to charge is not known. */
  readonly why: 'spent' | 'busy' | 'unpriced' | 'unmetered' | 'closed'
}

/** The buckets of a chain; fewer than were named where one cannot be used. */
export type HeldChain = readonly Held[]
type Find = (refs: ChainRef) => HeldChain

export const bucketsIn = (chain: HeldChain): readonly Bucket[] => chain.map(({ bucket }) => bucket)

/** Of all that stands in an offer's way what lasts longest; undefined: nothing. */
export function refusalOf(offer: Offer, find: Find, now: number): Refusal | undefined {
  const refusals = offer.chains.flatMap((refs) => refusalBy(refs, find(refs), offer, now) ?? [])
  return refusals.reduce<Refusal | undefined>(
    (worst, it) => (it.wait > (worst?.wait ?? 0) ? it : worst),
    undefined,
  )
}

const never = Number.POSITIVE_INFINITY

function refusalBy(
  refs: ChainRef,
  chain: HeldChain,
  { amounts, price }: Offer,
  now: number,
): Refusal | undefined {
  const bucket = refs[0] ? nameOf(refs[0]) : ''
  const limits = chain.map((held) => held.bucket.limit)
  if (chain.length < refs.length || !lendEachOther(limits)) {
    return { bucket, wait: never, why: 'closed' }
  }
  if (!limits.every((limit) => isPriced(limit, price))) {
    return { bucket, wait: never, why: price === 'unmetered' ? 'unmetered' : 'unpriced' }
  }
  const wait = waitFor(bucketsIn(chain), amountFor(chain, amounts), now)
  if (wait === 0) return undefined
  return { bucket, wait, why: wait === BUSY ? 'busy' : 'spent' }
}

/** Dollars cannot be borrowed from tokens, and a place not at all. */
const lendEachOther = ([first, ...rest]: readonly QuotaLimit[]): boolean =>
  rest.every(({ unit }) => unit === first?.unit && unit !== 'concurrent')

const isPriced = ({ unit, unknownPrice }: QuotaLimit, price: Offer['price']): boolean => {
  if (price === 'unmetered') return countsRequests.has(unit) || unknownPrice === 'allow'
  if (unit !== 'dollars' || price === 'known') return true
  return unknownPrice ? unknownPrice === 'allow' : price === 'unbilled'
}

const countsRequests: ReadonlySet<QuotaLimit['unit']> = new Set(['requests', 'concurrent'])

/** What a request comes to in a chain's unit. */
export const amountFor = ([first]: HeldChain, amounts: Amounts): number =>
  first ? amounts[first.bucket.limit.unit] : 0
