import { describe, expect, it } from 'vitest'
import { loadCatalogue } from '../../src/gateway/prices/catalogue.ts'
import type { CostBasis } from '../../src/platform/upstream.ts'

const at = Date.UTC(2026, 10, 21, 12)
const catalogue = await loadCatalogue()
const find = (basis: CostBasis | undefined, model: string, when = at) =>
  catalogue.find(basis, model, when)

describe('the catalogue', () => {
  it('has tiers, as the makers have', () => {
    expect(find('google', 'gemini-2.5-pro')?.price).toEqual({
      input: 1.25,
      output: 10,
      inputCacheRead: 0.125,
      tiers: [{ above: 200_000, input: 2.5, output: 15, inputCacheRead: 0.25 }],
    })
  })

  it('has what is paid by the hour, the search and the request', () => {
    expect(find('openai', 'whisper-1')?.price).toEqual({ audioHour: 0.36 })
    expect(find('anthropic', 'claude-sonnet-4-6')?.price.webSearch).toBe(0.01)
    expect(find(undefined, 'perplexity/sonar')?.price).toMatchObject({ input: 1, request: 0.012 })
  })

  it.each([
    ['vertex', 'claude-sonnet-4-6', 'google'],
    ['bedrock-us', 'anthropic.claude-sonnet-4-6', 'aws'],
    ['bedrock', 'amazon.nova-pro-v1:0', 'aws'],
    ['azure-eu', 'gpt-4o', 'azure'],
    ['openrouter', 'openai/gpt-4o', 'openrouter'],
    ['vercel', 'anthropic/claude-sonnet-4-6', 'anthropic'],
    ['vercel', 'xai/grok-4', 'x-ai'],
    [undefined, 'openai/gpt-4o', 'openai'],
    [undefined, 'qwen/qwen3-coder', 'openrouter'],
    [undefined, 'claude-sonnet-4-6', 'anthropic'],
  ] as const)('knows for %s what %s costs', (basis, model, source) => {
    expect(find(basis, model)).toMatchObject({ source })
  })

  it('does not take another list for the one that was named', () => {
    expect(find('anthropic', 'gpt-4o')).toBeUndefined()
    expect(find('openai', 'llama-3.3-70b')).toBeUndefined()
    expect(find(undefined, 'nobody/has-it')).toBeUndefined()
  })

  it('has the price of the moment that is asked about', () => {
    // DeepSeek was cheaper at night, and is no more.
    const cheap = catalogue.find(undefined, 'deepseek/deepseek-chat', Date.UTC(2025, 6, 1, 20))
    const dear = catalogue.find(undefined, 'deepseek/deepseek-chat', Date.UTC(2025, 6, 1, 12))
    expect(cheap?.price.input).toBeLessThan(dear?.price.input ?? 0)
  })

  it('says the same again within a minute', () => {
    expect(find('openai', 'gpt-4o', at + 1)).toBe(find('openai', 'gpt-4o', at))
    for (let i = 0; i < 2000; i++) expect(find('openai', `no-model-${i}`)).toBeUndefined()
    expect(find('openai', 'gpt-4o')?.price.input).toBe(2.5)
  })
})
