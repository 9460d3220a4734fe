import type { Price, Rates } from '../../platform/upstream.ts'
import type { Serving } from '../dialect/serving.ts'

/** The tier that lists have the prices of. `auto` is up to the provider, whose answer tells what became of it. */
const standard = new Set(['', 'auto', 'default', 'standard', 'standard_only', 'on_demand'])

/** Names of tiers, as each provider writes them, in the words of OpenAI. */
const normal = (tier: string): string =>
  tier
    .toLowerCase()
    .replace(/^service_tier_/, '')
    .replace(/^on_demand_/, '')

interface Tiers {
  /** By tier, and then by model: what list prices of tokens are multiplied by. */
  readonly [tier: string]: readonly (readonly [models: RegExp, by: number])[]
}

const every = /(?:)/

/** By whose list the price is of. What is not here has no price that could be looked up. */
const tiers: Readonly<Record<string, Tiers>> = {
  // https://developers.openai.com/api/docs/guides/flex-processing, https://openai.com/api-priority-processing/
  openai: {
    flex: [[every, 0.5]],
    batch: [[every, 0.5]],
    priority: [
      [/^gpt-5-mini/, 1.8],
      [/^gpt-5\.5$/, 2.5],
      [/^gpt-5(?:\.[124])?(?:-mini|-codex)?$/, 2],
      [/^(?:gpt-4\.1(?:-mini)?|o3|gpt-4o-2024-05-13)$/, 1.75],
      [/^gpt-4\.1-nano$/, 2],
      [/^gpt-4o$/, 1.7],
      [/^gpt-4o-mini$/, 5 / 3],
      [/^o4-mini$/, 20 / 11],
    ],
  },
  // https://learn.microsoft.com/azure/foundry/openai/how-to/flex-processing
  azure: { flex: [[every, 0.5]], batch: [[every, 0.5]] },
  // https://platform.claude.com/docs/en/about-claude/pricing
  anthropic: { batch: [[every, 0.5]] },
  // https://ai.google.dev/gemini-api/docs/optimization
  google: { flex: [[every, 0.5]], batch: [[every, 0.5]] },
}

/** https://platform.claude.com/docs/en/build-with-claude/fast-mode */
const fast: Readonly<Record<string, Tiers>> = {
  anthropic: {
    fast: [
      [/^claude-opus-4-6/, 6],
      [/^claude-opus-(?:4-8|5)$/, 2],
    ],
  },
}

/** https://platform.claude.com/docs/en/manage-claude/data-residency */
const regions: Readonly<Record<string, Tiers>> = { anthropic: { us: [[every, 1.1]] } }
const anywhere = new Set(['', 'global', 'not_available'])

/**
 * What a list's price of tokens is multiplied by, and what to call that: 1 and nothing, as a rule. Undefined: it costs
 * something else, and nobody says what.
 * @param source whose list; `model` as it is called there
 */
export const tierOf = (
  source: string,
  model: string,
  { service_tier = '', speed = '', inference_geo = '' }: Serving,
): { readonly by: number; readonly name: string } | undefined => {
  const tier = normal(service_tier)
  const parts = [
    standard.has(tier) ? undefined : ([tier, tiers] as const),
    standard.has(speed) ? undefined : ([speed, fast] as const),
    anywhere.has(inference_geo) ? undefined : ([inference_geo, regions] as const),
  ].filter((part) => part !== undefined)
  let by = 1
  for (const [name, table] of parts) {
    const of = table[source]
    const found = of && Object.hasOwn(of, name) ? of[name] : undefined
    const factor = found?.find(([models]) => models.test(model))?.[1]
    if (factor === undefined) return undefined
    by *= factor
  }
  return { by, name: parts.map(([name]) => name).join('+') }
}

const rateNames: readonly (keyof Rates)[] = [
  'input',
  'output',
  'inputCacheRead',
  'inputCacheWrite',
  'inputCacheWrite1h',
  'internalReasoning',
  'image',
  'inputAudio',
  'outputAudio',
]

/** Only tokens cost more or less; a search costs the same. */
export const timesTier = (price: Price, by: number): Price => {
  if (by === 1) return price
  return {
    ...timesRates(price, by),
    ...(price.tiers && { tiers: price.tiers.map((tier) => timesRates(tier, by)) }),
  }
}

const timesRates = <Given extends Rates>(given: Given, by: number): Given => ({
  ...given,
  ...Object.fromEntries(
    rateNames.flatMap((name) => {
      const usd = given[name]
      return usd === undefined ? [] : [[name, usd * by]]
    }),
  ),
})
