import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import {
  another,
  basic,
  codeOf,
  completion,
  doorsForFile,
  grant,
  grants,
  laptop,
  laptop6,
  list,
  name,
  phone,
  runner,
  server,
  startDoors,
  stranger,
} from '../support/doors.ts'
import { until } from '../support/raw.ts'
import { type Answer, headerOf } from '../support/tailnet/http.ts'

const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status)

describe('one port, both doors', () => {
  const doors = doorsForFile()
  const lastRow = async (count: number) => {
    const { usage } = doors.now.gateway.store
    await until(() => usage.length >= count)
    return usage.at(-1)
  }
  const rows = () => doors.now.gateway.store.usage.length

  it.each(['front', 'loopback'] as const)(
    'a tailnet user gets a completion with no key, and a row that says who and from where (%s)',
    async (way) => {
      const before = rows()
      const answer = await doors.now[way].ask(laptop, completion())
      expect(answer.status).toBe(200)
      expect(JSON.parse(answer.body)).toMatchObject({ object: 'chat.completion' })
      expect(await lastRow(before + 1)).toMatchObject({
        login: 'alice@example.com',
        kind: 'user',
        node: 'laptop',
        door: 'tailnet',
        clientIp: laptop,
        model: 'm',
        outcome: 'ok',
        inputTokens: 11,
        outputTokens: 6,
      })
    },
  )

  it('the same request from the internet is refused, and leaves no row', async () => {
    const [before, asked] = [rows(), doors.now.upstream.requests.length]
    const answer = await doors.now.front.ask(stranger, completion())
    expect([answer.status, codeOf(answer)]).toEqual([401, 'invalid_credentials'])
    expect(headerOf(answer.headers, 'www-authenticate')).toMatch(/^Basic /)
    expect(rows()).toBe(before)
    expect(doors.now.upstream.requests.length).toBe(asked)
  })

  it('with a password it is answered, and the row has the address of the internet', async () => {
    const before = rows()
    const answer = await doors.now.front.ask(stranger, completion([basic('alice')]))
    expect(answer.status).toBe(200)
    const row = await lastRow(before + 1)
    expect(row).toMatchObject({ kind: 'password', door: 'public', clientIp: stranger, node: null })
    expect(row).toMatchObject({ login: 'alice@example.com', credentialId: 'alice' })
  })

  it('knows a device by its IPv6 address as well', async () => {
    const before = rows()
    expect((await doors.now.front.ask(laptop6, completion())).status).toBe(200)
    expect(await lastRow(before + 1)).toMatchObject({ node: 'laptop', clientIp: laptop6 })
  })

  it('a tagged node is its tags, and has what a grant gives them', async () => {
    const before = rows()
    expect((await doors.now.front.ask(runner, completion())).status).toBe(200)
    expect(await lastRow(before + 1)).toMatchObject({ login: 'tag:ci', kind: 'node' })
    const other = await doors.now.front.ask(server, completion())
    expect([other.status, codeOf(other)]).toEqual([403, 'no_role'])
  })

  it.each([
    ['Authorization', 'Bearer not-needed'],
    ['Authorization', 'Bearer -'],
    ['Authorization', 'Bearer sk-0123456789abcdef'],
    ['X-Api-Key', 'not-needed'],
    ['Api-Key', 'dummy'],
    ['X-Api-Key', ''],
  ])('the placeholder “%s: %s” changes nothing on the tailnet', async (header, value) => {
    const before = rows()
    expect((await doors.now.front.ask(laptop, completion([[header, value]]))).status).toBe(200)
    expect(await lastRow(before + 1)).toMatchObject({ login: 'alice@example.com', node: 'laptop' })
    // Each from an address of its own: from outside it is a guess, and counts.
    const from = `198.51.100.${value.length}`
    expect((await doors.now.front.ask(from, completion([[header, value]]))).status).toBe(401)
  })

  it.each([
    ['a wrong password', basic('alice', 'not-it')],
    ['an unknown user', basic('nobody', 'x')],
    ['what cannot be read', ['Authorization', 'Basic ?'] as const],
    ['Bearer user:password, wrong', ['Authorization', 'Bearer alice:not-it'] as const],
    ['a scheme of others', ['Authorization', 'Negotiate x'] as const],
  ])('%s on the tailnet is 401, and never falls back to the device', async (_what, header) => {
    const answer = await doors.now.front.ask(laptop6, completion([header]))
    expect([answer.status, codeOf(answer)]).toEqual([401, 'invalid_credentials'])
  })

  it('a right password on the tailnet is who it says, by that door', async () => {
    const before = rows()
    expect((await doors.now.front.ask(phone, completion([basic('alice')]))).status).toBe(200)
    expect(await lastRow(before + 1)).toMatchObject({ kind: 'password', door: 'tailnet' })
  })
})

describe('five wrong passwords from the internet', () => {
  const doors = doorsForFile({ auth_failures: { max: 5, window: '10m', ban: '15m' } })
  const guess = (from: string, count: number, name = 'guess') =>
    Promise.all(
      Array.from({ length: count }, (_, i) =>
        doors.now.front.ask(from, list([basic('alice', `${name}-${i}`)])),
      ),
    )

  it('ban that address, which a right password passes, and no other', async () => {
    const { front, loopback, gateway } = doors.now
    expect(statuses(await guess(stranger, 5))).toEqual([401, 401, 401, 401, 401])
    const wrong = await front.ask(stranger, list([basic('alice', 'guess-5')]))
    expect([wrong.status, codeOf(wrong)]).toEqual([429, 'too_many_failures'])
    expect((await front.ask(stranger, list())).status).toBe(429)
    expect((await front.ask(stranger, list([basic('alice')]))).status).toBe(200)
    expect(gateway.store.bans).toMatchObject([{ address: stranger }])
    expect((await front.ask(another, list([basic('alice')]))).status).toBe(200)
    expect(statuses(await Promise.all([laptop, phone].map((ip) => front.ask(ip, list()))))).toEqual(
      [200, 200],
    )
    expect((await loopback.ask(laptop, list())).status).toBe(200)
    const here = await fetch(`${gateway.url}/v1/models`, {
      headers: Object.fromEntries([basic('alice')]),
    })
    expect(here.status).toBe(200)
    expect((await front.ask(stranger, { ...list(), path: '/healthz' })).status).toBe(200)
  })

  it('the way that leads to loopback knows of the ban', async () => {
    expect((await doors.now.loopback.ask(stranger, list())).status).toBe(429)
  })

  it('from one /64 count together', async () => {
    for (let i = 1; i <= 5; i++) await guess(`2001:db8:1:2::${i}`, 1, `guess-${i}`)
    const { front } = doors.now
    expect((await front.ask('2001:db8:1:2:ffff::1', list())).status).toBe(429)
    expect((await front.ask('2001:db8:1:3::1', list([basic('alice')]))).status).toBe(200)
  })

  it('from the tailnet ban the device that sent them, whose identity passes that', async () => {
    expect(statuses(await guess(laptop6, 6)).filter((status) => status === 401)).toHaveLength(5)
    const { front, gateway } = doors.now
    expect(gateway.store.bans.map(({ address }) => address)).toContain('fd7a:115c:a1e0::/64')
    expect((await front.ask(laptop6, list([basic('alice', 'guess-7')]))).status).toBe(429)
    expect((await front.ask(laptop6, list())).status).toBe(200)
    expect((await doors.now.front.ask(laptop, list())).status).toBe(200)
  })
})

describe('the mode', () => {
  const doors = doorsForFile()
  const mode = (to: string, more: object = {}) => doors.now.gateway.reload({ mode: to, ...more })
  const both = (ask = list()) =>
    Promise.all([doors.now.front.ask(laptop, ask), doors.now.front.ask(stranger, ask)])

  it.each([
    ['serve', [200, 403], [200, 403]],
    ['local', [403, 403], [403, 403]],
    ['funnel', [401, 401], [200, 200]],
    ['both', [200, 401], [200, 200]],
  ])('%s: tailnet and internet, bare and with a password, at once', async (to, bare, known) => {
    await mode(to)
    expect(statuses(await both())).toEqual(bare)
    expect(statuses(await both(list([basic('alice')])))).toEqual(known)
    expect(statuses(await both({ ...list(), path: '/healthz' }))).toEqual([200, 200])
    expect(statuses(await both({ ...list(), path: '/readyz' }))).toEqual([200, 200])
    const direct = { headers: Object.fromEntries([basic('alice')]) }
    expect((await fetch(`${doors.now.gateway.url}/v1/models`, direct)).status).toBe(200)
  })

  it.each([
    ['/v1/chat/completions', { error: { code: 'door_closed' } }],
    ['/v1/messages', { type: 'error', error: { code: 'door_closed', type: 'permission_error' } }],
    ['/v1beta/models/x:generateContent', { error: { details: [{ reason: 'door_closed' }] } }],
    ['/', { error: { code: 'door_closed' } }],
    ['/ui', { error: { code: 'door_closed' } }],
    ['/api/config', { error: { code: 'door_closed' } }],
  ])('a shut door says so on %s in the dialect of the path', async (path, body) => {
    await mode('serve')
    const answer = await doors.now.front.ask(stranger, { ...list([basic('owner')]), path })
    expect(answer.status).toBe(403)
    expect(JSON.parse(answer.body)).toMatchObject(body)
  })

  it('a shut door gives nobody a chance to guess, and counts nothing', async () => {
    await mode('serve')
    const before = doors.now.gateway.store.failures.length
    for (let i = 0; i < 8; i++) {
      const answer = await doors.now.front.ask(another, list([basic('alice', `no-${i}`)]))
      expect(answer.status).toBe(403)
    }
    expect(doors.now.gateway.store.failures.length).toBe(before)
    await mode('both')
    expect((await doors.now.front.ask(another, list([basic('alice')]))).status).toBe(200)
  })

  it('is asked for each request, also on a connection that was open before', async () => {
    await mode('both')
    const socket = connect(doors.now.socket)
    const request = [
      'GET /v1/models HTTP/1.1',
      `Host: localhost`,
      `X-Forwarded-Host: ${name}`,
      `X-Forwarded-For: ${stranger}`,
      'Tailscale-Funnel-Request: ?1',
      `${basic('alice').join(': ')}\r\n\r\n`,
    ].join('\r\n')
    let said = ''
    socket.on('data', (chunk) => {
      said += chunk.toString()
    })
    socket.write(request)
    await until(() => said.includes('200 OK'))
    await mode('serve')
    said = ''
    socket.write(request)
    await until(() => said.includes('door_closed'))
    expect(said).toMatch(/^HTTP\/1\.1 403 /)
    socket.destroy()
  })

  it('changes nothing for an answer under way', async () => {
    await mode('both')
    const port = await doors.now.front.portFor(stranger)
    const stream = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: Object.fromEntries([basic('alice'), ['content-type', 'application/json']]),
      body: JSON.stringify({ model: 'slow', stream: true, messages: [] }),
    })
    const reader = stream.body?.getReader()
    await reader?.read()
    await mode('serve')
    let text = ''
    for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
      text += new TextDecoder().decode(read.value)
    }
    expect(text).toMatch(/data: \[DONE\]\s*$/)
  })

  it('funnel gives a name on the tailnet no weight, whatever its grants', async () => {
    await mode('funnel', { grants: [...grants, grant(['*'])] })
    const answer = await doors.now.front.ask(phone, completion())
    expect([answer.status, codeOf(answer)]).toEqual([401, 'invalid_credentials'])
    const placeholder = await doors.now.front.ask(phone, completion([['X-Api-Key', 'x']]))
    expect(placeholder.status).toBe(401)
  })
})

it('a grant may hold at one door only', async () => {
  const doors = await startDoors({
    grants: [grant(['alice@example.com'], '**', { via: ['tailnet'] })],
  })
  const answers = await Promise.all([
    doors.front.ask(laptop, list()),
    doors.front.ask(stranger, list([basic('alice')])),
  ])
  expect(statuses(answers)).toEqual([200, 403])
  await doors.stop()
})
