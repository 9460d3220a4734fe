import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { aliceHeaders } from '../support/setup.ts'

let upstream: FakeUpstream
beforeAll(async () => {
  upstream = await startUpstream(({ request, response }) => {
    if (request.method !== 'POST') return false
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}')
    return undefined
  })
})
afterAll(() => upstream?.stop())
afterEach(() => {
  upstream.requests.length = 0
})

const send = async (gateway: TestGateway, path: string, body: string) => {
  const init = { method: 'POST', headers: aliceHeaders, body }
  const response = await fetch(`${gateway.url}${path}`, init)
  return { status: response.status, text: await response.text() }
}
const received = () => upstream.requests.filter(({ method }) => method === 'POST')

const started = async (models: string, listed: readonly string[]) =>
  startTestGateway({
    providers: {
      local: {
        baseurl: upstream.url,
        models: listed,
        compatibility: { openai_chat: true, openai_responses: true },
      },
    },
    grants: [
      {
        src: ['group:family'],
        app: { 'tailscale.com/cap/aperture': [{ role: 'user', models }] },
      },
    ],
  })

describe('a request without a model, from a caller who may use exactly one', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await started('local/qwen', ['qwen', 'other'])
  })
  afterAll(() => gateway?.stop())

  it.each(['/v1/chat/completions', '/v1/embeddings', '/v1/images/generations', '/v1/responses'])(
    'is for that one by %s, which the provider is told',
    async (path) => {
      expect((await send(gateway, path, '{"input":"x"}')).status).toBe(200)
      expect(received().map(({ body }) => body)).toEqual(['{"model":"qwen","input":"x"}'])
      expect(gateway.store.usage.at(-1)).toMatchObject({ model: null, upstreamModel: 'qwen' })
    },
  )
})

describe('a request without a model, from a caller who may use every model of a provider', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await started('local/**', ['qwen', 'other'])
  })
  afterAll(() => gateway?.stop())

  it.each([
    ['/v1/moderations', '{"input":"x"}'],
    ['/v1/images/generations', '{"prompt":"x"}'],
    ['/v1/responses', '{"prompt":{"id":"pmpt_1"}}'],
  ])('goes by %s as it came, for the provider to choose', async (path, body) => {
    expect((await send(gateway, path, body)).status).toBe(200)
    expect(received().map((request) => request.body)).toEqual([body])
  })

  it('is refused where the API needs a model', async () => {
    const { status, text } = await send(gateway, '/v1/chat/completions', '{"messages":[]}')
    expect(status).toBe(400)
    expect(text).toContain('local/qwen, local/other')
    expect(received()).toEqual([])
  })
})
