import { describe, expect, it } from 'vitest'
import { servingIn, servingOf } from '../../src/gateway/dialect/serving.ts'
import { basisOf, priceOf } from '../../src/gateway/prices/price.ts'
import { tierOf, timesTier } from '../../src/gateway/prices/tier.ts'
import type { Candidate, Provider } from '../../src/platform/upstream.ts'

const at = Date.UTC(2026, 10, 1)
const candidate = (costBasis: Provider['costBasis'], model: string): Candidate => ({
  model,
  provider: { id: 'p', costBasis, details: new Map() } as unknown as Provider,
})

describe('the price of a tier', () => {
  it.each([
    // As https://openai.com/api-priority-processing/ has them, in USD per million of input and output.
    ['gpt-5.5', 12.5, 75],
    ['gpt-5.4', 5, 30],
    ['gpt-5.4-mini', 1.5, 9],
    ['gpt-5.2', 3.5, 28],
    ['gpt-5.1-codex', 2.5, 20],
    ['gpt-5-mini', 0.45, 3.6],
    ['gpt-4.1', 3.5, 14],
    ['gpt-4.1-mini', 0.7, 2.8],
    ['gpt-4.1-nano', 0.2, 0.8],
    ['gpt-4o', 4.25, 17],
    ['gpt-4o-2024-05-13', 8.75, 26.25],
    ['gpt-4o-mini', 0.25, 1],
    ['o3', 3.5, 14],
    ['o4-mini', 2, 8],
  ])('is known for %s at priority: $%d and $%d', async (model, input, output) => {
    const priced = await priceOf(candidate('openai', model), at, { service_tier: 'priority' })
    expect(priced?.price.input).toBeCloseTo(input, 9)
    expect(priced?.price.output).toBeCloseTo(output, 9)
  })

  it.each([
    ['openai', 'gpt-5.4-nano', 'priority'],
    ['azure', 'gpt-4o', 'priority'],
    ['anthropic', 'claude-sonnet-4-5', 'priority'],
    ['google', 'gemini-2.5-pro', 'priority'],
    ['bedrock', 'anthropic.claude-sonnet-4-20250514-v1:0', 'flex'],
    ['openai', 'gpt-5', 'constructor'],
  ] as const)('is not known of %s, %s at %s', async (basis, model, service_tier) => {
    expect(await priceOf(candidate(basis, model), at, { service_tier })).toBeUndefined()
    expect(await priceOf(candidate(basis, model), at)).toBeDefined()
  })

  it.each([
    ['openai', 'gpt-5', { service_tier: 'flex' }, 0.5],
    ['azure', 'gpt-4o', { service_tier: 'flex' }, 0.5],
    ['google', 'gemini-2.5-pro', { service_tier: 'SERVICE_TIER_FLEX' }, 0.5],
    ['vertex', 'gemini-2.5-pro', { service_tier: 'ON_DEMAND_FLEX' }, 0.5],
    ['vertex', 'gemini-2.5-pro', { service_tier: 'ON_DEMAND' }, 1],
    ['anthropic', 'claude-opus-4-6', { speed: 'fast' }, 6],
    ['anthropic', 'claude-opus-4-8', { speed: 'fast', inference_geo: 'us' }, 2.2],
  ] as const)('of %s, %s with %j is the list’s times %d', async (basis, model, serving, by) => {
    const [served, listed] = await Promise.all([
      priceOf(candidate(basis, model), at, serving),
      priceOf(candidate(basis, model), at),
    ])
    expect(served?.price.output).toBeCloseTo((listed?.price.output ?? 0) * by, 9)
  })

  it('is called by its name', async () => {
    const priced = await priceOf(candidate('openai', 'gpt-5'), at, { service_tier: 'flex' })
    expect(priced && basisOf(priced)).toBe('openai/gpt-5#flex')
  })

  it('changes the rates of tokens, of long prompts too, and nothing else', () => {
    const price = { input: 2, output: 4, webSearch: 0.01, tiers: [{ above: 10, input: 4 }] }
    expect(timesTier(price, 0.5)).toEqual({
      input: 1,
      output: 2,
      webSearch: 0.01,
      tiers: [{ above: 10, input: 2 }],
    })
    expect(tierOf('openai', 'gpt-5', {})).toEqual({ by: 1, name: '' })
  })
})

describe('how an answer was served', () => {
  it.each([
    ['OpenAI', { service_tier: 'flex' }, { service_tier: 'flex' }],
    ['the responses API', { response: { service_tier: 'priority' } }, { service_tier: 'priority' }],
    [
      'Anthropic',
      { usage: { service_tier: 'batch', speed: 'fast', inference_geo: 'us' } },
      { service_tier: 'batch', speed: 'fast', inference_geo: 'us' },
    ],
    [
      'Anthropic, streamed',
      { type: 'message_start', message: { usage: { service_tier: 'standard' } } },
      { service_tier: 'standard' },
    ],
    ['Amazon', { serviceTier: { type: 'priority' } }, { service_tier: 'priority' }],
    ['Gemini', { usageMetadata: { serviceTier: 'flex' } }, { service_tier: 'flex' }],
    [
      'Vertex',
      { usageMetadata: { trafficType: 'ON_DEMAND_PRIORITY' } },
      { service_tier: 'ON_DEMAND_PRIORITY' },
    ],
    ['nobody', { choices: [], service_tier: null }, {}],
  ])('is told by %s', (_, event, serving) => {
    expect(servingIn(event, {})).toEqual(serving)
  })

  it('is what was told last, but for what leaves it open', () => {
    const first = servingIn({ service_tier: 'priority' }, {})
    expect(servingIn({ service_tier: 'default' }, first)).toEqual({ service_tier: 'default' })
    expect(servingIn({ service_tier: 'auto' }, first)).toEqual(first)
  })

  it('is told by a header', () => {
    expect(servingOf([['x-gemini-service-tier', 'standard']])).toEqual({ service_tier: 'standard' })
    expect(servingOf([['x-other', 'flex']])).toEqual({})
  })
})
