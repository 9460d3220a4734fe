import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { chat, providerKey, together } from '../support/setup.ts'

let evil: FakeUpstream
beforeAll(async () => {
  evil = await startUpstream()
})
afterAll(() => evil.stop())

const t = together({
  script: {
    byModel: {
      redirects: ({ response }) => {
        const location = `${evil.url}/v1/chat/completions`
        response.writeHead(307, { location, 'content-type': 'application/json' })
        response.end('{"choices":[]}')
      },
      quotes: ({ request, response }) => {
        response.writeHead(400, { 'content-type': 'application/json' })
        const message = `bad key ${providerKey} at ${request.headers.host}`
        response.end(JSON.stringify({ error: { message, hint: 'see the manual' } }))
      },
      refuses: ({ response }) => {
        response.writeHead(401, { 'content-type': 'application/json' })
        response.end(`{"error":{"message":"Incorrect API key provided: ${providerKey}"}}`)
      },
      busy: ({ response }) => {
        response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '7' })
        response.end('{"error":{"message":"slow down"}}')
      },
      cookies: ({ response }) => {
        response.writeHead(200, {
          'content-type': 'application/json',
          'set-cookie': 'a=b',
          server: 'secret/1.0',
          'x-powered-by': 'secret',
          'access-control-allow-origin': '*',
        })
        response.end('{"choices":[]}')
      },
    },
  },
})

describe('what a provider answers', () => {
  it('is never a redirect: key and prompt stay here', async () => {
    const response = await chat(t.url, { model: 'redirects' })
    expect(response.status).toBe(502)
    expect((await response.json()).error.code).toBe('upstream_error')
    expect(evil.requests).toEqual([])
  })

  it('is never its own 401, and nobody is banned or suspected for it', async () => {
    for (let i = 0; i < 8; i++) {
      const response = await chat(t.url, { model: 'refuses' })
      expect(response.status).toBe(502)
      expect(await response.text()).not.toContain(providerKey)
    }
    expect(t.gateway.store.failures).toEqual([])
    expect((await chat(t.url, { model: 'm' })).status).toBe(200)
  })

  it('keeps the words of its errors, but for its key and address', async () => {
    const response = await chat(t.url, { model: 'quotes' })
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({
      error: { message: 'bad key [redacted] at [redacted]', hint: 'see the manual' },
    })
  })

  it('leaves a row with the status that the client saw', async () => {
    for (const model of ['empty', 'html', 'redirects']) {
      await chat(t.url, { model })
      const row = t.gateway.store.usage.at(-1)
      expect(row).toMatchObject({ model, status: 502, outcome: 'upstream_error' })
    }
  })

  it('keeps its 429 and Retry-After', async () => {
    const response = await chat(t.url, { model: 'busy' })
    expect(response.status).toBe(429)
    expect(response.headers.get('retry-after')).toBe('7')
    expect(await response.text()).toContain('slow down')
  })

  it.each(['html', 'empty'])('is refused with 502 when it is %s', async (model) => {
    const response = await chat(t.url, { model })
    expect(response.status).toBe(502)
    expect(await response.text()).not.toMatch(/<html|127\.0\.0\.1/i)
  })

  it('loses cookies, server names and CORS on its way', async () => {
    const { headers } = await chat(t.url, { model: 'cookies' })
    for (const name of ['set-cookie', 'server', 'x-powered-by', 'access-control-allow-origin']) {
      expect(headers.get(name)).toBeNull()
    }
  })
})

describe('a provider that cannot be reached', () => {
  let gateway: TestGateway
  let good: FakeUpstream
  beforeAll(async () => {
    good = await startUpstream()
    const closed = createServer()
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
    const { port } = closed.address() as AddressInfo
    await new Promise((resolve) => closed.close(resolve))
    const dead = `http://127.0.0.1:${port}`
    gateway = await startTestGateway({
      providers: {
        first: { baseurl: dead, models: ['m', 'only-dead'], preference: 5 },
        second: { baseurl: good.url, models: ['m'] },
      },
      grants: [
        { src: ['*'], app: { 'tailscale.com/cap/aperture': [{ role: 'user' }, { models: '**' }] } },
      ],
    })
  })
  afterAll(async () => {
    await gateway.stop()
    await good.stop()
  })

  it('is passed over for the next one, before anything was sent', async () => {
    const response = await chat(gateway.url, { model: 'm' })
    expect(response.status).toBe(200)
    expect(gateway.store.usage.at(-1)?.provider).toBe('second')
  })

  it('is a 502 that names neither host nor port when there is no next one', async () => {
    const response = await chat(gateway.url, { model: 'only-dead' })
    expect(response.status).toBe(502)
    const text = await response.text()
    expect(text).toContain('"code":"upstream_error"')
    expect(text).not.toMatch(/127\.0\.0\.1|ECONNREFUSED|:\d{4,5}/)
  })

  it('can be chosen by its name, which the model server never sees', async () => {
    const response = await chat(gateway.url, { model: 'second/m' })
    expect(response.status).toBe(200)
    expect(JSON.parse(good.requests.at(-1)?.body ?? '').model).toBe('m')
  })
})

describe('time limits', () => {
  it('answer 504 when the first byte does not come, and stop the upstream', async () => {
    const upstream = await startUpstream()
    const gateway = await startTestGateway({
      providers: { local: { baseurl: upstream.url, models: ['silent'] } },
      limits: { first_byte: '150ms' },
    })
    const response = await chat(gateway.url, { model: 'silent' })
    expect(response.status).toBe(504)
    expect((await response.json()).error.code).toBe('upstream_timeout')
    await upstream.closed(1)
    await gateway.stop()
    await upstream.stop()
  })
})
