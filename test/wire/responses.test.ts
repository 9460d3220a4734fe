import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Exchange, type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { until } from '../support/raw.ts'
import { aliceHeaders } from '../support/setup.ts'

const usage = { input_tokens: 11, output_tokens: 6, total_tokens: 17 }

/** Keeps responses as OpenAI does; one in the background is done when it was fetched twice. */
const keeping = (name: string) => {
  const kept = new Map<string, { asked: number; background: boolean }>()
  let count = 0
  return ({ request, json, response }: Exchange): boolean => {
    const send = (status: number, body: unknown): true => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
      return true
    }
    const path = request.path.split('?')[0] ?? ''
    if (path === '/v1/responses/input_tokens') {
      return send(200, { object: 'response.input_tokens', input_tokens: 11 })
    }
    if (path === '/v1/responses/compact') {
      return send(200, { id: 'resp_c', object: 'response.compaction', output: [], usage })
    }
    if (path === '/v1/responses') {
      const id = `resp_${name}${++count}`
      kept.set(id, { asked: 0, background: json.background === true })
      const begun = { id, object: 'response', status: 'queued', output: [], usage: null }
      if (json.background === true) return send(200, begun)
      const done = { ...begun, status: 'completed', usage }
      const { id: last, ...rest } = done
      if (json.stream !== true) return send(200, json.late === true ? { ...rest, id: last } : done)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const event = (type: string, body: object) =>
        response.write(`event: ${type}\ndata: ${JSON.stringify({ type, response: body })}\n\n`)
      event('response.created', { ...begun, instructions: 'x'.repeat(20_000) })
      event('response.completed', done)
      response.end()
      return true
    }
    const [, id = '', suffix] = /^\/v1\/responses\/([^/]+)(\/\w+)?$/.exec(path) ?? []
    const found = kept.get(id)
    if (!found)
      return request.method === 'GET' && path === '/v1/models'
        ? false
        : send(404, { error: { message: 'gone' } })
    if (request.method === 'DELETE') {
      kept.delete(id)
      return send(200, { id, object: 'response', deleted: true })
    }
    if (suffix === '/input_items') return send(200, { object: 'list', data: [], has_more: false })
    if (suffix === '/cancel')
      return send(200, { id, object: 'response', status: 'cancelled', usage: null })
    found.asked++
    const done = !found.background || found.asked > 1
    return send(200, {
      id,
      object: 'response',
      status: done ? 'completed' : 'in_progress',
      output: [],
      usage: done ? usage : null,
    })
  }
}

let upstream: FakeUpstream
let other: FakeUpstream
let gateway: TestGateway
const speaking = (baseurl: string, more: object = {}) => ({
  baseurl,
  models: ['gpt'],
  compatibility: { openai_responses: true },
  prices: { '*': { input: 1, output: 1 } },
  ...more,
})
const grant = (src: string, models: string) => ({
  src: [src],
  app: { 'tailscale.com/cap/aperture': [{ role: 'user', models }] },
})
beforeAll(async () => {
  upstream = await startUpstream(keeping('a'))
  other = await startUpstream(keeping('b'))
  gateway = await startTestGateway({
    providers: {
      first: speaking(upstream.url, { preference: 1 }),
      second: speaking(other.url, { models: ['gpt', 'other'] }),
      found: { baseurl: other.url, models: ['plain'] },
    },
    grants: [grant('alice@example.com', '**'), grant('owner', '**')],
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
  await other.stop()
})

const owner = { ...aliceHeaders, authorization: `Basic ${btoa('owner:owner-password')}` }
const ask = (path: string, init: RequestInit & { json?: object } = {}, to = gateway) =>
  fetch(to.url + path, {
    headers: aliceHeaders,
    ...(init.json && { method: 'POST', body: JSON.stringify(init.json) }),
    ...init,
  })
const make = async (more: object = {}, to = gateway): Promise<string> => {
  const response = await ask('/v1/responses', { json: { model: 'gpt', input: 'hi', ...more } }, to)
  expect(response.status).toBe(200)
  return (await response.json()).id
}
const rows = () => gateway.store.usage

describe('a response that its provider keeps', () => {
  it('can be fetched, listed, cancelled and deleted by the SDK', async () => {
    const client = new OpenAI({
      apiKey: 'alice:alice-password',
      baseURL: `${gateway.url}/v1`,
      maxRetries: 0,
    })
    const made = await client.responses.create({ model: 'gpt', input: 'hi' })
    expect((await client.responses.retrieve(made.id)).status).toBe('completed')
    expect(
      (await client.responses.inputItems.list(made.id, { limit: 5, order: 'asc' })).data,
    ).toEqual([])
    expect(upstream.requests.at(-1)?.path).toBe(
      `/v1/responses/${made.id}/input_items?limit=5&order=asc`,
    )
    expect((await client.responses.cancel(made.id)).status).toBe('cancelled')
    await client.responses.delete(made.id)
    expect(upstream.requests.at(-1)?.method).toBe('DELETE')
    await expect(client.responses.retrieve(made.id)).rejects.toMatchObject({ status: 404 })
  })

  it('is charged once, not with each that fetches it', async () => {
    const id = await make()
    await until(() => rows().at(-1)?.route === '/v1/responses')
    expect(rows().at(-1)).toMatchObject({ inputTokens: 11, costNanousd: 17_000 })
    await (await ask(`/v1/responses/${id}`)).text()
    await until(() => rows().at(-1)?.route === `/v1/responses/${id}`)
    expect(rows().at(-1)).toMatchObject({
      provider: 'first',
      model: 'gpt',
      tokensSource: 'none',
      inputTokens: 0,
      costNanousd: 0,
      status: 200,
    })
  })

  it('is known by its id also where that came in a stream, or last in the answer', async () => {
    const streamed = await ask('/v1/responses', {
      json: { model: 'gpt', input: 'hi', stream: true },
    })
    const id = /"id":"(resp_\w+)"/.exec(await streamed.text())?.[1]
    expect((await ask(`/v1/responses/${id}`)).status).toBe(200)
    expect((await ask(`/v1/responses/${await make({ late: true })}`)).status).toBe(200)
  })

  it('sends its provider what belongs to the question, and no key', async () => {
    const id = await make()
    await ask(`/v1/responses/${id}?include[]=a&include[]=b&key=alice:alice-password&x=1`)
    expect(decodeURIComponent(upstream.requests.at(-1)?.path ?? '')).toBe(
      `/v1/responses/${id}?include[]=a&include[]=b`,
    )
  })

  it.each([
    ['GET', ''],
    ['DELETE', ''],
    ['POST', '/cancel'],
    ['GET', '/input_items'],
  ])('is not there for anybody else: %s %s', async (method, suffix) => {
    const id = await make()
    const before = upstream.requests.length
    const theirs = await ask(`/v1/responses/${id}${suffix}`, { method, headers: owner })
    const nobodys = await ask(`/v1/responses/resp_none${suffix}`, { method })
    expect([theirs.status, nobodys.status]).toEqual([404, 404])
    expect((await theirs.json()).error.message).toBe(`There is no response "${id}" here.`)
    expect(upstream.requests.length).toBe(before)
    expect((await ask(`/v1/responses/${id}`, { headers: {} })).status).toBe(401)
  })

  it('is out of reach once its model is not granted any more', async () => {
    const id = await make()
    await gateway.reload({
      grants: [grant('alice@example.com', 'second/**'), grant('owner', '**')],
    })
    expect((await ask(`/v1/responses/${id}`)).status).toBe(404)
    await gateway.reload({})
    expect((await ask(`/v1/responses/${id}`)).status).toBe(200)
  })

  it('is still its owner’s after a restart', async () => {
    const id = await make()
    await until(() => gateway.store.responses.has(id))
    const next = await startTestGateway(
      {
        providers: { first: speaking(upstream.url), second: speaking(other.url) },
        grants: [grant('alice@example.com', '**'), grant('owner', '**')],
      },
      { platform: { store: gateway.store } },
    )
    expect((await ask(`/v1/responses/${id}`, {}, next)).status).toBe(200)
    expect((await ask(`/v1/responses/${id}`, { headers: owner }, next)).status).toBe(404)
    await next.stop()
  })

  it('is where a conversation goes on, for its owner only, at the provider that has it', async () => {
    const id = await make({ model: 'second/gpt' })
    const before = other.requests.length
    await make({ previous_response_id: id })
    expect(other.requests.length).toBe(before + 1)
    for (const previous of [id, 'resp_unknown']) {
      const refused = await ask('/v1/responses', {
        headers: owner,
        json: { model: 'gpt', input: 'hi', previous_response_id: previous },
      })
      expect(refused.status).toBe(404)
    }
    expect(other.requests.length).toBe(before + 1)
  })

  it('is counted before it is made, and compacted, where a provider can', async () => {
    const json = { model: 'gpt', input: 'hi' }
    const counted = await ask('/v1/responses/input_tokens', { json })
    expect(await counted.json()).toMatchObject({ input_tokens: 11 })
    await until(() => rows().at(-1)?.route === '/v1/responses/input_tokens')
    expect(rows().at(-1)).toMatchObject({ tokensSource: 'none', costNanousd: 0 })
    expect((await ask('/v1/responses/compact', { json })).status).toBe(200)
    await until(() => rows().at(-1)?.route === '/v1/responses/compact')
    expect(rows().at(-1)).toMatchObject({ inputTokens: 11, outputTokens: 6 })
  })
})

describe('a response in the background', () => {
  it('is charged when it first tells what it used', async () => {
    const id = await make({ background: true })
    await until(() => rows().at(-1)?.route === '/v1/responses')
    expect(rows().at(-1)).toMatchObject({ tokensSource: 'none', costNanousd: 0 })
    const told = []
    for (let i = 0; i < 3; i++) {
      const before = rows().length
      await (await ask(`/v1/responses/${id}`)).text()
      await until(() => rows().length > before)
      told.push(rows().at(-1)?.inputTokens)
    }
    expect(told).toEqual([0, 11, 0])
    expect(gateway.store.responses.get(id)?.settled).toBe(true)
  })

  it.each([true, 1, 'true'])(
    'is refused with %j where no provider keeps responses, as it could never be fetched',
    async (background) => {
      const { url } = other
      const local = await startTestGateway({
        providers: { gpu: speaking(url, { compatibility: undefined, models: ['gpt'] }) },
        grants: [grant('alice@example.com', '**')],
      })
      // Ollama, as far as the registry knows.
      const providers = local.state.registry.providers()
      Object.assign(providers[0] ?? {}, {
        dialects: new Set(['openai_responses']),
        server: 'ollama',
      })
      const before = other.requests.length
      const json = { model: 'gpt', input: 'hi', background }
      const response = await ask('/v1/responses', { json }, local)
      expect(response.status).toBe(400)
      expect((await response.json()).error.message).toContain('"gpu" does not')
      expect(other.requests.length).toBe(before)
      await local.stop()
    },
  )

  it('goes to the provider that keeps it, and not more than a few are left unfetched', async () => {
    const answers = []
    for (let i = 0; i < 40; i++) {
      const json = { model: 'gpt', input: 'hi', background: true }
      answers.push((await ask('/v1/responses', { headers: owner, json })).status)
    }
    expect(answers.filter((status) => status === 200)).toHaveLength(32)
    expect(answers.at(-1)).toBe(429)
  })
})
