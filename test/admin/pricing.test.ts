import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
  readonly units: Readonly<Record<string, unknown>>
  readonly models: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}
const pricing = async (path: string) => (await (await ask(path)).json()) as Pricing

describe('GET /aperture/pricing', () => {
  it('is for whom a grant lets read prices, and not for every admin', async () => {
    expect((await ask('/aperture/pricing')).status).toBe(200)
    expect((await ask('/aperture/pricing', 'owner')).status).toBe(403)
    expect((await ask('/aperture/pricing/plain', 'bob')).status).toBe(403)
    expect((await fetch(`${gateway.url}/aperture/pricing`)).status).toBe(401)
  })

  it('lists every model with a known price of an enabled provider, whoever may use it', async () => {
    const { models } = await pricing('/aperture/pricing')
    expect(Object.keys(models)).toEqual([
      'claude/claude-sonnet-4-6',
      'claude/claude-sonnet-4-5',
      'box/Qwen/Qwen3-32B',
      'lab/mine',
    ])
  })

  it('says whose price it is, in units that it names', async () => {
    const { models, units } = await pricing('/aperture/pricing')
    expect(models['claude/claude-sonnet-4-5']).toEqual({
      provider: 'claude',
      model: 'claude-sonnet-4-5',
      source: 'anthropic',
      resolved_model: 'claude-sonnet-4-5',
      resolver_adjustment: 1,
      input: 3,
      output: 15,
      input_above_200k: 6,
      output_above_200k: 22.5,
      input_cache_read: 0.3,
      input_cache_write: 3.75,
      input_cache_write_1h: 6,
      web_search: 0.01,
    })
    expect(models['lab/mine']).toMatchObject({
      source: 'openai',
      resolved_model: 'gpt-4o',
      resolver_adjustment: 0.5,
      input: 1.25,
      output: 5,
    })
    expect(models['box/Qwen/Qwen3-32B']).toMatchObject({
      source: 'own',
      input: 0.1,
      second: 0.000025,
    })
    expect(units).toMatchObject({
      input: { basis: 'token', quantity: 1_000_000 },
      image: { basis: 'image_token', quantity: 1_000_000 },
      web_search: { basis: 'query', quantity: 1 },
    })
  })

  it('finds a model by its name with slashes and all, with or without its provider', async () => {
    for (const name of ['Qwen/Qwen3-32B', 'box/Qwen/Qwen3-32B', 'box/Qwen/Qwen3%2D32B']) {
      const { models } = await pricing(`/aperture/pricing/${name}`)
      expect(Object.keys(models)).toEqual(['box/Qwen/Qwen3-32B'])
    }
    expect((await pricing('/aperture/pricing/Qwen3-32B')).models).toEqual({})
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

  it('is described', async () => {
    const { paths } = (await (await ask('/aperture/openapi.json')).json()) as {
      paths: Record<string, unknown>
    }
    expect(Object.keys(paths)).toContain('/aperture/pricing/{model}')
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
