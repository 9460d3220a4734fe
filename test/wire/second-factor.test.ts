import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { encodeBase32 } from '../../src/config/values/base32.ts'
import { stepOf } from '../../src/gateway/identity/totp.ts'
import { HASH } from '../config/read.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { codeNow } from '../support/totp.ts'

const secret = encodeBase32(crypto.getRandomValues(new Uint8Array(20)))
const page = { accept: 'text/html', 'sec-fetch-site': 'same-origin' }
const basic = { authorization: `Basic ${btoa('owner:owner-password')}` }

const grants = [
  { src: ['owner'], app: { 'tailscale.com/cap/aperture': [{ role: 'admin', models: '**' }] } },
]
const config = (totp?: string) => ({
  listeners: [{ name: 'front', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }],
  users: {
    owner: { password: HASH, ...(totp && { totp }) },
    ana: { password: HASH, ...(totp && { totp }) },
  },
  grants,
})

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway(config(secret))
})
afterAll(() => gateway.stop())

let addresses = 0
/** A client nobody has heard of. */
const stranger = () => ({ 'x-forwarded-for': `203.0.113.${++addresses}` })

const get = (path: string, headers: Record<string, string>) =>
  fetch(gateway.url + path, { headers, redirect: 'manual' })

const login = (code: string, from = stranger(), password = 'owner-password') =>
  fetch(`${gateway.url}/postern/login`, {
    method: 'POST',
    redirect: 'manual',
    headers: { ...page, ...from, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ user: 'owner', password, code, to: '/ui' }).toString(),
  })

const cookieOf = (answer: Response): string => answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''

/** Each code counts once: the next step's is the next that does. */
const fresh = async (): Promise<string> => {
  for (const ahead of [0, 30_000]) {
    const code = await codeNow(secret, ahead)
    const used = gateway.state.codes.users.get('owner')?.step ?? -1
    if ((await stepOf(secret, code, Date.now(), used)) !== undefined) return code
  }
  gateway.state.codes.users.clear()
  return codeNow(secret)
}

describe('a user with an authenticator', () => {
  it('signs in with name, password and code, each code once', async () => {
    const form = await (await get('/postern/login', { ...page, ...stranger() })).text()
    expect(form).toContain('autocomplete="one-time-code"')
    const code = await fresh()
    const answer = await login(code)
    expect(answer.status).toBe(303)
    const cookie = cookieOf(answer)
    expect((await get('/ui', { ...page, ...stranger(), cookie })).status).toBe(200)
    expect((await login(code)).status).toBe(401)
    expect((await login(`${code.slice(0, 3)} ${code.slice(3)}`)).status).toBe(401)
  })

  it('is not told which of the three was wrong', async () => {
    const code = await fresh()
    const wrong = code === '000000' ? '000001' : '000000'
    const texts = await Promise.all(
      [login(wrong), login(''), login(code, stranger(), 'another')].map(async (asked) => {
        const answer = await asked
        expect(answer.status).toBe(401)
        expect(cookieOf(answer)).toBe('')
        return answer.text()
      }),
    )
    for (const text of texts) expect(text).toContain('User name, password or code is wrong.')
    // Who had the wrong password has not used the code up.
    expect((await login(code)).status).toBe(303)
  })

  it('is not known by the password alone where people are meant, and is for models', async () => {
    for (const path of ['/ui', '/ui/config', '/postern/api/keys', '/postern/api/audit']) {
      const answer = await get(path, { ...stranger(), ...basic })
      expect([path, answer.status]).toEqual([path, 401])
    }
    expect((await get('/v1/models', { ...stranger(), ...basic })).status).toBe(200)
  })

  it('is known by the session though the browser sends a password that it remembers', async () => {
    const cookie = cookieOf(await login(await fresh()))
    for (const path of ['/ui', '/postern/api/keys']) {
      const known = { ...stranger(), ...basic, cookie }
      expect([path, (await get(path, known)).status]).toEqual([path, 200])
      const another = { authorization: `Basic ${btoa('ana:owner-password')}` }
      const claimed = { ...stranger(), ...another, cookie }
      expect([path, (await get(path, claimed)).status]).toEqual([path, 401])
    }
  })

  it('shuts out who guesses codes, as for passwords', async () => {
    const from = stranger()
    for (let i = 0; i < 5; i++) expect((await login('000000', from)).status).toBe(401)
    expect((await login('000001', from)).status).toBe(429)
    const reasons = gateway.store.failures.slice(-5).map(({ reason }) => reason)
    expect(reasons).toEqual(Array(5).fill('wrong_code'))
  })

  it('waits when somebody who has the password guesses from everywhere', async () => {
    gateway.state.codes.users.clear()
    for (let i = 0; i < 10; i++) expect((await login('000000')).status).toBe(401)
    expect((await login(await codeNow(secret))).status).toBe(429)
    gateway.state.codes.users.clear()
  })

  it('is guessed at no more often by guesses that come at once', async () => {
    gateway.state.codes.users.clear()
    const answers = await Promise.all(Array.from({ length: 40 }, () => login('000000')))
    const looked = answers.filter(({ status }) => status === 401)
    expect(looked.length).toBeLessThanOrEqual(10)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(40 - looked.length)
    gateway.state.codes.users.clear()
  })

  it('has to sign in again once a code is asked for, and no more once it is not', async () => {
    await gateway.reload(config())
    const cookie = cookieOf(await login(''))
    const look = () => get('/ui', { ...page, ...stranger(), cookie })
    expect((await look()).status).toBe(200)
    expect(await (await get('/postern/login', page)).text()).not.toContain('one-time-code')
    await gateway.reload(config(secret))
    await vi.waitFor(async () => expect((await look()).status).toBe(303), { timeout: 10_000 })
    expect(gateway.log.map((line) => JSON.stringify(line)).join('\n')).not.toContain(secret)
  })
})
