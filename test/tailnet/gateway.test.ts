import { once } from 'node:events'
import {
  connect as connectHttp2,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Behind,
  basic,
  codeOf,
  completion,
  grant,
  knock,
  list,
  startBehind,
} from '../support/behind.ts'
import { chatStream, type Exchange } from '../support/fake-upstream.ts'
import { describeWith } from '../support/parts/need.ts'
import { must } from '../support/parts/run.ts'
import { until } from '../support/raw.ts'
import { type Doorway, served } from '../support/tailnet/doorways.ts'
import { type Answer, askOver, type HeaderLines } from '../support/tailnet/http.ts'
import { capability } from '../support/tailnet/people.ts'
import { tailnetParts } from '../support/tailnet/programs.ts'
import { gatewayName, type NodeName } from '../support/tailnet/rig.ts'
import { forged } from '../support/tailnet/table.ts'
import { tailnetRig } from './scene.ts'

/** A stream whose last frame waits until the test has seen the first. */
const held = { open: () => {} }
const byModel = {
  held: async (exchange: Exchange) => {
    const opened = new Promise<void>((resolve) => {
      held.open = resolve
    })
    exchange.response.writeHead(200, { 'content-type': 'text/event-stream' })
    exchange.response.write('data: {"choices":[{"index":0,"delta":{"content":"first"}}]}\n\n')
    await opened
    exchange.response.end('data: [DONE]\n\n')
  },
  endless: chatStream({ frames: Array.from({ length: 3000 }, () => 'x'), gap: 10 }),
}

const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status)
const stranger = '203.0.113.7'
const another = '203.0.113.8'

describeWith(tailnetParts, 'the gateway on a real tailnet', () => {
  const tailnet = tailnetRig()
  let behind: Behind
  beforeAll(async () => {
    const rig = tailnet.now
    behind = await startBehind({
      localApi: rig.nodes.gateway.socket,
      script: { byModel },
      config: {
        // Alice has no grant here: hers comes with the policy of the tailnet.
        grants: [
          grant(['bob@example.com', 'rené@example.com', 'owner']),
          grant(['tag:ci'], 'local/m'),
        ],
        tailscale: { capabilities: [capability] },
        auth_failures: { max: 5 },
      },
    })
    await rig.serve(served(gatewayName, doorways()))
  })
  const doorways = (): readonly Doorway[] => {
    const { socket, port } = behind
    return [
      { port: 80, target: { socket }, acceptAppCaps: [capability] },
      { port: 443, kind: 'https', funnel: true, target: { socket }, acceptAppCaps: [capability] },
      { port: 8080, target: { port } },
    ]
  }
  afterAll(() => behind?.stop())

  const rig = () => tailnet.now
  const internet = (from: string, ask = list()) => rig().funnel(ask, { from: `${from}:55555` })
  const rowAfter = async (act: () => Promise<Answer>) => {
    const { usage } = behind.gateway.store
    const before = usage.length
    const answer = await act()
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`)
    await until(() => usage.length > before)
    return usage.at(-1)
  }
  const secure = { tls: true } as const

  test.each([
    ['laptop', 'alice@example.com', 'user'],
    ['phone', 'bob@example.com', 'user'],
    ['runner', 'tag:ci', 'node'],
    ['tablet', 'rené@example.com', 'user'],
  ] as const)('%s gets a completion with no key, and a row as %s', async (node, login, kind) => {
    const clientIp = await rig().addressOf(node)
    for (const through of [{}, secure]) {
      const row = await rowAfter(() => rig().ask(node, completion(), through))
      expect(row).toMatchObject({ login, kind, node, clientIp, door: 'tailnet', outcome: 'ok' })
    }
  })

  test('who has no grant is refused by name: the login that only looks like alice’s', async () => {
    const answer = await rig().ask('mask', completion())
    expect([answer.status, codeOf(answer)]).toEqual([403, 'no_role'])
  })

  test('the policy of the tailnet grants what it says, and what cannot be read grants nothing', async () => {
    await behind.gateway.reload({ grants: [] })
    const answers = await Promise.all(
      (['laptop', 'runner', 'phone'] as const).map((node) => rig().ask(node, list())),
    )
    expect(statuses(answers)).toEqual([200, 403, 403])
    await behind.gateway.reload({})
    const unreadable = { evt: 'capability.unreadable', reason: expect.stringContaining('"role"') }
    expect(behind.gateway.log).toContainEqual(expect.objectContaining(unreadable)) // "ci"
  })

  test('by Funnel the same request is 401, and with a password a row with the address of the internet', async () => {
    const refused = await internet(stranger, completion())
    expect([refused.status, codeOf(refused)]).toEqual([401, 'invalid_credentials'])
    for (const clientIp of [stranger, '2001:db8::7']) {
      const from = clientIp.includes(':') ? `[${clientIp}]` : clientIp
      const row = await rowAfter(() => internet(from, completion([basic('owner')])))
      expect(row).toMatchObject({ login: 'owner', door: 'public', clientIp, node: null })
    }
  })

  test('whatever is forged, tailscaled and we know better', async () => {
    const exact = forged.filter(([name]) => !name.includes('_'))
    const row = await rowAfter(() => rig().ask('phone', completion(exact), secure))
    expect(row).toMatchObject({ login: 'bob@example.com', node: 'phone' })
    expect((await internet(stranger, completion(exact))).status).toBe(401)
    const drop = ['Connection', 'Tailscale-Funnel-Request, X-Forwarded-For'] as const
    expect((await internet(stranger, completion([drop]))).status).toBe(401)
    const lookAlikes = [...forged.map(([name]) => name), 'Tailscale.User.Login', 'X.Forwarded.For']
    for (const name of lookAlikes.filter((name) => /[_.]/.test(name))) {
      const header: HeaderLines = [[name, 'alice@example.com']]
      const answers = [
        await rig().ask('phone', list(header)),
        await rig().ask('runner', list(header), secure),
        await internet(stranger, list([...header, basic('owner')])),
      ]
      expect([name, ...answers.map(codeOf)]).toEqual([
        name,
        ...answers.map(() => 'identity_conflict'),
      ])
    }
    expect(behind.upstream.requests.at(-1)?.rawHeaders.join()).not.toMatch(/tailscale|198\.51/i)
  })

  test('a key that is none changes nothing, a wrong password does', async () => {
    const placeholder = ['Authorization', 'Bearer not-needed'] as const
    expect((await rig().ask('laptop', list([placeholder]))).status).toBe(200)
    const wrong = await rig().ask('laptop', list([basic('owner', 'no')]))
    expect([wrong.status, codeOf(wrong)]).toEqual([401, 'invalid_credentials'])
  })

  test('five wrong passwords by Funnel ban that address, and no other', async () => {
    const guesses: Answer[] = []
    for (let i = 0; i < 5; i++) {
      guesses.push(await internet('203.0.113.9', list([basic('owner', `guess-${i}`)])))
    }
    expect(statuses(guesses)).toEqual([401, 401, 401, 401, 401])
    expect((await internet('203.0.113.9', list())).status).toBe(429)
    expect((await internet('203.0.113.9', list([basic('owner')]))).status).toBe(200)
    expect((await internet(another, list([basic('owner')]))).status).toBe(200)
    expect((await rig().ask('laptop', list(), secure)).status).toBe(200)
    expect(behind.gateway.store.bans.map(({ address }) => address)).toEqual(['203.0.113.9'])
  })

  test('a forward of bytes to the socket takes every identity from it, from the first request on until it is gone', async () => {
    const { socket } = behind
    const alice = await rig().addressOf('laptop')
    // Bob's machine, by way of the forward, says what tailscaled would say of alice.
    const lie = list([
      ['Tailscale-User-Login', 'alice@example.com'],
      ['X-Forwarded-For', alice],
    ])
    const asBob = () => rig().ask('phone', lie, { port: 9000 })
    const known = async (node: NodeName) => (await rig().ask(node, list(), secure)).status
    expect([await known('laptop'), await known('phone')]).toEqual([200, 200])
    const forward = { port: 9000, kind: 'tcp', target: { socket } } as const
    await rig().serve(served(gatewayName, [...doorways(), forward]))
    expect((await asBob()).status).toBe(401)
    expect([await known('laptop'), await known('phone')]).toEqual([401, 401])
    const password = await rig().ask('phone', list([basic('owner')]), secure)
    expect(password.status).toBe(200)
    await rig().serve(served(gatewayName, doorways()))
    await behind.gateway.state.forwards.look(behind.gateway.gateway.listeners)
    await expect.poll(() => known('laptop')).toBe(200)
    expect(await known('phone')).toBe(200)
  })

  test('`curl http://gateway/v1/models`, by MagicDNS name', async () => {
    const { proxy } = rig().nodes.phone
    const through = ['--silent', '--fail', '--max-time', '10', '--socks5-hostname', proxy]
    const { stdout } = await must('curl', [...through, 'http://gateway/v1/models'], {})
    const listed = JSON.parse(stdout) as { data: { id: string }[] }
    expect(listed.data.map(({ id }) => id)).toContain('m')
  })

  test.each([
    ['serve', [200, 200, 403]],
    ['funnel', [401, 401, 401]],
    ['local', [403, 403, 403]],
    ['both', [200, 200, 401]],
  ])('mode %s holds at once, for tailnet, TLS and internet', async (mode, expected) => {
    await behind.gateway.reload({ mode })
    const answers = [
      await rig().ask('laptop', list()),
      await rig().ask('laptop', list(), secure),
      await internet(stranger),
    ]
    expect(statuses(answers)).toEqual(expected)
    const health = await internet(stranger, { ...list(), path: '/healthz' })
    expect(health.status).toBe(200)
  })

  /** Exact bytes from bob's phone to the port of serve, and what comes back until it is closed. */
  const bytes = async (text: string): Promise<string> => {
    const socket = await rig().nodes.phone.dial(gatewayName, 80)
    socket.on('error', () => {})
    socket.write(text, 'latin1')
    let said = ''
    socket.setTimeout(300, () => socket.destroy())
    await new Promise((resolve) => {
      socket.on('data', (chunk) => {
        said += chunk.toString()
      })
      socket.once('close', resolve)
    })
    return said
  }
  const login = 'Tailscale-User-Login: alice@example.com'
  const get = `GET /v1/models HTTP/1.1\r\nHost: ${gatewayName}\r\n`
  const post = get.replace('GET', 'POST')
  const smuggled = `${get}${login}\r\nX-Forwarded-For: 100.64.0.2\r\n\r\n`

  test.each([
    [
      'a length and chunks',
      `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    ],
    ['chunks misspelled', `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`],
    ['chunks after a space', `${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${smuggled}`],
    [
      'chunks twice',
      `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${smuggled}`,
    ],
    ['two lengths', `${post}Content-Length: 0\r\nContent-Length: 9\r\n\r\n${smuggled}`],
    ['a length with a sign', `${post}Content-Length: +0\r\n\r\n${smuggled}`],
    ['a GET with a body', `${get}Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`],
    ['a bare LF', `${get}X-A: 1\n${login}\r\n\r\n`],
    ['a bare CR', `${get}X-A: 1\r${login}\r\n\r\n`],
    ['a folded line', `${get}X-A: 1\r\n ${login}\r\n\r\n`],
    ['a space before the colon', `${get}Tailscale-User-Login : alice@example.com\r\n\r\n`],
    ['a NUL in a value', `${get}X-A: 1\0${login}\r\n\r\n`],
    ['two Host lines', `${get}Host: localhost\r\n${login}\r\n\r\n`],
    [
      'a trailer',
      `${post}Trailer: Tailscale-User-Login\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${login}\r\n\r\n`,
    ],
    [
      'an absolute target',
      `GET http://${gatewayName}/v1/models HTTP/1.1\r\nHost: evil\r\n${login}\r\n\r\n`,
    ],
    ['HTTP/1.0', `GET /v1/models HTTP/1.0\r\nHost: ${gatewayName}\r\n${login}\r\n\r\n`],
    [
      'an upgrade to h2c',
      `${get}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n${login}\r\n\r\n`,
    ],
    ['a PROXY line', `PROXY TCP4 100.64.0.2 100.64.0.1 1 80\r\n${get}\r\n`],
    ['1,000 headers', `${get}${'X-A: 1\r\n'.repeat(1000)}${login}\r\n\r\n`],
  ])('bytes that two servers could read differently make nobody alice: %s', async (_what, text) => {
    const { log } = behind.gateway
    const before = log.length
    const said = await bytes(text)
    expect(said).toMatch(/^HTTP\/1\.[01] /)
    const callers = log.slice(before).flatMap(({ evt, user }) => (evt === 'access' ? [user] : []))
    expect(callers.filter((user) => user !== undefined && user !== 'bob@example.com')).toEqual([])
  })

  test('HTTP/2 in TLS is the same: bob stays bob', async () => {
    const plain = await rig().nodes.phone.dial(gatewayName, 443)
    const { certificate: ca } = rig().authority
    const socket = connectTls({ socket: plain, servername: gatewayName, ca, ALPNProtocols: ['h2'] })
    await once(socket, 'secureConnect')
    expect(socket.alpnProtocol).toBe('h2')
    const session = connectHttp2(`https://${gatewayName}`, { createConnection: () => socket })
    const ask = async (headers: OutgoingHttpHeaders): Promise<unknown> => {
      const stream = session.request({ ':path': '/v1/models', ...headers }).end()
      const [answered] = (await once(stream, 'response')) as [IncomingHttpHeaders]
      stream.resume()
      return answered[':status']
    }
    const claims = { 'tailscale-user-login': 'alice@example.com', 'x-forwarded-for': '100.64.0.2' }
    expect(await ask(claims)).toBe(200)
    expect(await ask({ ...claims, ':authority': 'localhost' })).toBe(200)
    const access = behind.gateway.log.filter(({ evt }) => evt === 'access').slice(-2)
    expect(access.map(({ user }) => user)).toEqual(['bob@example.com', 'bob@example.com'])
    expect(await ask({ tailscale_user_login: 'alice@example.com' })).toBe(400)
    session.destroy()
  })

  const streaming = async (model: string): Promise<Socket> => {
    const socket = await rig().nodes.laptop.dial(gatewayName, 80)
    const body = JSON.stringify({ model, stream: true, messages: [] })
    const head = ['POST /v1/chat/completions HTTP/1.1', `Host: ${gatewayName}`]
    const lines = ['Content-Type: application/json', `Content-Length: ${body.length}`, '']
    socket.write([...head, ...lines, body].join('\r\n'))
    return socket
  }

  test('a stream comes frame by frame: the first before the last is sent', async () => {
    const socket = await streaming('held')
    let said = ''
    for await (const chunk of socket) {
      said += chunk.toString()
      if (said.includes('first')) held.open()
      if (said.includes('[DONE]')) break
    }
    expect(said).toContain('Content-Type: text/event-stream')
    expect(said.indexOf('first')).toBeLessThan(said.indexOf('[DONE]'))
  })

  test('a client that leaves ends the upstream’s work within a second', async () => {
    const before = behind.upstream.closes
    const socket = await streaming('endless')
    await new Promise((resolve) => socket.once('data', resolve))
    const left = performance.now()
    socket.destroy()
    await behind.upstream.closed(before + 1)
    expect((behind.upstream.closedAt.at(-1) ?? 0) - left).toBeLessThan(1000)
  })

  const upgrade = async (origin: string): Promise<string> => {
    const socket = await rig().nodes.laptop.dial(gatewayName, 80)
    const fields = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
    const head = ['GET /ws/accept HTTP/1.1', `Host: ${gatewayName}`, `Origin: ${origin}`]
    socket.write(
      [...head, ...fields, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', ''].join('\r\n'),
    )
    let said = ''
    for await (const chunk of socket) {
      said += chunk.toString()
      if (/^HTTP\/1\.1 101 [\s\S]*\r\n\r\n$/.test(said)) socket.write('hi')
      if (said.endsWith('hi') || said.includes('origin_not_allowed')) break
    }
    return said
  }

  test('a WebSocket is joined for pages of the name that was asked for, not of the Host we see', async () => {
    expect(await upgrade(`http://${gatewayName}`)).toMatch(/^HTTP\/1\.1 101 [\s\S]*hi$/)
    expect(behind.webui.upgrades.at(-1)?.headers.host).toBe(gatewayName)
    for (const origin of ['http://localhost', 'https://evil.example', `http://x.${gatewayName}`]) {
      expect(await upgrade(origin)).toMatch(/^HTTP\/1\.1 403 /)
    }
  })

  const genuine = async (node: NodeName): Promise<HeaderLines> => [
    ['X-Forwarded-For', await rig().addressOf(node)],
    ['Tailscale-User-Login', 'alice@example.com'],
  ]

  /** The other nodes would talk to the daemon that is gone for up to 15 s more, unless the new one speaks first. */
  const startAgain = async () => {
    const { gateway } = rig().nodes
    await gateway.start()
    await gateway.cli('wait', '--timeout=20s')
    await rig().connected()
    const greet = async (node: NodeName) =>
      gateway.cli('ping', '--tsmp', '--c=1', '--timeout=20s', await rig().addressOf(node))
    await Promise.all([greet('laptop'), greet('phone')])
  }

  test('while tailscaled is away there is no identity, passwords work, and it comes back by itself', async () => {
    const claim = list(await genuine('laptop'))
    expect((await knock(behind.socket, claim)).status).toBe(200)
    const { gateway } = rig().nodes
    await gateway.stop()
    expect((await knock(behind.socket, claim)).status).toBe(200) // known from a moment ago
    behind.pass(60_000)
    const asked = performance.now()
    expect((await knock(behind.socket, claim)).status).toBe(401)
    expect(performance.now() - asked).toBeLessThan(600)
    const url = `${behind.gateway.url}/v1/models`
    const headers = Object.fromEntries([basic('owner')])
    expect((await fetch(url, { headers })).status).toBe(200)
    expect((await fetch(url)).status).toBe(401)
    await startAgain()
    behind.pass(1_000)
    expect((await rig().ask('laptop', list())).status).toBe(200)
    expect((await internet(stranger, list([basic('owner')]))).status).toBe(200)
    expect(behind.gateway.store.bans).toHaveLength(1)
  }, 60_000)

  test('a tailscaled without a network device opens our port of loopback to the tailnet, so nobody is believed there', async () => {
    const forgery = list(await genuine('laptop'))
    const direct = await rig().nodes.phone.dial(gatewayName, behind.port)
    expect((await askOver(direct, forgery)).status).toBe(401)
    expect((await rig().ask('laptop', list(), { port: 8080 })).status).toBe(401)
    const proven = await rowAfter(() =>
      rig().ask('laptop', completion([basic('owner')]), { port: 8080 }),
    )
    expect(proven).toMatchObject({ clientIp: await rig().addressOf('laptop'), login: 'owner' })
  })
})
