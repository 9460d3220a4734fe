import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  basic,
  completion,
  type Doors,
  grant,
  laptop,
  runner,
  startDoors,
  stranger,
} from '../support/doors.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import type { HeaderLines } from '../support/tailnet/http.ts'

const configured = 'sk-canary-configured-key'
const subscription = 'sk-ant-oat-canary-subscription'

let doors: Doors
let upstream: FakeUpstream

beforeAll(async () => {
  upstream = await startUpstream({
    byModel: {
      expired: ({ request, response }) => {
        response.writeHead(401, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ error: { message: `no: ${request.headers.authorization}` } }))
      },
    },
  })
  const baseurl = upstream.url
  doors = await startDoors({
    providers: {
      own: {
        baseurl,
        models: ['own', 'expired'],
        apikey: configured,
        auth_mode: 'passthrough',
      },
      keyless: { baseurl, models: ['keyless'], auth_mode: 'passthrough' },
      never: { baseurl, models: ['never'], apikey: configured, auth_mode: 'none' },
      ours: { baseurl, models: ['ours'], apikey: configured },
    },
    grants: [grant(['group:family', 'tag:ci'], '**')],
  })
})
afterAll(async () => {
  await doors.stop()
  await upstream.stop()
})

const ask = async (from: string, model: string, headers: HeaderLines) => {
  const before = upstream.requests.length
  const answer = await doors.front.ask(from, completion(headers, model))
  const sent = upstream.requests.slice(before).at(-1)?.headers
  return {
    status: answer.status,
    body: answer.body,
    authorization: sent?.authorization,
    key: sent?.['x-api-key'],
  }
}

const bearer = ['Authorization', `Bearer ${subscription}`] as const

describe('auth_mode passthrough', () => {
  it.each([laptop, runner])(
    'sends the client’s own credential on, for %s known by the tailnet',
    async (from) => {
      expect(await ask(from, 'own', [bearer])).toMatchObject({
        status: 200,
        authorization: `Bearer ${subscription}`,
        key: undefined,
      })
      expect(await ask(from, 'own', [['X-Api-Key', subscription]])).toMatchObject({
        status: 200,
        authorization: undefined,
        key: subscription,
      })
    },
  )

  it.each<[string, HeaderLines]>([
    ['nothing', []],
    ['a placeholder', [['Authorization', 'Bearer not-needed']]],
    ['a dash', [['X-Api-Key', '-']]],
    ['an empty bearer', [['Authorization', 'Bearer ']]],
  ])('sends the configured key for a client that has %s', async (_, headers) => {
    expect(await ask(laptop, 'own', headers)).toMatchObject({
      status: 200,
      authorization: `Bearer ${configured}`,
      key: undefined,
    })
  })

  it.each<[string, string, HeaderLines]>([
    ['Basic', laptop, [basic('alice')]],
    ['Bearer user:password', laptop, [['Authorization', 'Bearer alice:alice-password']]],
    ['x-api-key', laptop, [['X-Api-Key', 'alice:alice-password']]],
    ['Basic by Funnel', stranger, [basic('alice')]],
  ])('never sends what proved the caller to the gateway: %s', async (_, from, headers) => {
    expect(await ask(from, 'own', headers)).toMatchObject({
      status: 200,
      authorization: `Bearer ${configured}`,
      key: undefined,
    })
    expect(await ask(from, 'keyless', headers)).toMatchObject({
      status: 200,
      authorization: undefined,
      key: undefined,
    })
  })

  it('tells the client when its own credential was refused, and suspects nobody', async () => {
    for (let i = 0; i < 8; i++) {
      const { status, body } = await ask(laptop, 'expired', [bearer])
      expect(status).toBe(401)
      expect(body).toContain('no: [redacted]')
    }
    // The configured key is the gateway's own affair.
    const { status, body } = await ask(laptop, 'expired', [])
    expect(status).toBe(502)
    expect(body).not.toContain(configured)
    expect(doors.gateway.store.failures).toEqual([])
    expect((await ask(laptop, 'own', [bearer])).status).toBe(200)
  })
})

describe('the other modes', () => {
  it('replace the client’s credential, or send none', async () => {
    expect(await ask(laptop, 'ours', [bearer])).toMatchObject({
      authorization: `Bearer ${configured}`,
    })
    expect(await ask(laptop, 'never', [bearer])).toMatchObject({
      status: 200,
      authorization: undefined,
      key: undefined,
    })
  })
})

describe('a canary', () => {
  it('of the gateway reaches no provider; of no side a log line, a row or an answer', () => {
    const seen = JSON.stringify(upstream.requests)
    expect(seen).toContain(subscription)
    expect(seen).not.toMatch(/alice-password|YWxpY2U6/)
    const { usage, failures, bans } = doors.gateway.store
    const kept = JSON.stringify([doors.gateway.log, usage, failures, bans])
    expect(usage.length).toBeGreaterThan(10)
    for (const secret of [configured, subscription, 'alice-password']) {
      expect(kept).not.toContain(secret)
    }
  })
})
