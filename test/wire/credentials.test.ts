import { describe, expect, it } from 'vitest'
import { raw } from '../support/raw.ts'
import { chat, providerKey, together } from '../support/setup.ts'

const t = together()
const models = (headers: Record<string, string>) => fetch(`${t.url}/v1/models`, { headers })

describe('carriers of a credential', () => {
  it.each([
    ['Basic', { authorization: `Basic ${btoa('alice:alice-password')}` }],
    ['basic, in another case', { authorization: `bAsIc ${btoa('alice:alice-password')}` }],
    ['Bearer user:password', { authorization: 'Bearer alice:alice-password' }],
    ['x-api-key', { 'x-api-key': 'alice:alice-password' }],
    ['api-key', { 'api-key': 'alice:alice-password' }],
    ['x-goog-api-key', { 'x-goog-api-key': 'alice:alice-password' }],
    [
      'two that agree',
      { authorization: 'Bearer alice:alice-password', 'x-api-key': 'alice:alice-password' },
    ],
  ])('%s is accepted', async (_what, headers) => {
    expect((await models(headers)).status).toBe(200)
  })

  it('two that disagree are refused', async () => {
    const response = await models({
      authorization: 'Bearer alice:alice-password',
      'x-api-key': 'owner:owner-password',
    })
    expect(response.status).toBe(400)
    expect((await response.json()).error.code).toBe('ambiguous_credentials')
  })

  it('two Authorization lines are refused before anything reads them', async () => {
    const line = `Authorization: Basic ${btoa('alice:alice-password')}\r\n`
    const { statuses, text } = await raw(
      t.port,
      `GET /v1/models HTTP/1.1\r\nHost: a\r\n${line}${line}\r\n`,
    )
    expect(statuses).toEqual([400])
    expect(text).toContain('ambiguous_credentials')
  })

  it.each([
    ['nothing', {}],
    ['no base64', { authorization: 'Basic %%%%' }],
    ['no colon', { authorization: `Basic ${btoa('alice')}` }],
    ['a wrong password', { authorization: `Basic ${btoa('alice:wrong')}` }],
    ['an unknown user', { authorization: `Basic ${btoa("x' OR 1=1--:p")}` }],
    ['an unknown key', { authorization: "Bearer ' OR 1=1--" }],
    ['a list', { authorization: `Basic ${btoa('alice:alice-password')}, Bearer y` }],
    ['15 kB', { authorization: `Bearer ${'x'.repeat(15_000)}` }],
    ['a cookie', { cookie: 'token=alice:alice-password' }],
  ])('%s gets the same 401 as everything else', async (_what, headers) => {
    const response = await models(headers as Record<string, string>)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Basic realm="postern", charset="UTF-8"')
    const body = await response.json()
    delete body.request_id
    expect(body).toEqual({
      error: {
        message: 'Missing or invalid credentials.',
        type: 'authentication_error',
        code: 'invalid_credentials',
        param: null,
      },
    })
  })

  it('takes no key from the query outside the Gemini dialect', async () => {
    expect((await fetch(`${t.url}/v1/models?key=alice:alice-password`)).status).toBe(401)
  })
})

describe('identity headers from outside', () => {
  it.each(['Tailscale-User-Login', 'X-Webauth-User', 'Remote-User', 'X-Forwarded-User'])(
    '%s proves nothing and reaches no upstream',
    async (name) => {
      expect((await models({ [name]: 'owner' })).status).toBe(401)
      await chat(t.url, { model: 'm' }, { headers: { [name]: 'owner' } })
      expect(t.upstream.requests.at(-1)?.headers).not.toHaveProperty(name.toLowerCase())
      expect(t.gateway.store.usage.at(-1)?.login).toBe('alice@example.com')
    },
  )

  it.each([
    'Tailscale_User_Login: owner',
    'Tailscale-User-Login: a\r\nTailscale-User-Login: b',
    'Tailscale-User-Login: owner\r\nTailscale-Funnel-Request: ?1',
    'X_Forwarded_User: owner',
  ])('refuses %j with 400', async (lines) => {
    const { statuses, text } = await raw(
      t.port,
      `GET /v1/models HTTP/1.1\r\nHost: a\r\n${lines}\r\n\r\n`,
    )
    expect(statuses).toEqual([400])
    expect(text).toContain('identity_conflict')
  })
})

describe('secrets stay on their side', () => {
  it('sends the provider its own key and nothing of ours', async () => {
    await chat(
      t.url,
      { model: 'm' },
      { headers: { cookie: 'session=session-canary', 'x-api-key': '' } },
    )
    const sent = t.upstream.requests.at(-1)
    expect(sent?.headers.authorization).toBe(`Bearer ${providerKey}`)
    const everything = JSON.stringify(sent)
    for (const secret of ['alice-password', btoa('alice:alice-password'), 'session-canary']) {
      expect(everything).not.toContain(secret)
    }
  })

  it("takes the provider's key and address out of an error that echoes them", async () => {
    const response = await chat(t.url, { model: 'echo-key' })
    const text = await response.text()
    expect(response.status).toBeGreaterThanOrEqual(400)
    expect(text).not.toContain(providerKey)
    expect(JSON.stringify(t.gateway.log)).not.toContain(providerKey)
  })
})
