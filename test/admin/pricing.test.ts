import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'

const cap = 'tailscale.com/cap/aperture'
const grants = [
  { src: ['owner'], app: { [cap]: [{ role: 'admin', models: '**' }] } },
  { src: ['group:family'], app: { [cap]: [{ role: 'user', read_pricing: true }] } },
  { src: ['bob'], app: { [cap]: [{ role: 'user', models: '**' }] } },
]
const providers = {
  claude: {
    baseurl: 'https://api.anthropic.com',
    compatibility: { anthropic_messages: true },
    models: ['claude-sonnet-4-6', 'claude-sonnet-4-5', 'claude-of-tomorrow'],
  },
  box: {
    baseurl: 'http://127.0.0.1:9',
    models: ['Qwen/Qwen3-32B', 'plain'],
    prices: { 'Qwen/Qwen3-32B': { input: 0.1, output: 0.000025, watts: 360, kwh: 0.25 } },
  },
  lab: {
    baseurl: 'http://127.0.0.1:9',
    models: ['mine'],
    model_cost_map: [{ match: 'mine', as: 'openai/gpt-4o', adjustment: 0.5 }],
  },
  named: {
    baseurl: 'http://127.0.0.1:9',
    models: ['claude-sonnet-4-6'],
    compatibility: { anthropic_messages: true },
    cost_basis: 'anthropic',
  },
  old: {
    baseurl: 'http://127.0.0.1:9',
    models: ['m'],
    prices: { '*': { input: 1 } },
    disabled: true,
  },
}

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({ providers, grants })
})
afterAll(() => gateway.stop())

const ask = (path: string, user = 'alice', headers: Readonly<Record<string, string>> = {}) =>
  fetch(gateway.url + path, {
    headers: { authorization: `Basic ${btoa(`${user}:${user}-password`)}`, ...headers },
  })

interface Pricing {
  readonly currency: string
  readonly units: Readonly<Record<string, unknown>>
  readonly cost_bases: readonly string[]
  readonly models: Readonly<
    Record<string, { readonly cost_bases: Readonly<Record<string, object>> }>
  >
  readonly configured_adjustments: { readonly providers: Readonly<Record<string, object>> }
}
const pricing = async (path: string) => (await (await ask(path)).json()) as Pricing

const decimal = z.string().regex(/^\d+\.\d{2,}$/)
const rate = z.strictObject({
  source: z.string(),
  resolved_model: z.string(),
  resolver_adjustment: z.number(),
  effective_pricing: z.strictObject(
    Object.fromEntries(
      [
        ...['input', 'output', 'input_above_200k', 'output_above_200k', 'image', 'web_search'],
        ...['input_cache_read', 'input_cache_write', 'input_cache_write_1h', 'internal_reasoning'],
      ].map((name) => [name, decimal.optional()]),
    ),
  ),
})
/** As the OpenAPI description of a running Aperture (version 0) has it: nothing more, and nothing less. */
const catalog = z.strictObject({
  currency: z.string(),
  units: z.record(z.string(), z.strictObject({ basis: z.string(), quantity: z.int() })),
  cost_bases: z.array(z.string()),
  models: z.record(z.string(), z.strictObject({ cost_bases: z.record(z.string(), rate) })),
  configured_adjustments: z.strictObject({
    providers: z.record(
      z.string(),
      z.strictObject({
        cost_basis: z.string().optional(),
        cost_basis_source: z.enum(['explicit', 'inferred', 'none']),
        model_cost_map: z.array(
          z.strictObject({
            match: z.string(),
            as: z.string(),
            adjustment: z.number().optional(),
          }),
        ),
      }),
    ),
  }),
})

describe('GET /aperture/pricing', () => {
  it('is for whom a grant lets read prices, and not for every admin', async () => {
    expect((await ask('/aperture/pricing')).status).toBe(200)
    expect((await ask('/aperture/pricing', 'owner')).status).toBe(403)
    expect((await ask('/aperture/pricing/plain', 'bob')).status).toBe(403)
    expect((await fetch(`${gateway.url}/aperture/pricing`)).status).toBe(401)
  })

  it.each(['', '/claude-sonnet-4-5', '/nobody-has-it'])(
    'has the shape of Aperture’s own API, for one model as for all (%s)',
    async (path) => {
      const answer: unknown = await pricing(`/aperture/pricing${path}`)
      expect(catalog.parse(answer)).toEqual(answer)
    },
  )

  it('lists every model with a known price that an enabled provider offers, whoever may use it', async () => {
    const { models } = await pricing('/aperture/pricing')
    expect(Object.keys(models)).toEqual([
      'claude-sonnet-4-6',
      'claude-sonnet-4-5',
      'Qwen/Qwen3-32B',
      // What another model is said to cost like.
      'openai/gpt-4o',
    ])
  })

  it('has what each list says of a model, as decimals in units that it names', async () => {
    const { currency, models, units, cost_bases } = await pricing('/aperture/pricing')
    expect(currency).toBe('USD')
    expect(models['claude-sonnet-4-5']?.cost_bases.anthropic).toEqual({
      source: 'anthropic',
      resolved_model: 'claude-sonnet-4-5',
      resolver_adjustment: 1,
      effective_pricing: {
        input: '3.00',
        output: '15.00',
        input_above_200k: '6.00',
        output_above_200k: '22.50',
        input_cache_read: '0.30',
        input_cache_write: '3.75',
        input_cache_write_1h: '6.00',
        web_search: '0.01',
      },
    })
    expect(models['openai/gpt-4o']?.cost_bases.openai).toMatchObject({
      resolved_model: 'gpt-4o',
      effective_pricing: { input: '2.50', output: '10.00' },
    })
    expect(units).toMatchObject({
      input: { basis: 'token', quantity: 1_000_000 },
      image: { basis: 'image_token', quantity: 1_000_000 },
      web_search: { basis: 'query', quantity: 1 },
    })
    expect(cost_bases).toEqual(expect.arrayContaining(['anthropic', 'azure-eu', 'own/box']))
  })

  it('has a price that the configuration names under a basis of the provider’s own', async () => {
    const { models, configured_adjustments } = await pricing('/aperture/pricing')
    expect(models['Qwen/Qwen3-32B']?.cost_bases['own/box']).toEqual({
      source: 'own',
      resolved_model: 'Qwen/Qwen3-32B',
      resolver_adjustment: 1,
      effective_pricing: { input: '0.10', output: '0.000025' },
    })
    expect(configured_adjustments.providers.box).toEqual({
      cost_basis: 'own/box',
      cost_basis_source: 'explicit',
      model_cost_map: [],
    })
  })

  it('says how each provider’s basis was found, and what its models cost like', async () => {
    const { configured_adjustments } = await pricing('/aperture/pricing/nobody-has-it')
    expect(configured_adjustments.providers).toMatchObject({
      claude: { cost_basis: 'anthropic', cost_basis_source: 'inferred' },
      named: { cost_basis: 'anthropic', cost_basis_source: 'explicit' },
      lab: {
        cost_basis_source: 'none',
        model_cost_map: [{ match: 'mine', as: 'openai/gpt-4o', adjustment: 0.5 }],
      },
    })
    expect(configured_adjustments.providers.lab).not.toHaveProperty('cost_basis')
  })

  it('finds a model by its name with slashes and all, with or without its provider', async () => {
    for (const name of ['Qwen/Qwen3-32B', 'box/Qwen/Qwen3-32B']) {
      const { models } = await pricing(`/aperture/pricing/${name.replace('-', '%2D')}`)
      expect(models[name]?.cost_bases['own/box']).toMatchObject({
        resolved_model: 'Qwen/Qwen3-32B',
      })
    }
    expect((await pricing('/aperture/pricing/Qwen3-of-nobody')).models).toEqual({})
  })

  it('has no models for one that is not there, has no known price, or is turned off', async () => {
    for (const name of ['nobody-has-it', 'plain', 'claude-of-tomorrow', 'old/m']) {
      expect((await pricing(`/aperture/pricing/${name}`)).models).toEqual({})
    }
  })

  it('answers 304 to who has it, until it changes', async () => {
    const path = '/aperture/pricing/Qwen/Qwen3-32B'
    const etag = (await ask(path)).headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[0-9a-f]{32}"$/)
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const same = await ask(path, 'alice', { 'if-none-match': tag })
      expect([same.status, await same.text(), same.headers.get('etag')]).toEqual([304, '', etag])
    }
    expect((await ask(path, 'alice', { 'if-none-match': '"other"' })).status).toBe(200)
    const prices = { '*': { input: 0.2 } }
    await gateway.reload({ providers: { ...providers, box: { ...providers.box, prices } } })
    expect((await ask(path, 'alice', { 'if-none-match': etag })).status).toBe(200)
    await gateway.reload({ providers })
  })
})

describe('GET /v1/models', () => {
  it('has the prices that are known, per token and as plain decimals', async () => {
    const { data } = (await (await ask('/v1/models', 'owner')).json()) as {
      data: { id: string; pricing?: unknown }[]
    }
    const byId = Object.fromEntries(data.map((row) => [row.id, row.pricing]))
    expect(byId['claude-sonnet-4-6']).toEqual({
      input: '0.00000300',
      output: '0.00001500',
      input_cache_read: '0.00000030',
      input_cache_write: '0.00000375',
      input_cache_write_1h: '0.00000600',
      web_search: '0.01000000',
    })
    expect(byId['claude-sonnet-4-5']).toMatchObject({ input_above_200k: '0.00000600' })
    expect(byId['Qwen/Qwen3-32B']).toEqual({
      input: '0.00000010',
      output: '0.000000000025',
      second: '0.00002500',
    })
    expect(byId.plain).toBeUndefined()
    expect(byId['claude-of-tomorrow']).toBeUndefined()
  })

  it('has them for one model as well', async () => {
    const row = await (await ask('/v1/models/lab/mine', 'owner')).json()
    expect(row).toMatchObject({ id: 'mine', pricing: { input: '0.00000125' } })
  })
})
