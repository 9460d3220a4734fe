import type { CostBasis, Price, Provider } from '../../platform/upstream.ts'
import { type Catalogue, loadCatalogue } from './catalogue.ts'
import { ownPrice } from './price.ts'
import { decimalPrices, documentUnits } from './record.ts'

/**
 * Prices as Aperture's API has them (its own OpenAPI description, version 0): by model and cost basis, before any
 * `model_cost_map`, which stands beside them so that a client can apply it. A price that a provider's owner wrote is a
 * cost basis of its own, `own/PROVIDER`.
 */
export interface PriceDocument {
  readonly currency: 'USD'
  readonly units: typeof documentUnits
  readonly cost_bases: readonly string[]
  readonly models: Readonly<Record<string, { readonly cost_bases: Resolved }>>
  readonly configured_adjustments: {
    readonly providers: Readonly<Record<string, Adjustments>>
  }
}

type Resolved = Readonly<Record<string, Rate>>

interface Rate {
  readonly source: string
  readonly resolved_model: string
  readonly resolver_adjustment: number
  readonly effective_pricing: Readonly<Record<string, string>>
}

interface Adjustments {
  readonly cost_basis?: string
  readonly cost_basis_source: 'explicit' | 'inferred' | 'none'
  readonly model_cost_map: readonly {
    readonly match: string
    readonly as: string
    readonly adjustment: number
  }[]
}

/** Every list that a `cost_basis` can name. */
const bases: readonly CostBasis[] = [
  'anthropic',
  'openai',
  'google',
  'vertex',
  'bedrock',
  'bedrock-us',
  'bedrock-eu',
  'bedrock-ap',
  'azure',
  'azure-eu',
  'openrouter',
  'vercel',
]

/**
 * @param wanted one model, by its name or as `provider/model`; undefined: every model that is offered, and those that a
 * `model_cost_map` names
 * @param at ms since the epoch: lists have dates
 */
export const priceDocument = async (
  providers: readonly Provider[],
  at: number,
  wanted?: string,
): Promise<PriceDocument> => {
  const enabled = providers.filter(({ disabled }) => !disabled)
  const catalogue = await loadCatalogue()
  const names = wanted === undefined ? namesOf(enabled) : [wanted]
  const models: [name: string, { readonly cost_bases: Resolved }][] = []
  for (const [index, name] of names.entries()) {
    if (index % atOnce === atOnce - 1) await othersTurn()
    const resolved = { ...listed(catalogue, name, at), ...own(enabled, name) }
    if (Object.keys(resolved).length > 0) models.push([name, { cost_bases: resolved }])
  }
  const used = models.flatMap(([, { cost_bases }]) => Object.keys(cost_bases))
  return {
    currency: 'USD',
    units: documentUnits,
    cost_bases: [...new Set([...bases, ...used])],
    models: Object.fromEntries(models),
    configured_adjustments: {
      providers: Object.fromEntries(providers.map((each) => [each.id, adjustmentsOf(each)])),
    },
  }
}

/** A look into a list takes 60 µs, and there are thirteen for each model: a list of hundreds would hold up every answer. */
const atOnce = 8

const othersTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))

const namesOf = (providers: readonly Provider[]): string[] => [
  ...new Set([
    ...providers.flatMap(({ models }) => models),
    ...providers.flatMap(({ modelCostMap = [] }) => modelCostMap.map((mapping) => mapping.as)),
  ]),
]

const listed = (catalogue: Catalogue, name: string, at: number): Resolved =>
  Object.fromEntries(
    [...bases, undefined].flatMap((basis) => {
      const found = catalogue.find(basis, name, at)
      if (!found) return []
      return rate(basis ?? found.source, found.price, found.source, found.model)
    }),
  )

const own = (providers: readonly Provider[], name: string): Resolved =>
  Object.fromEntries(
    providers.flatMap((provider) => {
      const model = name.startsWith(`${provider.id}/`) ? name.slice(provider.id.length + 1) : name
      const offered = [model, name].find((each) => provider.models.includes(each))
      const price = offered === undefined ? undefined : ownPrice({ provider, model: offered })
      return price ? rate(`own/${provider.id}`, price.price, 'own', price.model) : []
    }),
  )

const rate = (
  basis: string,
  price: Price,
  source: string,
  model: string,
): (readonly [string, Rate])[] => {
  const effective = decimalPrices(price)
  if (Object.keys(effective).length === 0) return []
  return [
    [
      basis,
      {
        source,
        resolved_model: model,
        resolver_adjustment: 1,
        effective_pricing: effective,
      },
    ],
  ]
}

const adjustmentsOf = ({ id, costBasis, ...provider }: Provider): Adjustments => {
  const { costBasisInferred = false, modelCostMap = [], prices } = provider
  const basis = costBasis ?? (prices?.size ? `own/${id}` : undefined)
  return {
    ...(basis !== undefined && { cost_basis: basis }),
    cost_basis_source: basis === undefined ? 'none' : costBasisInferred ? 'inferred' : 'explicit',
    model_cost_map: modelCostMap.map(({ match, as, adjustment }) => ({ match, as, adjustment })),
  }
}
