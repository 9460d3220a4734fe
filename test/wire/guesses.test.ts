import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newRandomKey } from '../../src/gateway/identity/key-format.ts'
import { type Doors, laptop, list, phone, startDoors } from '../support/doors.ts'
import { startWebui } from '../support/fake-webui.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { until } from '../support/raw.ts'
import type { HeaderLines } from '../support/tailnet/http.ts'

/** What Chromium sends for `<img>` on a page of another site, over TLS and over plain HTTP. */
const picture: HeaderLines = [
  ['User-Agent', 'Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537.36'],
  ['Accept', 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8'],
  ['Sec-Fetch-Site', 'cross-site'],
  ['Sec-Fetch-Mode', 'no-cors'],
  ['Sec-Fetch-Dest', 'image'],
  ['Referer', 'https://evil.example/'],
]
const inTheClear = picture.filter(([name]) => !name.startsWith('Sec-') && name !== 'Referer')
const basic = (user: string, password: string) =>
  ['Authorization', `Basic ${btoa(`${user}:${password}`)}`] as const

describe('a tailnet user whose browser shows a page of somebody else', () => {
  let doors: Doors
  beforeAll(async () => {
    doors = await startDoors({ auth_failures: { max: 3, window: '10m', ban: '15m' } })
  })
  afterAll(() => doors.stop())
  const bans = () => doors.gateway.store.bans

  it.each([
    ['a password in the query', (i: number) => ({ path: `/v1beta/models?key=x:bad${i}` })],
    ['a word in the query', (i: number) => ({ path: `/v1beta/models?key=bad${i}` })],
    ['a key in the query', () => ({ path: `/v1beta/models?key=${newRandomKey(randomBytes)}` })],
    ['user and password in the address', (i: number) => ({ headers: [basic('x', `bad${i}`)] })],
  ])('is known as before after a hundred pictures with %s', async (_what, of) => {
    for (let i = 0; i < 100; i++) {
      const { path = '/v1/models', headers = [] } = of(i) as {
        path?: string
        headers?: HeaderLines
      }
      const marks = i % 2 ? picture : inTheClear
      const answer = await doors.front.ask(laptop, { path, headers: [...marks, ...headers] })
      // On the tailnet a word that is not a key of ours is ignored.
      expect(answer.status).toBeOneOf([200, 401, 403])
    }
    expect(bans()).toEqual([])
    expect((await doors.front.ask(laptop, list())).status).toBe(200)
  })

  it('is known although the address is banned, and guesses of that device are not checked on', async () => {
    const guess = (i: number) => doors.front.ask(phone, list([basic('alice', `guess ${i}`)]))
    const statuses: number[] = []
    for (let i = 0; i < 4; i++) statuses.push((await guess(i)).status)
    expect(statuses).toEqual([401, 401, 401, 429])
    expect(bans()).toMatchObject([{ address: phone, cause: 'auth_failures' }])
    expect((await doors.front.ask(phone, list())).status).toBe(200)
    const placeholder = list([['Authorization', 'Bearer not-needed']])
    expect((await doors.front.ask(phone, placeholder)).status).toBe(200)
    expect((await doors.front.ask(phone, { path: '/' })).status).toBe(200)
    expect((await doors.front.ask(phone, list([basic('alice', 'alice-password')]))).status).toBe(
      200,
    )
  })
})

describe('an address behind which several people stand', () => {
  let gateway: TestGateway
  let webui: Awaited<ReturnType<typeof startWebui>>
  beforeAll(async () => {
    webui = await startWebui()
    gateway = await startTestGateway({
      webui: { url: webui.url },
      listeners: [{ name: 'proxy', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }],
    })
  })
  afterAll(async () => {
    await gateway.stop()
    await webui.stop()
  })
  const ask = (from: string, headers: Record<string, string>, path = '/v1/models') =>
    fetch(gateway.url + path, {
      headers: { 'x-forwarded-for': from, ...headers },
      redirect: 'manual',
    })
  const alice = { authorization: `Basic ${btoa('alice:alice-password')}` }

  it('is not banned for one stale key that a program repeats fifty times, which is one guess', async () => {
    const stale = newRandomKey(randomBytes)
    const carriers = [{ authorization: `Bearer ${stale}` }, { 'x-api-key': stale }] as const
    const statuses = await Promise.all(
      Array.from({ length: 50 }, (_, i) => ask('203.0.113.1', { ...carriers[i % 2] })),
    )
    expect(new Set(statuses.map(({ status }) => status))).toEqual(new Set([401]))
    expect(gateway.store.bans).toEqual([])
    expect((await ask('203.0.113.1', alice)).status).toBe(200)
    const counted = gateway.store.failures.filter(({ reason }) => reason === 'unknown_key')
    expect(counted).toHaveLength(1)
  })

  it('is banned at exactly the fifth different credential, however they are carried', async () => {
    const from = '203.0.113.2'
    const guesses = [
      { 'x-api-key': 'sk-1' },
      { authorization: 'Bearer sk-2' },
      { authorization: `Basic ${btoa('alice:3')}` },
      { 'api-key': 'alice:4' },
    ]
    for (const headers of [...guesses, ...guesses, ...guesses]) {
      expect((await ask(from, headers as Record<string, string>)).status).toBe(401)
    }
    expect(gateway.store.bans).toEqual([])
    expect((await ask(from, { 'x-goog-api-key': 'alice:5' })).status).toBe(401)
    expect(gateway.store.bans.map(({ address }) => address)).toEqual([from])
    expect((await ask(from, { 'x-api-key': 'sk-6' })).status).toBe(429)
    expect((await ask(from, {})).status).toBe(429)
  })

  it('lets a browser in that is signed in, on every path where that counts', async () => {
    const from = '203.0.113.3'
    const form = new URLSearchParams({ user: 'owner', password: 'owner-password' })
    const signedIn = await fetch(`${gateway.url}/postern/login`, {
      method: 'POST',
      body: form,
      redirect: 'manual',
      headers: { 'sec-fetch-site': 'same-origin', 'x-forwarded-for': from },
    })
    const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? ''
    for (let i = 0; i < 5; i++) await ask(from, { 'x-api-key': `sk-${i}` })
    await until(() => gateway.store.bans.some(({ address }) => address === from))
    for (const path of ['/ui', '/postern/api/keys', '/']) {
      expect([path, (await ask(from, { cookie }, path)).status]).toEqual([path, 200])
      expect([path, (await ask(from, {}, path)).status]).toEqual([path, 429])
    }
    expect((await ask(from, { accept: 'text/html' }, '/postern/login')).status).toBe(200)
  })

  it('leaves pages whose browser asks for leave first their leave', async () => {
    await gateway.reload({
      grants: [
        {
          src: ['alice@example.com'],
          app: {
            'tailscale.com/cap/aperture': [
              { role: 'user', models: '**' },
              { set_cors: true, 'Access-Control-Allow-Origin': 'https://app.example' },
            ],
          },
        },
      ],
    })
    const from = '203.0.113.2'
    const preflight = await fetch(`${gateway.url}/v1/models`, {
      method: 'OPTIONS',
      headers: {
        'x-forwarded-for': from,
        origin: 'https://app.example',
        'access-control-request-method': 'GET',
      },
    })
    expect(preflight.status).toBe(204)
    const headers = { ...alice, origin: 'https://app.example', 'sec-fetch-site': 'cross-site' }
    expect((await ask(from, headers)).status).toBe(200)
  })
})
