import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { completion, doorsForFile, laptop, phone, server } from '../support/doors.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { type HookServer, startHookServer } from '../support/hook-server.ts'
import { headerOf } from '../support/tailnet/http.ts'

const cap = 'tailscale.com/cap/aperture'

describe('a caller whom no grant gives a role', () => {
  const doors = doorsForFile()
  const told = async (path: string, method = 'GET') => {
    const { front } = doors.now
    const headers = [['Host', 'gateway.tail.test'] as const]
    const { status, body, headers: lines } = await front.ask(server, { path, method, headers })
    return { status, body: JSON.parse(body), type: headerOf(lines, 'content-type') }
  }

  it.each([
    '/aperture/pricing',
    '/aperture/openapi.json',
    '/api/providers',
    '/api/quotas',
    '/api/connectors',
  ])('is answered at %s as Aperture does', async (path) => {
    expect(await told(path)).toEqual({
      status: 403,
      body: { error: 'access denied: no role granted' },
      type: expect.stringMatching(/^application\/json/),
    })
  })

  it('is answered elsewhere in the dialect of the path', async () => {
    const message = 'access denied: no role granted'
    expect(await told('/v1/models')).toMatchObject({
      status: 403,
      body: { error: { code: 'no_role', message } },
    })
    expect(await told('/v1/messages', 'POST')).toMatchObject({
      body: { type: 'error', error: { type: 'permission_error', message } },
    })
    expect(await told('/postern/api/me')).toMatchObject({
      body: { title: 'Forbidden', code: 'no_role', detail: message },
      type: 'application/problem+json',
    })
  })
})

describe('what Aperture’s clients ask of connectors', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startTestGateway()
  })
  afterAll(() => gateway.stop())
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = { authorization: `Basic ${btoa('alice:alice-password')}` }
    const answer = await fetch(gateway.url + path, { ...init, headers })
    return { status: answer.status, body: (await answer.json()) as object }
  }

  it('is answered with an empty list', async () => {
    expect(await ask('/api/connectors')).toEqual({ status: 200, body: { connectors: [] } })
  })

  it.each(['/v1/mcp', '/v1/mcp/register'])(
    'is answered at %s with what is not there yet',
    async (path) => {
      const { status, body } = await ask(path, { method: 'POST', body: '{}' })
      expect(status).toBe(404)
      expect(body).toMatchObject({
        error: {
          code: 'not_found',
          message: expect.stringContaining('Postern has no connectors yet'),
        },
      })
    },
  )
})

describe('a program on this machine, where a grant names (loopback)', () => {
  let gateway: TestGateway
  let upstream: FakeUpstream
  beforeAll(async () => {
    upstream = await startUpstream({})
    gateway = await startTestGateway({
      providers: { local: { baseurl: upstream.url, models: ['m'] } },
      grants: [{ src: ['(loopback)'], app: { [cap]: [{ role: 'user', models: '**' }] } }],
    })
  })
  afterAll(async () => {
    await gateway.stop()
    await upstream.stop()
  })
  const send = async (headers: Record<string, string>) => {
    const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }] })
    const { status } = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })
    return status
  }

  it.each([
    ['Authorization', 'Bearer -'],
    ['Authorization', 'Bearer not-needed'],
    ['Authorization', 'Bearer not-required'],
    ['Authorization', 'Bearer'],
    ['Authorization', 'Bearer EMPTY'],
    ['Authorization', 'Bearer sk-no-key-required'],
    ['Authorization', 'Bearer bearer-managed'],
    ['X-Api-Key', '-'],
    ['X-Api-Key', ''],
    ['X-Goog-Api-Key', 'not-needed'],
    ['Api-Key', 'ollama'],
  ])('has shown no credential with the placeholder “%s: %s”', async (name, value) => {
    expect(await send({ [name]: value })).toBe(200)
    expect(gateway.store.usage.at(-1)).toMatchObject({ login: '(loopback)', credentialId: '' })
  })

  it('is refused with a credential that is wrong, and with a real one beside a placeholder known by that', async () => {
    expect(await send({ authorization: 'Bearer sk-0123456789abcdef' })).toBe(401)
    expect(await send({ authorization: 'Bearer alice:wrong', 'x-api-key': '-' })).toBe(401)
    expect(await send({ authorization: 'Bearer alice:alice-password', 'x-api-key': '-' })).toBe(200)
    expect(gateway.store.usage.at(-1)).toMatchObject({ login: 'alice@example.com' })
  })

  it('never counts a placeholder as an attempt', async () => {
    await gateway.reload({ grants: [] })
    for (const _ of Array(8)) expect(await send({ 'x-api-key': 'not-needed' })).toBe(401)
    expect(gateway.log.filter(({ evt }) => evt === 'ban.set')).toEqual([])
    expect(gateway.log.findLast(({ evt }) => evt === 'auth.fail')?.reason).toBe('missing')
  })
})

describe('a capability of the tailnet’s policy that is another program’s', () => {
  const doors = doorsForFile()
  let hook: HookServer
  beforeAll(async () => {
    hook = await startHookServer()
    await doors.now.gateway.reload({
      hooks: { policy: { url: `${hook.url}/policy` } },
      grants: [
        {
          src: ['alice@example.com'],
          app: {
            [cap]: [
              { role: 'user', models: '**' },
              { send_hooks: [{ name: 'policy', events: ['pre_request'], send: ['grants'] }] },
            ],
            'mycompany.com/cap/policy': [{ department: 'engineering' }],
          },
        },
      ],
    })
  })
  afterAll(() => hook.stop())

  it('reaches a hook that asks for grants, beside those of the configuration', async () => {
    const at = doors.now.tailscaled.people.findIndex(({ name }) => name === 'laptop')
    const alice = doors.now.tailscaled.people[at]
    if (!alice) throw new Error('no laptop')
    doors.now.tailscaled.people[at] = {
      ...alice,
      capMap: {
        'mycompany.com/cap/policy': [{ tier: 'enterprise' }],
        'tailscale.com/cap/ssh': [{ x: 1 }],
      },
    }
    expect((await doors.now.front.ask(laptop, completion())).status).toBe(200)
    const [call] = await hook.received('/policy')
    expect(call?.json.metadata.grants).toEqual({
      'mycompany.com/cap/policy': [{ department: 'engineering' }, { tier: 'enterprise' }],
    })
  })
})

describe('a budget for each device', () => {
  const doors = doorsForFile({
    quotas: { 'dev:<node>': { capacity: '2 requests' } },
    grants: [
      {
        src: ['*'],
        app: { [cap]: [{ role: 'user', models: '**', quotas: [{ bucket: 'dev:<node>' }] }] },
      },
    ],
  })

  it('is not full again because the device has another name', async () => {
    const { front, tailscaled, pass } = doors.now
    const rename = (to: string) => {
      const at = tailscaled.people.findIndex(({ addresses }) => addresses.includes(phone))
      const device = tailscaled.people[at]
      if (device) tailscaled.people[at] = { ...device, name: to }
      pass(31_000)
    }
    const statuses: number[] = []
    for (const name of ['phone', 'phone-2', 'phone-3']) {
      rename(name)
      statuses.push((await front.ask(phone, completion())).status)
    }
    expect(statuses).toEqual([200, 200, 429])
    expect((await front.ask(laptop, completion())).status).toBe(200)
  })
})
