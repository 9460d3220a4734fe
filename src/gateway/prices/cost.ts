import type { Price, Rates } from '../../platform/upstream.ts'
import type { TokenCounts } from '../dialect/usage.ts'

/** What one request made a provider do. */
export interface Work {
  /** Undefined when nobody can say. */
  readonly counts: TokenCounts | undefined
  /** ms that the provider worked. */
  readonly ms: number
}

/**
 * What that cost, in whole billionths of a dollar, rounded to the nearest; null when the price cannot tell. Exact, as
 * far as rates have no more than nine decimals.
 */
export const costOf = (price: Price, { counts, ms }: Work): number | null => {
  const parts: readonly Part[] = [
    [price.request, 1, 1],
    [price.second, ms, 1000],
    ...(counts ? ofCounts(price, counts) : []),
  ]
  const priced = parts.filter(([usd, units]) => usd !== undefined && units > 0)
  const used = counts !== undefined && doesAnything(counts)
  if (counts === undefined ? hasRates(price) && !isFree(price) : used && priced.length === 0) {
    return null
  }
  const total = priced.reduce((sum, part) => sum + femtodollars(part), 0n)
  const rounded = (total + 500_000n) / 1_000_000n
  return rounded > most ? Number(most) : Number(rounded)
}

const doesAnything = ({ input, output, images = 0, audioMs = 0 }: TokenCounts): boolean =>
  input + output + images + audioMs > 0

const most = BigInt(Number.MAX_SAFE_INTEGER)

/** USD for so many units, and how many there were. */
type Part = readonly [usd: number | undefined, units: number, per: number]

const femtodollars = ([usd = 0, units, per]: Part): bigint =>
  (BigInt(Math.round(usd * 1e12)) * BigInt(Math.round(units)) * 1000n) / BigInt(per)

const ofCounts = (price: Price, counts: TokenCounts): readonly Part[] => [
  ...ofTokens(ratesFor(price, counts.input), counts),
  [price.webSearch, counts.searches ?? 0, 1],
  [price.audioHour, counts.audioMs ?? 0, 3_600_000],
  [price.picture, counts.images ?? 0, 1],
]

/** Each kind with its own rate where there is one, else with that of the whole it is part of. */
const ofTokens = (rates: Rates, counts: TokenCounts): readonly Part[] => {
  const { input, output, cached, reasoning } = counts
  const { cacheWrite: written = 0, cacheWrite1h: forHour = 0 } = counts
  const fresh = input - cached - written
  const heard = Math.min(counts.audioInput ?? 0, fresh)
  const seen = Math.min(counts.imageInput ?? 0, fresh - heard)
  const spoken = Math.min(counts.audioOutput ?? 0, output - reasoning)
  const writeRate = rates.inputCacheWrite ?? rates.input
  const perMillion: readonly (readonly [usd: number | undefined, tokens: number])[] = [
    [rates.input, fresh - heard - seen],
    [rates.inputAudio ?? rates.input, heard],
    [rates.image ?? rates.input, seen],
    [rates.inputCacheRead ?? rates.input, cached],
    [writeRate, written - forHour],
    [rates.inputCacheWrite1h ?? writeRate, forHour],
    [rates.output, output - reasoning - spoken],
    [rates.internalReasoning ?? rates.output, reasoning],
    [rates.outputAudio ?? rates.output, spoken],
  ]
  return perMillion.map(([usd, tokens]) => [usd, tokens, 1_000_000])
}

const ratesFor = ({ tiers = [], ...price }: Price, input: number): Rates =>
  Object.assign({}, price, ...tiers.filter(({ above }) => input > above))

/** It takes counts to know what this comes to. */
const hasRates = (price: Price): boolean =>
  [price.input, price.output, price.audioHour, price.picture].some((usd) => usd !== undefined)

/** Zero is a price, too. */
const isFree = ({ tiers = [], ...rates }: Price): boolean =>
  tiers.length === 0 && Object.values(rates).every((usd) => usd === 0)
