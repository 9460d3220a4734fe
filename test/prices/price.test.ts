import { describe, expect, it } from 'vitest'
import { costOf } from '../../src/gateway/prices/cost.ts'
import { basisOf, billedBy, type Priced, priceOf } from '../../src/gateway/prices/price.ts'
import type { Provider } from '../../src/platform/upstream.ts'
import { read } from '../config/read.ts'
import { provider } from '../upstream/provider.ts'

const at = Date.UTC(2026, 10, 21, 12)

/** As the configuration makes it. */
const configured = (file: object, more: object = {}): Provider => {
  const { config, problems } = read({
    providers: { p: { baseurl: 'https://gpu.example.com', ...file } },
    ...more,
  })
  const found = config?.providers.get('p')
  if (!found) throw new Error(JSON.stringify(problems))
  const { prices, costBasis, modelCostMap } = found
  return provider('p', [], { prices, modelCostMap, ...(costBasis && { costBasis }) })
}

const price = async (file: object, model: string, more?: object): Promise<Priced | undefined> =>
  priceOf({ provider: configured(file, more), model }, at)

const cost = (priced: Priced | undefined, input: number, ms = 0) =>
  priced && costOf(priced.price, { counts: { input, output: 0, cached: 0, reasoning: 0 }, ms })

describe('a price', () => {
  it('is its owner’s before any list’s, by model before the one for all', async () => {
    const file = {
      cost_basis: 'openai',
      prices: { 'gpt-5': { input: 7 }, '*': { input: 1, output: 2 } },
    }
    expect(await price(file, 'gpt-5')).toMatchObject({ price: { input: 7 }, source: 'own' })
    const other = await price(file, 'gpt-4o')
    expect(other).toMatchObject({ price: { input: 1, output: 2 }, model: 'gpt-4o' })
    expect(other && basisOf(other)).toBe('own/gpt-4o')
  })

  it('is the list’s where the owner names none', async () => {
    const found = await price({ cost_basis: 'anthropic' }, 'claude-sonnet-4-6')
    expect(found).toMatchObject({
      price: { input: 3, output: 15, inputCacheRead: 0.3, inputCacheWrite: 3.75, webSearch: 0.01 },
      source: 'anthropic',
      adjustment: 1,
    })
    expect(found && basisOf(found)).toBe('anthropic/claude-sonnet-4-6')
  })

  it('is unknown where no list has the model, and that is not a price of zero', async () => {
    expect(await price({ cost_basis: 'anthropic' }, 'claude-of-tomorrow')).toBeUndefined()
    expect(await price({}, 'gpt-5')).toBeUndefined()
  })

  it('is known without waiting where no list is asked', () => {
    const own = configured({ prices: { '*': { input: 1 } } })
    expect(priceOf({ provider: own, model: 'm' }, at)).not.toBeInstanceOf(Promise)
    expect(priceOf({ provider: configured({}), model: 'm' }, at)).toBeUndefined()
  })
})

describe('`model_cost_map`', () => {
  const map = [
    { match: 'claude-*-preview*', as: 'claude-sonnet-4-6', adjustment: 1.1 },
    { match: 'claude-*', as: 'claude-haiku-4-5' },
  ]

  it('is looked through in order, and the first that matches holds', async () => {
    const file = { cost_basis: 'anthropic', model_cost_map: map }
    const preview = await price(file, 'claude-next-preview-3')
    expect(preview).toMatchObject({ model: 'claude-sonnet-4-6', adjustment: 1.1 })
    // $3 × 1.1, exactly, and its parts too.
    expect(cost(preview, 1_000_000)).toBe(3_300_000_000)
    expect(preview?.price.output).toBeCloseTo(16.5)
    expect(preview?.price.webSearch).toBeCloseTo(0.011)
    expect(await price(file, 'claude-next')).toMatchObject({ model: 'claude-haiku-4-5' })
  })

  it('multiplies every tier as well', async () => {
    const model_cost_map = [{ match: 'mine', as: 'claude-sonnet-4-5', adjustment: 0.5 }]
    const found = await price({ cost_basis: 'anthropic', model_cost_map }, 'mine')
    expect(found?.price.tiers).toMatchObject([{ above: 200_000, input: 3, output: 11.25 }])
    expect(cost(found, 300_000)).toBe(900_000_000)
  })

  it('matches as Go’s path.Match: a star is not a slash, and the whole name counts', async () => {
    const priced = async (match: string, model: string) =>
      (await price({ model_cost_map: [{ match, as: 'openai/gpt-4o' }] }, model)) !== undefined
    expect(await priced('llama-3.3-*', 'llama-3.3-70b')).toBe(true)
    expect(await priced('*', 'meta/llama')).toBe(false)
    expect(await priced('*/*', 'meta/llama')).toBe(true)
    expect(await priced('llama-?', 'llama-33')).toBe(false)
    expect(await priced('llama-[23]', 'llama-3')).toBe(true)
    expect(await priced('llama-[^23]', 'llama-3')).toBe(false)
    expect(await priced('llama', 'llama-3')).toBe(false)
    expect(await priced('Llama-*', 'llama-3')).toBe(false)
  })

  it('needs no `cost_basis`, as the name of a known model tells whose list it is on', async () => {
    const as = async (name: string) => {
      const found = await price({ model_cost_map: [{ match: '*', as: name }] }, 'mine')
      return found && basisOf(found)
    }
    expect(await as('claude-sonnet-4-6')).toBe('anthropic/claude-sonnet-4-6')
    expect(await as('openai/gpt-4o')).toBe('openai/gpt-4o')
    expect(await as('meta-llama/llama-3.3-70b-instruct')).toBe(
      'openrouter/meta-llama/llama-3.3-70b-instruct',
    )
  })

  it('takes an adjustment of zero for free', async () => {
    const model_cost_map = [{ match: '*', as: 'gpt-4o', adjustment: 0 }]
    expect(cost(await price({ cost_basis: 'openai', model_cost_map }, 'x'), 1000)).toBe(0)
  })
})

describe('whose list it is', () => {
  it('follows from the provider’s address and shape, and not where that is turned off', async () => {
    const anthropic = {
      baseurl: 'https://api.anthropic.com',
      compatibility: { anthropic_messages: true },
    }
    expect(await price(anthropic, 'claude-sonnet-4-6')).toMatchObject({ source: 'anthropic' })
    const off = { auto_cost_basis: false }
    expect(await price(anthropic, 'claude-sonnet-4-6', off)).toBeUndefined()
    const named = { ...anthropic, cost_basis: 'anthropic' }
    expect(await price(named, 'claude-sonnet-4-6', off)).toMatchObject({ source: 'anthropic' })
    const mapped = { ...anthropic, model_cost_map: [{ match: '*', as: 'claude-sonnet-4-6' }] }
    expect(await price(mapped, 'x', off)).toBeUndefined()
    expect(await price({ ...mapped, cost_basis: 'anthropic' }, 'x', off)).toBeDefined()
    expect(await price({ ...anthropic, prices: { '*': { input: 1 } } }, 'x', off)).toBeDefined()
  })

  it.each([
    ['https://api.openai.com/', {}, 'openai'],
    ['https://openrouter.ai/api/', {}, 'openrouter'],
    ['https://ai-gateway.vercel.sh', {}, 'vercel'],
    [
      'https://bedrock-runtime.eu-central-1.amazonaws.com',
      { bedrock_converse: true },
      'bedrock-eu',
    ],
    ['https://aiplatform.googleapis.com', { google_raw_predict: true }, 'vertex'],
    ['https://claude.example.com', { anthropic_messages: true }, 'anthropic'],
    ['https://gpu.example.com', {}, undefined],
    ['http://100.101.102.103:8000', { anthropic_messages: true }, undefined],
    ['http://gpu.tail1234.ts.net', { anthropic_messages: true }, undefined],
  ])('of %s with %j is %s', (baseurl, compatibility, basis) => {
    expect(configured({ baseurl, compatibility }).costBasis).toBe(basis)
  })
})

describe('a price of one’s own', () => {
  it('may be per second, or what the machine draws times what that costs', async () => {
    const both = await price({ prices: { '*': { watts: 450, kwh: 0.32, second: 0.0001 } } }, 'm')
    // $0.00004 of electricity and $0.0001 of the machine, for each second.
    expect(cost(both, 5, 1000)).toBe(140_000)
  })

  it('may rise with the prompt', async () => {
    const found = await price({ prices: { m: { input: 1, input_above_200k: 2 } } }, 'm')
    expect(cost(found, 200_000)).toBe(200_000_000)
    expect(cost(found, 200_001)).toBe(400_002_000)
  })

  it.each(['watts', 'kwh'])('is refused where %s stands alone', (name) => {
    const { problems } = read({
      providers: { p: { baseurl: 'http://a', prices: { '*': { [name]: 1 } } } },
    })
    expect(problems.filter(({ severity }) => severity === 'error')).toMatchObject([
      { path: `providers.p.prices["*"].${name}` },
    ])
  })

  it('is refused where it is negative', () => {
    const { config } = read({
      providers: { p: { baseurl: 'http://a', prices: { '*': { input: -1 } } } },
    })
    expect(config).toBeUndefined()
  })
})

describe('what a provider says it took', () => {
  const billed = (file: object, told: number | undefined, more?: object) =>
    billedBy({ provider: configured(file, more), model: 'qwen/qwen3-8b' }, told)
  const openrouter = { baseurl: 'https://openrouter.ai/api/' }

  it('holds for OpenRouter, zero as well', () => {
    expect(billed(openrouter, 4_900_000)).toBe(4_900_000)
    expect(billed({ cost_basis: 'openrouter' }, 0)).toBe(0)
    expect(billed(openrouter, undefined)).toBeUndefined()
  })

  it('does not hold against what its owner wrote', () => {
    expect(billed({ ...openrouter, prices: { '*': { input: 1 } } }, 5)).toBeUndefined()
    const model_cost_map = [{ match: 'qwen/*', as: 'gpt-5' }]
    expect(billed({ ...openrouter, model_cost_map }, 5)).toBeUndefined()
    expect(billed(openrouter, 5, { auto_cost_basis: false })).toBeUndefined()
  })

  it('does not hold for anybody else', () => {
    expect(billed({}, 5)).toBeUndefined()
    expect(billed({ baseurl: 'https://api.openai.com' }, 5)).toBeUndefined()
  })
})
