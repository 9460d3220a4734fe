import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import {
  basic,
  codeOf,
  completion,
  doorsForFile,
  evil,
  grant,
  knock,
  laptop,
  list,
  nobody,
  phone,
  runner,
  stranger,
} from '../support/doors.ts'
import { raw, until } from '../support/raw.ts'
import { type Answer, askOver, type HeaderLines } from '../support/tailnet/http.ts'
import { forged } from '../support/tailnet/table.ts'

const alice = 'alice@example.com'
const doors = doorsForFile({ auth_failures: { max: 1000 } })

const lastRowAfter = async (act: () => Promise<Answer>) => {
  const { usage } = doors.now.gateway.store
  const before = usage.length
  const answer = await act()
  if (answer.status === 200) await until(() => usage.length > before)
  return { answer, row: usage.length > before ? usage.at(-1) : undefined }
}

/** Spellings that tailscaled knows as its own, whatever the case, and takes away. */
const exact = forged.filter(([header]) => !header.includes('_'))
/** Spellings that some server takes for the same, and tailscaled for another. */
const lookAlikes = [
  'Tailscale_User_Login',
  'tailscale_user_login',
  'Tailscale-User_Login',
  'TAILSCALE.USER.LOGIN',
  'Tailscale-User.Login',
  'Tailscale_Funnel_Request',
  'Tailscale_App_Capabilities',
  'X_Forwarded_For',
  'X-Forwarded_User',
  'X_Real_IP',
  'X_Webauth_User',
  'Remote_User',
  'X.Gateway.Hop',
  'X_Gateway_Hop',
  'CF_Connecting_IP',
] as const

describe('a forged header by way of serve and Funnel', () => {
  it.each(['front', 'loopback'] as const)(
    'in the spelling of tailscaled is replaced by what is true',
    async (way) => {
      const { answer, row } = await lastRowAfter(() =>
        doors.now[way].ask(phone, completion([...exact, ['TAILSCALE-USER-LOGIN', alice]])),
      )
      expect(answer.status).toBe(200)
      expect(row).toMatchObject({ login: 'bob@example.com', node: 'phone', clientIp: phone })
      const outside = await doors.now[way].ask(stranger, completion(exact))
      expect(outside.status).toBe(401)
      const known = await lastRowAfter(() =>
        doors.now[way].ask(stranger, completion([...exact, basic('alice')])),
      )
      expect(known.row).toMatchObject({ door: 'public', clientIp: stranger, kind: 'password' })
    },
  )

  it.each(lookAlikes)('%s is refused, whoever sends it', async (header) => {
    for (const from of [phone, runner, stranger]) {
      const answer = await doors.now.front.ask(from, completion([[header, alice]]))
      expect([answer.status, codeOf(answer)]).toEqual([400, 'identity_conflict'])
    }
    const proven = await doors.now.front.ask(stranger, list([[header, alice], basic('alice')]))
    expect(proven.status).toBe(400)
  })

  it('named in Connection, to have it dropped on the way, stays what it is', async () => {
    const drop = 'Tailscale-Funnel-Request, X-Forwarded-For, Tailscale-User-Login'
    const outside = await doors.now.front.ask(stranger, completion([['Connection', drop]]))
    expect(outside.status).toBe(401)
    const { row } = await lastRowAfter(() =>
      doors.now.front.ask(phone, completion([['Connection', drop]])),
    )
    expect(row).toMatchObject({ login: 'bob@example.com', clientIp: phone })
  })

  it('reaches neither the model server nor Open WebUI', async () => {
    const { front, upstream, webui } = doors.now
    await front.ask(phone, completion(exact))
    await front.ask(phone, { ...list(exact), path: '/' })
    const claims = exact.map(([, value]) => value)
    const sent = upstream.requests.at(-1)?.rawHeaders ?? []
    expect(sent.filter((value) => claims.includes(value))).toEqual([])
    const { headers = {} } = webui.requests.at(-1) ?? {}
    const passed = Object.entries(headers).filter(([, value]) => claims.includes(String(value)))
    expect(passed).toEqual([])
    expect(
      Object.keys(headers).filter((header) => /^tailscale|^remote|webauth/.test(header)),
    ).toEqual([])
    expect(headers['x-forwarded-for']).toBe(phone)
  })

  it.each([
    'X-Real-IP',
    'CF-Connecting-IP',
    'True-Client-IP',
    'X-Client-IP',
    'X-Forwarded-User',
    'X-Forwarded-Uri',
    'X-Original-URL',
    'X-Rewrite-URL',
    'X-HTTP-Method-Override',
  ])('%s is not read, and not sent on', async (header) => {
    const lines: HeaderLines = [[header, '/healthz'], basic('alice')]
    const { answer, row } = await lastRowAfter(() =>
      doors.now.front.ask(stranger, completion(lines)),
    )
    expect(answer.status).toBe(200)
    expect(row).toMatchObject({ clientIp: stranger, route: '/v1/chat/completions' })
    await doors.now.front.ask(stranger, { ...list(lines), path: '/x' })
    expect(doors.now.webui.requests.at(-1)?.headers[header.toLowerCase()]).toBeUndefined()
  })
})

/** What tailscaled says of alice's laptop. */
const genuine: HeaderLines = [
  ['X-Forwarded-For', laptop],
  ['X-Forwarded-Host', 'gateway.tail.test'],
  ['Tailscale-User-Login', alice],
]
const without = (header: string) => genuine.filter(([given]) => given !== header)
const withFor = (value: string): HeaderLines => [
  ['X-Forwarded-For', value],
  ...without('X-Forwarded-For'),
]

describe('whoever speaks to the socket itself', () => {
  const socket = (headers: HeaderLines) => knock(doors.now.socket, completion(headers))

  it('is believed when it says all that tailscaled would: the socket’s rights are the proof', async () => {
    const { answer, row } = await lastRowAfter(() => socket(genuine))
    expect(answer.status).toBe(200)
    expect(row).toMatchObject({ login: alice, node: 'laptop', clientIp: laptop })
  })

  it.each([
    ['no address', without('X-Forwarded-For')],
    ['two addresses', withFor(`${laptop}, ${phone}`)],
    ['an address and nothing', withFor(`${laptop},`)],
    ['two address lines', [...genuine, ['X-Forwarded-For', laptop] as const]],
    ['an address with a port', withFor(`${laptop}:1`)],
    ['an address in brackets', withFor('[fd7a:115c:a1e0::2]')],
    ['an address in octal', withFor('0100.064.0.02')],
    ['an address as a number', withFor('1681915906')],
    ['half an address', withFor('100.64.2')],
    ['a name', withFor('laptop')],
    ['the word unix', withFor('unix')],
    ['loopback', withFor('127.0.0.1')],
    ['loopback in IPv6', withFor('::1')],
    ['our own address, which is another’s', withFor(nobody)],
    ['an address of the internet', withFor(stranger)],
    ['no login', without('Tailscale-User-Login')],
    ['another’s tagged node', withFor(runner)],
  ])('with %s is nobody', async (_what, headers) => {
    const answer = await socket(headers)
    expect([answer.status, codeOf(answer)]).toEqual([401, 'invalid_credentials'])
  })

  it.each([
    ['IPv4 as IPv6', '::ffff:100.64.0.2'],
    ['IPv6 in full', 'fd7a:115c:a1e0:0:0:0:0:2'],
  ])('with %s is the node it is', async (_what, spelled) => {
    const { row } = await lastRowAfter(() => socket(withFor(spelled)))
    expect(row).toMatchObject({ login: alice, node: 'laptop' })
    expect([laptop, 'fd7a:115c:a1e0::2']).toContain(row?.clientIp)
  })

  it.each(['?1', '?0', '', 'true', 'TRUE', '0', 'false'])(
    'with an identity and the mark “%s” contradicts itself',
    async (mark) => {
      for (const header of ['Tailscale-Funnel-Request', 'TAILSCALE-FUNNEL-REQUEST']) {
        const answer = await socket([...genuine, [header, mark]])
        expect([answer.status, codeOf(answer)]).toEqual([400, 'identity_conflict'])
        const bare = await socket([...without('Tailscale-User-Login'), [header, mark]])
        expect(bare.status).toBe(401)
        // A tagged node has no login that could be missing.
        expect(
          (
            await socket([
              ['X-Forwarded-For', runner],
              [header, mark],
            ])
          ).status,
        ).toBe(401)
      }
    },
  )

  it.each(['Tailscale-User-Name', 'Tailscale-User-Profile-Pic', 'Tailscale-App-Capabilities'])(
    'with the mark and %s contradicts itself as well',
    async (header) => {
      const lines = [
        ['X-Forwarded-For', stranger],
        ['Tailscale-Funnel-Request', '?1'],
      ] as const
      expect((await socket([...lines, [header, 'x']])).status).toBe(400)
    },
  )

  it.each([
    'Tailscale-User-Login',
    'tailscale-user-login',
    'Tailscale-User-Name',
    'Tailscale-App-Capabilities',
    'Tailscale-Funnel-Request',
    'X-Webauth-User',
  ])('with %s twice is refused, even when both agree', async (header) => {
    const answer = await socket([...genuine, [header, alice], [header, alice]])
    expect([answer.status, codeOf(answer)]).toEqual([400, 'identity_conflict'])
  })

  it.each([
    '',
    `${alice}, bob@example.com`,
    `bob@example.com, ${alice}`,
    `${alice},${alice}`,
    'ALICE@EXAMPLE.COM.',
    'alice',
    'alice@example.com.evil.example',
    'bob@example.com',
    '=?utf-8?q?bob=40example.com?=',
  ])('with the login “%s” from alice’s laptop contradicts tailscaled', async (login) => {
    doors.now.pass(60_000) // reports are sampled
    const { log } = doors.now.gateway
    const before = log.length
    const answer = await socket([
      ...without('Tailscale-User-Login'),
      ['Tailscale-User-Login', login],
    ])
    expect([answer.status, codeOf(answer)]).toEqual([400, 'identity_conflict'])
    expect(log.slice(before)).toContainEqual(
      expect.objectContaining({ evt: 'auth.fail', reason: 'identity_mismatch', ip: laptop }),
    )
  })

  it('with a login of another tailnet is whoever has the address, never the local part', async () => {
    const asAlice = await socket(withFor(evil))
    expect(asAlice.status).toBe(400)
    const answer = await socket([
      ['X-Forwarded-For', evil],
      ['Tailscale-User-Login', 'alice@evil.example'],
    ])
    expect([answer.status, codeOf(answer)]).toEqual([403, 'no_role'])
  })

  it('with the headers of another front is nobody', async () => {
    const lines = [
      ['X-Forwarded-For', laptop],
      ['X-Webauth-User', alice],
    ] as const
    const answer = await socket([...lines, ['Remote-User', alice], ['X-Gateway-Hop', 'x']])
    expect(answer.status).toBe(401)
  })
})

const lines = (...all: readonly string[]) => `${all.join('\r\n')}\r\n\r\n`
const head = lines('GET /v1/models HTTP/1.1', 'Host: localhost', `X-Forwarded-For: ${laptop}`)

describe('bytes at the port of loopback', () => {
  it.each([
    ['a space before the colon', `Tailscale-User-Login : ${alice}`],
    ['a tab before the colon', `Tailscale-User-Login\t: ${alice}`],
    ['a folded line', `X-A: 1\r\n Tailscale-User-Login: ${alice}`],
    ['a NUL', `Tailscale-User-Login\0: ${alice}`],
    ['a bare CR', `X-A: 1\rTailscale-User-Login: ${alice}`],
    ['a bare LF', `X-A: 1\nTailscale-User-Login: ${alice}`],
    ['no name', `: ${alice}`],
  ])('a header with %s proves nothing', async (_what, line) => {
    const bytes = head.replace('\r\n\r\n', `\r\n${line}\r\nConnection: close\r\n\r\n`)
    const { statuses } = await raw(doors.now.port, bytes)
    expect(statuses).toEqual([400])
  })

  it('trailers prove nothing, and are not sent on', async () => {
    const json = JSON.stringify({ model: 'm', messages: [] })
    const trailers = [`Tailscale-User-Login: ${alice}`, `X-Forwarded-For: ${laptop}`]
    const post = (...more: readonly string[]) =>
      lines(
        'POST /v1/chat/completions HTTP/1.1',
        'Host: localhost',
        'Content-Type: application/json',
        'Transfer-Encoding: chunked',
        'Trailer: Tailscale-User-Login, Authorization, X-Forwarded-For',
        'Connection: close',
        ...more,
      ) + lines(json.length.toString(16), json, '0', ...trailers, basic('alice').join(': '))
    const outside = await raw(doors.now.port, post(`X-Forwarded-For: ${stranger}`))
    expect(outside.statuses).toEqual([401])
    const inside = await raw(doors.now.port, post(`X-Forwarded-For: ${laptop}`))
    expect(inside.statuses).toEqual([401])
    const proven = await raw(doors.now.port, post(basic('alice').join(': ')))
    expect(proven.statuses).toEqual([200])
    const sent = doors.now.upstream.requests.at(-1)
    expect(sent?.rawHeaders.join('\n')).not.toMatch(/trailer|tailscale|alice@/i)
  })

  it.each([
    ['1', `PROXY TCP4 ${laptop} 127.0.0.1 1 80\r\n`],
    ['2', '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x64\x40\0\x02\x7f\0\0\x01\0\x01\0\x50'],
  ])('a PROXY line of version %s is not HTTP: the connection ends', async (_v, proxy) => {
    const before = doors.now.upstream.requests.length
    const { statuses, closed } = await raw(doors.now.port, proxy + head)
    expect(statuses.filter((status) => status !== 400)).toEqual([])
    expect(closed).toBe(true)
    expect(doors.now.upstream.requests.length).toBe(before)
  })

  it('a request behind another one is judged by its own headers', async () => {
    const mark = `X-Forwarded-For: ${stranger}`
    const second = lines('GET /v1/models HTTP/1.1', 'Host: x', mark, 'Connection: close')
    const trusted = head.replace('\r\n\r\n', `\r\nTailscale-User-Login: ${alice}\r\n\r\n`)
    const { statuses } = await raw(doors.now.port, trusted + second)
    expect(statuses).toEqual([200, 401])
  })
})

describe('a listener that believes nothing', () => {
  const local = (headers: HeaderLines) =>
    fetch(`${doors.now.gateway.url}/v1/models`, { headers: headers.map(([n, v]) => [n, v]) })

  it('sees through what tailscaled would say', async () => {
    expect((await local(genuine)).status).toBe(401)
    expect((await local([['Tailscale-User-Login', 'owner']])).status).toBe(401)
  })

  it('counts guesses by its peer, however many addresses they claim', async () => {
    const { failures } = doors.now.gateway.store
    const before = failures.length
    doors.now.pass(60_000) // reports are sampled
    for (let i = 0; i < 50; i++) {
      await local([['X-Forwarded-For', `198.51.100.${i}`], basic('alice', `claim-${i}`)])
    }
    await until(() => failures.length >= before + 50)
    expect(new Set(failures.slice(before).map(({ clientIp }) => clientIp))).toEqual(
      new Set(['127.0.0.1']),
    )
  })

  it('takes a forwarded address for a sign that this machine is not the caller', async () => {
    const answer = await local([['X-Forwarded-For', '127.0.0.1'], basic('alice')])
    expect(answer.status).toBe(200)
    expect(doors.now.gateway.store.usage.at(-1)).toMatchObject({ door: 'public' })
  })
})

/** What a browser on this machine sends when a page's name was re-pointed at it: the page may choose these headers. */
describe('a page whose name was re-pointed at 127.0.0.1 (DNS rebinding)', () => {
  const rebound = (port: number, headers: HeaderLines) =>
    askOver(connect(port, '127.0.0.1'), completion([['Host', `evil.example:${port}`], ...headers]))

  it('is nobody at the port that serve leads to', async () => {
    expect((await rebound(doors.now.port, genuine)).status).toBe(421)
  })

  it('is not this machine for a grant to (loopback)', async () => {
    await doors.now.gateway.reload({ grants: [grant(['(loopback)'])] })
    const answer = await rebound(doors.now.gateway.port, [])
    await doors.now.gateway.reload({})
    expect(answer.status).toBe(421)
  })
})

it('a forgery is on the log as what it is, with the address it came from', async () => {
  const { log } = doors.now.gateway
  const before = log.length
  await doors.now.front.ask(phone, completion([['Tailscale_User_Login', alice]]))
  expect(log.slice(before)).toContainEqual(
    expect.objectContaining({ level: 'warn', evt: 'ident.reject', ip: phone }),
  )
})
