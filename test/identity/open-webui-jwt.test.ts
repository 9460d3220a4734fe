import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { createSpeaksFor } from '../../src/gateway/identity/open-webui-jwt.ts'
import type { Caller } from '../../src/platform/caller.ts'
import { fakeClock } from '../support/clock.ts'

const secret = 'only-open-webui-and-we-know-this-one'
const webui: Caller = { login: 'openwebui', kind: 'key', credentialId: 'k1', groups: [] }
const clock = fakeClock()
const now = Math.floor(clock.now() / 1000)

const speakFor = (sso: 'off' | 'trusted-header' = 'trusted-header') =>
  createSpeaksFor({ webui: { sso }, speaksFor: { login: 'openwebui', secret }, clock })

/** As Open WebUI 0.12 writes it (utils/headers.py). */
const claims = {
  sub: '4c2f',
  email: 'Alice@Example.com',
  name: 'Älice',
  role: 'user',
  iss: 'open-webui',
  iat: now,
  exp: now + 300,
}

const token = (changed: Record<string, unknown> = {}, key = secret, alg = 'HS256') =>
  new SignJWT({ ...claims, ...changed })
    .setProtectedHeader({ alg, typ: 'JWT' })
    .sign(new TextEncoder().encode(key))

const said = (text: string) => new Headers({ 'X-OpenWebUI-User-Jwt': text })

describe('Open WebUI that says for whom it asks', () => {
  it('makes the person the caller, and itself the one they come through', async () => {
    expect(await speakFor()(webui, said(await token()))).toEqual({
      caller: {
        login: 'alice@example.com',
        displayName: 'Älice',
        kind: 'key',
        credentialId: 'k1',
        groups: [],
        through: webui,
      },
    })
  })

  it('says nothing by saying nothing', async () => {
    expect(await speakFor()(webui, new Headers())).toEqual({ caller: webui })
  })

  it('knows people whose login is not an address by one of ours', async () => {
    const auth = await speakFor()(webui, said(await token({ email: 'bob@postern.local' })))
    expect(auth.caller).toMatchObject({ login: 'bob' })
  })

  it('and lets anybody sign up with any address cannot make it a login here', async () => {
    const auth = await speakFor('off')(webui, said(await token({ email: 'bob@postern.local' })))
    expect(auth.caller).toMatchObject({ login: 'bob@postern.local' })
  })

  it('may be half a minute ahead or behind, and no more', async () => {
    const speak = speakFor()
    expect((await speak(webui, said(await token({ exp: now - 29 })))).caller).toBeDefined()
    expect((await speak(webui, said(await token({ exp: now - 31 })))).failure).toBe(
      'bad_user_token',
    )
    expect((await speak(webui, said(await token({ nbf: now + 29 })))).caller).toBeDefined()
    expect((await speak(webui, said(await token({ nbf: now + 31 })))).failure).toBe(
      'bad_user_token',
    )
  })

  it.each([
    ['no expiry', { exp: undefined }],
    ['an expiry that never comes', { exp: Number.MAX_VALUE }],
    ['another issuer', { iss: 'postern' }],
    ['no issuer', { iss: undefined }],
    ['no address', { email: undefined }],
    ['two addresses', { email: ['alice@example.com', 'owner'] }],
    ['an empty address', { email: '' }],
    ['everybody as address', { email: '*@postern.local' }],
    ['a group as address', { email: 'group:admins@postern.local' }],
    ['this machine as address', { email: '(loopback)@postern.local' }],
    ['spaces in the address', { email: 'alice @example.com' }],
  ])('is refused with %s, though well signed', async (_what, changed) => {
    expect(await speakFor()(webui, said(await token(changed)))).toEqual({
      failure: 'bad_user_token',
      user: 'openwebui',
    })
  })

  it('is refused with another secret, another algorithm, no signature, or rubbish', async () => {
    const [, body] = (await token()).split('.')
    const unsigned = `${btoa('{"alg":"none"}').replaceAll('=', '')}.${body}.`
    for (const text of [
      await token({}, 'another-secret-of-thirty-two-chars!!'),
      await token({}, secret, 'HS384'),
      unsigned,
      '',
      'null',
      `${await token()}, ${await token()}`,
      'x'.repeat(20_000),
    ]) {
      expect((await speakFor()(webui, said(text))).failure).toBe('bad_user_token')
    }
  })
})

describe('anybody else', () => {
  it('says nothing by it, right or wrong', async () => {
    const bob: Caller = { ...webui, login: 'bob' }
    expect(await speakFor()(bob, said(await token()))).toEqual({ caller: bob })
    expect(await speakFor()(bob, said('rubbish'))).toEqual({ caller: bob })
  })
})
