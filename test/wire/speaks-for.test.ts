import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { until } from '../support/raw.ts'

const secret = 'only-open-webui-and-we-know-this-one'
// Open WebUI has bob's password here; who is asked for is alice.
const credential = { authorization: `Bearer ${'bob:bob-password'}` }

let upstream: FakeUpstream
let gateway: TestGateway
beforeAll(async () => {
  upstream = await startUpstream()
  const user = [{ role: 'user', models: '**' }]
  gateway = await startTestGateway({
    webui: {
      url: 'http://127.0.0.1:9',
      sso: 'trusted-header',
      speaks_for: { login: 'bob', secret },
    },
    providers: { local: { baseurl: upstream.url, models: ['fake-model'] } },
    // A proxy on loopback, so that a ban would be felt.
    listeners: [{ name: 'front', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }],
    grants: ['bob', 'group:family'].map((name) => ({
      src: [name],
      app: { 'tailscale.com/cap/aperture': user },
    })),
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
})

const token = (email: string, key = secret) =>
  new SignJWT({ email, name: 'Somebody', role: 'user' })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer('open-webui')
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(key))

const complete = (headers: Record<string, string>) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-forwarded-for': '203.0.113.8',
      ...headers,
    },
    body: JSON.stringify({ model: 'fake-model', messages: [{ role: 'user', content: 'Hello' }] }),
  })

/** The row that the next request leaves. */
const rowOf = async (asking: Promise<Response>) => {
  const before = gateway.store.usage.length
  expect((await asking).status).toBe(200)
  await until(() => gateway.store.usage.length > before)
  return gateway.store.usage.at(-1)
}

describe('Open WebUI that asks for a person', () => {
  it('leaves a row under the person, with the credential that was used', async () => {
    const jwt = await token('alice@example.com')
    const row = await rowOf(complete({ ...credential, 'x-openwebui-user-jwt': jwt }))
    expect(row).toMatchObject({
      login: 'alice@example.com',
      kind: 'password',
      credentialId: 'bob',
    })
  })

  it('does not send on who that is', async () => {
    const jwt = await token('alice@example.com')
    await complete({ ...credential, 'x-openwebui-user-jwt': jwt })
    const seen = JSON.stringify(upstream.requests.at(-1)?.headers)
    expect(seen).not.toMatch(/openwebui|alice/i)
  })

  it('leaves a row under its own login where it names nobody', async () => {
    expect(await rowOf(complete(credential))).toMatchObject({ login: 'bob' })
  })

  it('is refused with a token that is not right, and not for guessing', async () => {
    const wrong = await token('alice@example.com', 'another-secret-of-thirty-two-chars!!')
    for (let i = 0; i < 8; i++) {
      const response = await complete({ ...credential, 'x-openwebui-user-jwt': wrong })
      expect(response.status).toBe(401)
    }
    expect(gateway.store.failures.at(-1)).toMatchObject({ reason: 'bad_user_token', user: 'bob' })
    expect((await complete(credential)).status).toBe(200)
  })

  it('is nobody else: another caller says nothing by such a token', async () => {
    const jwt = await token('owner@postern.local')
    const alice = { authorization: `Basic ${btoa('alice:alice-password')}` }
    const row = await rowOf(complete({ ...alice, 'x-openwebui-user-jwt': jwt }))
    expect(row).toMatchObject({ login: 'alice@example.com', credentialId: 'alice' })
  })
})
