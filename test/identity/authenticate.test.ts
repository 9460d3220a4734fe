import { describe, expect, it } from 'vitest'
import { basic, openLock } from '../support/lock.ts'

const users = { alice: 'right', bob: 'other' }
const challenge = 'Basic realm="postern", charset="UTF-8"'

describe('a request without a caller', () => {
  it('gets the same 401 to the byte, whatever was wrong', async () => {
    const lock = openLock({ users })
    const answers = await Promise.all([
      lock.knock(),
      lock.knock({ headers: { authorization: 'Basic %%%%' } }),
      lock.knock({ headers: { authorization: `Bearer ${'k'.repeat(15_000)}` } }),
      lock.knock({ headers: { authorization: "Bearer ' OR 1=1--" } }),
      lock.knock({ headers: { 'x-api-key': 'sk-unknown' } }),
      lock.login('alice', 'wrong'),
      lock.login('alice', 'x'.repeat(100)),
      lock.login("x' UNION SELECT 1", 'p'),
    ])
    const seen = await Promise.all(
      answers.map(async (answer) =>
        JSON.stringify([answer.status, [...answer.headers], await answer.text()]),
      ),
    )
    expect(new Set(seen).size).toBe(1)
    expect(answers[0]?.status).toBe(401)
    expect(answers[0]?.headers.get('www-authenticate')).toBe(challenge)
    expect(seen[0]).toContain('Missing or invalid credentials.')
  })

  it('is logged with the real reason', async () => {
    const lock = openLock({ users })
    await lock.knock()
    await lock.knock({ headers: { authorization: 'Digest x' } })
    await lock.knock({ headers: { authorization: `Bearer ${'k'.repeat(8193)}` } })
    await lock.knock({ headers: { 'api-key': 'sk-unknown' } })
    await lock.login('mallory', 'x')
    await lock.login('alice', 'wrong')
    expect(lock.logged('auth.fail').map(({ fields }) => [fields.reason, fields.user])).toEqual([
      ['missing', ''],
      ['malformed', ''],
      ['too_long', ''],
      ['unknown_key', ''],
      ['unknown_user', 'mallory'],
      ['wrong_password', 'alice'],
    ])
  })
})

describe('two credentials that disagree', () => {
  it('get 400, and nothing is checked', async () => {
    const lock = openLock({ users })
    const answer = await lock.knock({
      headers: { ...basic('alice', 'right'), 'x-api-key': 'bob:other' },
    })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: { code: 'ambiguous_credentials' } })
    expect(lock.verifier.asked).toEqual([])
  })
})

describe('every carrier', () => {
  it('leads to the same caller, and the same refusal', async () => {
    const lock = openLock({ users, authFailures: { max: 100 } })
    const carriers = (value: string) => [
      { headers: { authorization: `Bearer ${value}` } },
      { headers: { 'x-api-key': value } },
      { headers: { 'api-key': value } },
      { headers: { 'x-goog-api-key': value } },
    ]
    for (const carrier of carriers('alice:right')) {
      expect(await (await lock.knock(carrier)).json()).toMatchObject({ login: 'alice' })
    }
    for (const carrier of carriers('alice:wrong')) {
      expect((await lock.knock(carrier)).status).toBe(401)
    }
  })

  it('but the query leads to the same refusal for right and wrong passwords, without a hash', async () => {
    const lock = openLock({ users })
    for (const password of ['right', 'wrong', 'right', 'w1', 'w2', 'w3', 'w4', 'w5', 'w6']) {
      const path = `/v1beta/models?key=alice:${password}`
      expect((await lock.knock({ path })).status).toBe(401)
    }
    expect(lock.verifier.asked).toEqual([])
    expect(lock.store.bans).toEqual([])
  })

  it('but not ?key= beside the Gemini paths, nor ?api_key= or a cookie', async () => {
    const lock = openLock({ users })
    const paths = [
      '/v1/me?key=alice:right',
      '/v1betas?key=alice:right',
      '/v1beta/x?api_key=alice:right',
    ]
    for (const path of paths) expect((await lock.knock({ path })).status).toBe(401)
    expect((await lock.knock({ headers: { cookie: 'key=alice:right' } })).status).toBe(401)
  })
})

describe('a request from this machine', () => {
  const here = { peer: '127.0.0.1' }

  it('needs credentials like any other, unless a grant names (loopback)', async () => {
    expect((await openLock().knock(here)).status).toBe(401)
    const answer = await openLock({ loopback: true }).knock(here)
    expect(await answer.json()).toEqual({
      login: '(loopback)',
      kind: 'user',
      credentialId: '',
      groups: [],
    })
  })

  it('is not let in with a bad credential where it would be without one', async () => {
    const lock = openLock({ loopback: true, users })
    expect((await lock.login('alice', 'wrong', here)).status).toBe(401)
    expect((await lock.knock({ ...here, headers: { 'x-api-key': 'sk' } })).status).toBe(401)
    expect((await lock.knock({ ...here, headers: { authorization: 'Digest x' } })).status).toBe(401)
    expect((await lock.login('alice', 'right', here)).status).toBe(200)
  })

  it('is not what a proxy on loopback forwards, declared or not', async () => {
    const headers = { 'x-forwarded-for': '127.0.0.1' }
    const undeclared = openLock({ loopback: true })
    expect((await undeclared.knock({ ...here, headers })).status).toBe(401)
    const declared = openLock({ loopback: true, trustedProxies: ['127.0.0.1'] })
    expect((await declared.knock({ ...here, headers })).status).toBe(401)
    expect((await declared.knock(here)).status).toBe(401)
  })

  it('is no other peer', async () => {
    const lock = openLock({ loopback: true })
    for (const peer of ['203.0.113.7', 'unix', '::ffff:203.0.113.7', '']) {
      expect((await lock.knock({ peer })).status).toBe(401)
    }
  })
})
