import type { Price, Rates } from '../../platform/upstream.ts'

/** What a price is for. */
export interface Unit {
  readonly basis: 'token' | 'image_token' | 'query' | 'request' | 'second' | 'hour' | 'picture'
  /** How many of these. */
  readonly quantity: number
}

const tokens: Unit = { basis: 'token', quantity: 1_000_000 }
const one = (basis: Unit['basis']): Unit => ({ basis, quantity: 1 })

/** Each kind of price as Aperture's API and our configuration name it; the last four are ours. */
const kinds: readonly (readonly [name: string, of: Exclude<keyof Price, 'tiers'>, unit: Unit])[] = [
  ['input', 'input', tokens],
  ['output', 'output', tokens],
  ['input_cache_read', 'inputCacheRead', tokens],
  ['input_cache_write', 'inputCacheWrite', tokens],
  ['input_cache_write_1h', 'inputCacheWrite1h', tokens],
  ['internal_reasoning', 'internalReasoning', tokens],
  ['image', 'image', { basis: 'image_token', quantity: 1_000_000 }],
  ['input_audio', 'inputAudio', tokens],
  ['output_audio', 'outputAudio', tokens],
  ['web_search', 'webSearch', one('query')],
  ['request', 'request', one('request')],
  ['second', 'second', one('second')],
  ['audio_hour', 'audioHour', one('hour')],
  ['picture', 'picture', one('picture')],
]

/** Aperture has names for this tier alone. */
const named = 200_000
const aboveKinds: readonly (readonly [name: string, of: keyof Rates])[] = [
  ['input_above_200k', 'input'],
  ['output_above_200k', 'output'],
]

/** What every kind of price is for. */
export const units: Readonly<Record<string, Unit>> = Object.fromEntries([
  ...kinds.map(([name, , unit]) => [name, unit] as const),
  ...aboveKinds.map(([name]) => [name, tokens] as const),
])

/** A price in USD for so many of each unit; only kinds that it names. */
export const priceRecord = (price: Price): Readonly<Record<string, number>> => {
  const above = price.tiers?.find((tier) => tier.above === named)
  return Object.fromEntries(
    [
      ...kinds.map(([name, of]) => [name, price[of]] as const),
      ...aboveKinds.map(([name, of]) => [name, above?.[of]] as const),
    ].filter((kind): kind is [string, number] => kind[1] !== undefined),
  )
}

/** The same in USD for one of each, as plain decimals: how `/v1/models` has it. */
export const pricing = (price: Price): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(priceRecord(price)).map(([name, usd]) => [
      name,
      decimals(usd / (units[name]?.quantity ?? 1)),
    ]),
  )

/** Eight decimals, as Aperture has them; more where a price is smaller. */
const decimals = (usd: number): string => usd.toFixed(12).replace(/(\.\d{8}\d*?)0*$/, '$1')

/** The kinds that Aperture's price document has; it allows no others. */
const documented = [
  'input',
  'output',
  'input_above_200k',
  'output_above_200k',
  'input_cache_read',
  'input_cache_write',
  'input_cache_write_1h',
  'internal_reasoning',
  'image',
  'web_search',
] as const

/** What each of them is for. */
export const documentUnits: Readonly<Record<string, Unit>> = Object.fromEntries(
  documented.flatMap((name) => {
    const unit = units[name]
    return unit ? [[name, unit]] : []
  }),
)

/** Prices as that document writes them: decimals, in the quantity that `documentUnits` says. */
export const decimalPrices = (price: Price): Readonly<Record<string, string>> => {
  const record = priceRecord(price)
  return Object.fromEntries(
    documented.flatMap((name) => {
      const usd = record[name]
      return usd === undefined ? [] : [[name, usd.toFixed(12).replace(/(\.\d\d\d*?)0+$/, '$1')]]
    }),
  )
}
