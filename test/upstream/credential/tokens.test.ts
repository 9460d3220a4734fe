import { decodeProtectedHeader, exportPKCS8, generateKeyPair, jwtVerify } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { createTokens } from '../../../src/gateway/upstream/credential/tokens.ts'
import { Failure } from '../../../src/platform/failure.ts'
import type { LogFields } from '../../../src/platform/platform.ts'
import {
  type Send,
  type ServiceAccount,
  UpstreamError,
  type UpstreamRequest,
} from '../../../src/platform/upstream.ts'
import { fakeClock } from '../../support/clock.ts'

let keys: Awaited<ReturnType<typeof generateKeyPair>>
let account: ServiceAccount
beforeAll(async () => {
  keys = await generateKeyPair('RS256', { extractable: true })
  account = {
    email: 'gateway@our-project.iam.gserviceaccount.com',
    projectId: 'our-project',
    privateKey: await exportPKCS8(keys.privateKey),
    privateKeyId: 'key-1',
    tokenUri: 'https://oauth2.example/token',
  }
})

/** A token endpoint that answers what `reply` says to the nth request. */
const endpoint = (reply: (nth: number) => { status?: number; body: unknown } | Error) => {
  const clock = fakeClock()
  const asked: UpstreamRequest[] = []
  const log: LogFields[] = []
  const send: Send = (request, sink) => {
    const said = reply(asked.push(request))
    queueMicrotask(() => {
      if (said instanceof Error) return sink.error(new UpstreamError('connect', said.message))
      sink.head(said.status ?? 200, [['content-type', 'application/json']])
      sink.data(new TextEncoder().encode(JSON.stringify(said.body)))
      sink.end()
    })
    return { pause: () => {}, resume: () => {}, abort: () => {} }
  }
  const tokens = createTokens({
    send,
    clock,
    log: (_level, _evt, fields) => log.push(fields ?? {}),
  })
  return { clock, asked, log, tokens }
}

const granted = (nth: number) => ({ body: { access_token: `ya29.${nth}`, expires_in: 3600 } })

describe('a token of a service account', () => {
  it('is traded for an assertion that the key signed, for that endpoint and an hour', async () => {
    const { tokens, asked, clock } = endpoint(granted)
    expect(await tokens(account)).toBe('ya29.1')
    const [request] = asked
    expect(request).toMatchObject({
      origin: 'https://oauth2.example',
      path: '/token',
      method: 'POST',
    })
    const form = new URLSearchParams(new TextDecoder().decode(request?.body as Uint8Array))
    expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer')
    const assertion = form.get('assertion') ?? ''
    expect(decodeProtectedHeader(assertion)).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'key-1' })
    const { payload } = await jwtVerify(assertion, keys.publicKey, {
      currentDate: new Date(clock.now()),
      issuer: account.email,
      audience: account.tokenUri,
    })
    expect(payload.scope).toBe('https://www.googleapis.com/auth/cloud-platform')
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3600)
  })

  it('is kept until shortly before it lapses', async () => {
    const { tokens, asked, clock } = endpoint(granted)
    await tokens(account)
    clock.advance(3_539_000)
    expect(await tokens(account)).toBe('ya29.1')
    clock.advance(1_000)
    expect(await tokens(account)).toBe('ya29.2')
    expect(asked).toHaveLength(2)
  })

  it('is made once, however many wait for it', async () => {
    const { tokens, asked } = endpoint(granted)
    const all = await Promise.all(Array.from({ length: 50 }, () => tokens(account)))
    expect(new Set(all)).toEqual(new Set(['ya29.1']))
    expect(asked).toHaveLength(1)
  })

  it.each([
    [
      'refused',
      { status: 400, body: { error: 'invalid_grant', error_description: 'secret words' } },
    ],
    ['no token', { body: { expires_in: 3600 } }],
    ['a token with a line break', { body: { access_token: 'a\r\nx: y', expires_in: 1 } }],
    ['unreachable', new Error('connect ECONNREFUSED 10.0.0.1:443')],
  ])(
    'that cannot be had (%s) is a 502 that says no more, and is asked for again',
    async (_, reply) => {
      const { tokens, asked, log } = endpoint((nth) => (nth === 1 ? reply : granted(nth)))
      const refusal = await tokens(account).catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(Failure)
      expect(refusal).toMatchObject({ code: 'upstream_error' })
      expect((refusal as Failure).message).not.toMatch(/secret|10\.0\.0\.1|invalid_grant/)
      expect(JSON.stringify(log)).not.toMatch(/secret words|PRIVATE/)
      expect(await tokens(account)).toBe('ya29.2')
      expect(asked).toHaveLength(2)
    },
  )

  it('of a key that is none is refused without asking anybody', async () => {
    const { tokens, asked, log } = endpoint(granted)
    const broken = {
      ...account,
      privateKey: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----',
    }
    await expect(tokens(broken)).rejects.toBeInstanceOf(Failure)
    expect(asked).toEqual([])
    expect(log).toHaveLength(1)
  })
})
