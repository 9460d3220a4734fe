import { pathPattern } from '../../config/values/path-pattern.ts'
import type { Candidate, CostMapping, Price, Provider, Rates } from '../../platform/upstream.ts'
import type { Serving } from '../dialect/serving.ts'
import { type Catalogue, loadCatalogue } from './catalogue.ts'
import { tierOf, timesTier } from './tier.ts'

/** A price, and where it comes from. */
export interface Priced {
  readonly price: Price
  /** `own`, or whose list. */
  readonly source: string
  /** The model that the price is of. */
  readonly model: string
  /** By which the list's price was multiplied. */
  readonly adjustment: number
  /** Where it is not the list's own price: `flex`, `priority`, `fast`. */
  readonly tier?: string
}

/** How a price is called in the ledger and to hooks: `own/llama3`, `anthropic/claude-sonnet-4-6`, `openai/gpt-5#flex`. */
export const basisOf = ({ source, model, tier }: Priced): string =>
  tier ? `${source}/${model}#${tier}` : `${source}/${model}`

/**
 * What a model costs at a provider, at a moment in ms since the epoch: what its owner wrote, else the list price of
 * the model or of the one that it is said to cost like. Undefined when nobody knows. A promise only where a list has
 * to be looked at. A candidate is as it was when the request was let in, so that a change of the configuration in the
 * middle of an answer changes nothing.
 * @param serving how it is served; what an owner wrote holds whatever that is
 */
export const priceOf = (
  candidate: Candidate,
  at: number,
  serving: Serving = {},
): Priced | undefined | Promise<Priced | undefined> => {
  const own = ownPrice(candidate)
  if (own || !hasList(candidate)) return own
  return loadCatalogue().then((catalogue) => served(listPrice(candidate, catalogue, at), serving))
}

const served = (listed: Priced | undefined, serving: Serving): Priced | undefined => {
  const tier = listed && tierOf(listed.source, listed.model, serving)
  if (!tier || tier.name === '') return tier && listed
  return { ...listed, price: timesTier(listed.price, tier.by), tier: tier.name }
}

/** What any model of these providers costs, found without waiting: for who lists many. */
export const priceFinder = async (
  providers: readonly Provider[],
  at: number,
): Promise<(candidate: Candidate) => Priced | undefined> => {
  const listed = providers.some(
    ({ costBasis, modelCostMap = [] }) => costBasis !== undefined || modelCostMap.length > 0,
  )
  const catalogue = listed ? await loadCatalogue() : undefined
  return (candidate) => {
    const own = ownPrice(candidate)
    if (own || !catalogue || !hasList(candidate)) return own
    return listPrice(candidate, catalogue, at)
  }
}

/**
 * What the provider itself says a request cost, in billionths of a dollar, where its word holds: its owner wrote no price
 * and no model that it costs like, and the list would be its own.
 * @param told undefined: it said nothing
 */
export const billedBy = (
  { provider, model }: Candidate,
  told: number | undefined,
): number | undefined =>
  provider.costBasis === 'openrouter' &&
  !ownPrice({ provider, model }) &&
  !mappingOf(provider, model)
    ? told
    : undefined

/** What its owner wrote. */
export const ownPrice = ({ provider, model }: Candidate): Priced | undefined => {
  const price = provider.prices?.get(model) ?? provider.prices?.get('*')
  return price && { price, source: 'own', model, adjustment: 1 }
}

const hasList = ({ provider, model }: Candidate): boolean =>
  provider.costBasis !== undefined || mappingOf(provider, model) !== undefined

const mappingOf = ({ modelCostMap = [] }: Provider, model: string) =>
  modelCostMap.find((mapping) => patternOf(mapping)?.test(model))

const patterns = new WeakMap<CostMapping, RegExp | undefined>()

const patternOf = (mapping: CostMapping): RegExp | undefined => {
  const known = patterns.get(mapping) ?? pathPattern(mapping.match)
  patterns.set(mapping, known)
  return known
}

const listPrice = (
  { provider, model }: Candidate,
  catalogue: Catalogue,
  at: number,
): Priced | undefined => {
  const { as = model, adjustment = 1 } = mappingOf(provider, model) ?? {}
  const listed = catalogue.find(provider.costBasis, as, at)
  return listed && { ...listed, price: multiplied(listed.price, adjustment), adjustment }
}

const multiplied = (price: Price, by: number): Price => {
  if (by === 1) return price
  const { tiers, ...rates } = price
  return {
    ...times(rates, by),
    ...(tiers && {
      tiers: tiers.map(({ above, ...of }) => ({ above, ...times<Rates>(of, by) })),
    }),
  }
}

const times = <Given extends object>(rates: Given, by: number): Given =>
  Object.fromEntries(
    Object.entries(rates).map(([name, usd]) => [name, usd * by]),
  ) as unknown as Given
