import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeIssuer, startIssuer } from '../support/fake-issuer.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { type TestSigner, testSigner } from '../support/keys.ts'
import { until } from '../support/raw.ts'
import { aliceHeaders } from '../support/setup.ts'

let rsa: TestSigner
let next: TestSigner
let issuer: FakeIssuer
let broken: FakeIssuer
let gateway: TestGateway
let ahead = 0

beforeAll(async () => {
  ;[rsa, next] = await Promise.all([testSigner('RS256'), testSigner('ES256')])
  ;[issuer, broken] = await Promise.all([startIssuer(rsa), startIssuer(rsa)])
  const clock = { now: () => Date.now(), elapsed: () => performance.now() + ahead }
  gateway = await startTestGateway(
    {
      auth_failures: { max: 3 },
      listeners: [{ name: 'proxy', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }],
      issuers: [
        {
          issuer: issuer.url,
          audience: 'postern',
          domains: ['example.com'],
          header: 'cf-access-jwt-assertion',
        },
        { issuer: broken.url, audience: 'postern', prefix: 'ci:', login_claim: 'sub' },
      ],
      grants: [
        {
          src: ['alice@example.com', 'ci:build'],
          app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] },
        },
      ],
    },
    { platform: { clock } },
  )
})
afterAll(async () => {
  await gateway.stop()
  await Promise.all([issuer.stop(), broken.stop()])
})

const claims = (changes: object = {}) => ({
  iss: issuer.url,
  aud: ['postern', 'another'],
  sub: 'user-1',
  email: 'alice@example.com',
  email_verified: true,
  iat: Math.floor(Date.now() / 1000),
  exp: Math.floor(Date.now() / 1000) + 600,
  ...changes,
})

const ask = (headers: Record<string, string>): Promise<Response> =>
  fetch(`${gateway.url}/v1/models`, { headers })
const show = async (token: string): Promise<number> =>
  (await ask({ authorization: `Bearer ${token}` })).status

describe('a token of an issuer, over the network', () => {
  it('lets in whom a grant names, and the row says so', async () => {
    expect(await show(await rsa.sign(claims()))).toBe(200)
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/jwks'])
    await until(() => gateway.store.usage.length > 0)
    expect(gateway.store.usage.at(-1)).toMatchObject({
      login: 'alice@example.com',
      kind: 'token',
      credentialId: `${new URL(issuer.url).host}/user-1`,
    })
    expect(await show(await rsa.sign(claims({ email: 'bob@example.com' })))).toBe(403)
  })

  it('may come in the header of Cloudflare Access, where nothing else was offered', async () => {
    const header = { 'cf-access-jwt-assertion': await rsa.sign(claims()) }
    expect((await ask(header)).status).toBe(200)
    expect((await ask({ 'cf-access-jwt-assertion': 'x' })).status).toBe(401)
    expect((await ask({ ...header, authorization: 'Basic Ym9iOndyb25n' })).status).toBe(401)
  })

  it('still works after the issuer rotated its keys, old and new at once', async () => {
    const old = await rsa.sign(claims({ sub: 'rotation' }))
    issuer.publish(rsa, next)
    ahead += 15_000
    expect(await show(await next.sign(claims()))).toBe(200)
    expect(await show(old)).toBe(200)
  })

  it('is not a guess, however wrong', async () => {
    const other = await testSigner('RS256')
    for (let at = 0; at < 5; at++) {
      const headers = { 'x-forwarded-for': '203.0.113.9' }
      const token = await other.sign(claims(), { kid: rsa.kid })
      expect((await ask({ ...headers, authorization: `Bearer ${token}` })).status).toBe(401)
    }
    expect(gateway.store.bans).toEqual([])
  })

  it.each([
    ['answers 500', { status: 500, body: 'oops' }],
    ['redirects', { status: 302, headers: { location: '/jwks' } }],
    ['sends a page', { body: '<html>' }],
    ['sends more than anybody needs', { body: `"${'x'.repeat(300_000)}"` }],
  ])('waits when its issuer %s, and takes nobody else down', async (_, answer) => {
    broken.answer(answer)
    ahead += 15_000
    const asked = broken.asked.length
    const token = await rsa.sign(claims({ iss: broken.url, sub: 'build' }))
    const refused = await ask({ authorization: `Bearer ${token}` })
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(await show(token)).toBe(503)
    expect(broken.asked).toHaveLength(asked + 1)
    expect(await show(await rsa.sign(claims()))).toBe(200)
  })

  it('waits no longer than three seconds for an issuer that is silent, nor makes others wait', async () => {
    broken.answer({ silent: true })
    ahead += 15_000
    const from = performance.now()
    const token = await rsa.sign(claims({ iss: broken.url, sub: 'build' }))
    const waiting = Promise.all([show(token), show(token)])
    const password = await ask(aliceHeaders)
    expect([password.status, await show(await rsa.sign(claims()))]).toEqual([200, 200])
    expect(performance.now() - from).toBeLessThan(1500)
    expect(await waiting).toEqual([503, 503])
    expect(performance.now() - from).toBeLessThan(4000)
    broken.answer(undefined)
    ahead += 15_000
    expect(await show(token)).toBe(200)
  })

  it('is not taken from the header of another issuer', async () => {
    const token = await rsa.sign(claims({ iss: broken.url, sub: 'build' }))
    expect(await show(token)).toBe(200)
    expect((await ask({ 'cf-access-jwt-assertion': token })).status).toBe(401)
  })

  it('needs no question after a reload', async () => {
    await gateway.reload({ log: { level: 'info' } })
    const asked = issuer.asked.length
    expect(await show(await rsa.sign(claims({ sub: 'reload' })))).toBe(200)
    expect(issuer.asked).toHaveLength(asked)
  })
})
