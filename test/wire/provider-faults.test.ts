import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { frame } from '../support/fake-dialects.ts'
import { type Behaviour, type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { aliceHeaders, chat } from '../support/setup.ts'

/** What goes wrong, by the model in the path. */
const faults: Readonly<Record<string, Behaviour>> = {
  redirects: ({ response }) => {
    response.writeHead(307, { location: `${evil.url}/steal` })
    response.end()
  },
  echoes: ({ request, response }) => {
    response.writeHead(400, {
      'content-type': 'application/json',
      'x-amzn-errortype': 'ValidationException',
    })
    const key = request.headers['x-goog-api-key'] ?? request.headers.authorization
    response.end(JSON.stringify({ message: `bad ${key} at ${request.headers.host}` }))
  },
  refuses: ({ request, response }) => {
    response.writeHead(401, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ message: JSON.stringify(request.headers) }))
  },
  breaks: ({ request, response }) => {
    const sse = request.path.includes('alt=sse')
    const amazon = request.path.startsWith('/model/')
    const type = amazon ? 'application/vnd.amazon.eventstream' : 'application/json'
    response.writeHead(200, { 'content-type': sse ? 'text/event-stream' : type })
    const piece = amazon ? frame('{"delta":{"text":"a"}}') : '[{"candidates":[]},'
    response.write(sse ? 'data: {"candidates":[]}\n\n' : piece)
    setTimeout(() => response.destroy(), 20)
  },
}

const keys = {
  gemini: 'AIza-canary-0123',
  amazon: 'bedrock-canary-0123',
  splunk: 'hec-canary-0123',
}
let upstream: FakeUpstream
let evil: FakeUpstream
let gateway: TestGateway

beforeAll(async () => {
  evil = await startUpstream()
  upstream = await startUpstream(async (exchange) => {
    const { path } = exchange.request
    const name = Object.keys(faults).find((fault) => path.includes(fault))
    await faults[name ?? '']?.(exchange)
    return name !== undefined
  })
  const models = Object.keys(faults)
  const baseurl = upstream.url
  gateway = await startTestGateway({
    providers: {
      local: {
        baseurl,
        models,
        apikey: keys.gemini,
        authorization: 'x-goog-api-key',
        compatibility: { gemini_generate_content: true },
      },
      amazon: {
        baseurl,
        models,
        apikey: keys.amazon,
        compatibility: { bedrock_converse: true },
      },
      splunk: {
        baseurl: `${baseurl}/echoes`,
        models: ['echoes'],
        apikey: keys.splunk,
        authorization: 'hec',
      },
    },
    grants: [
      {
        src: ['alice@example.com'],
        app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] },
      },
    ],
  })
})
afterAll(async () => {
  await gateway.stop()
  await Promise.all([upstream.stop(), evil.stop()])
})

const ask = (path: string): Promise<Response> =>
  fetch(gateway.url + path, { method: 'POST', headers: aliceHeaders, body: '{}' })
const paths = (model: string) => [
  `/v1beta/models/${model}:generateContent`,
  `/bedrock/model/${model}/converse`,
]

describe('a provider that does wrong, in any dialect', () => {
  it.each(paths('redirects'))('is not followed: %s', async (path) => {
    expect((await ask(path)).status).toBe(502)
    expect(evil.requests).toEqual([])
  })

  it.each([...paths('echoes'), 'chat'])(
    'has its words scrubbed of key and address: %s',
    async (path) => {
      const response =
        path === 'chat' ? await chat(gateway.url, { model: 'splunk/echoes' }) : await ask(path)
      expect(response.status).toBe(400)
      expect((await response.text()).replace('Splunk ', '')).toBe(
        '{"message":"bad [redacted] at [redacted]"}',
      )
      if (path.startsWith('/bedrock')) {
        expect(response.headers.get('x-amzn-errortype')).toBe('ValidationException')
      }
    },
  )

  it.each(paths('refuses'))('answers 401 for itself, and bans nobody: %s', async (path) => {
    for (let i = 0; i < 8; i++) {
      const response = await ask(path)
      expect(response.status).toBe(502)
      expect(await response.text()).not.toMatch(/canary|127\.0\.0\.1/)
    }
    expect(gateway.store.failures).toEqual([])
    expect(gateway.store.bans).toEqual([])
  })

  it.each([
    ['/v1beta/models/breaks:streamGenerateContent?alt=sse', /"status":"UNKNOWN"/],
    ['/v1beta/models/breaks:streamGenerateContent', undefined],
    ['/bedrock/model/breaks/converse-stream', undefined],
  ])('cannot make a broken stream look finished: %s', async (path, words) => {
    const response = await ask(path)
    expect(response.status).toBe(200)
    let text = ''
    const read = async () => {
      const decoder = new TextDecoder('latin1')
      for await (const chunk of response.body ?? []) text += decoder.decode(chunk as Uint8Array)
    }
    await expect(read()).rejects.toThrow()
    if (words) expect(text).toMatch(words)
    else expect(text).not.toMatch(/data:|error/)
    expect(gateway.store.usage.at(-1)).toMatchObject({ outcome: 'upstream_error' })
  })

  it('leaks no key into an answer, a log line or a row', () => {
    const { usage, failures, bans } = gateway.store
    const kept = JSON.stringify([gateway.log, usage, failures, bans])
    for (const key of Object.values(keys)) {
      expect(JSON.stringify(upstream.requests)).toContain(key)
      expect(kept).not.toContain(key)
    }
  })
})
