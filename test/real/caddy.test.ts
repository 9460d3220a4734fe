import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { build } from '../../caddy/config.ts'
import type { CaddyOptions, Site } from '../../caddy/options.ts'
import { loadIntoCaddy } from '../../src/cli/caddy/admin.ts'
import { whyInvalid } from '../../src/cli/caddy/binary.ts'
import { ask, begin, type Door, open, upgrade } from '../caddy/ask.ts'
import { optionSets } from '../caddy/option-sets.ts'
import { type Stub, startStub } from '../caddy/stub.ts'
import { caddy, startCaddy } from '../support/parts/caddy.ts'
import { describeWith } from '../support/parts/need.ts'
import { pathOf } from '../support/parts/part.ts'
import { freePort, type Server } from '../support/parts/server.ts'

const tcp = (port: number) => ({ kind: 'tcp', host: '127.0.0.1', port }) as const
const megabyte = 1_048_576

/** Real Caddy before a stub, as `change` wants it. */
interface Setup {
  readonly options: CaddyOptions
  readonly server: Server
}

const folder = await mkdtemp(join(tmpdir(), 'postern-caddy-test-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

const setUp = async (site: Site, gatewayPort: number): Promise<Setup> => {
  const admin = await freePort()
  const options: CaddyOptions = {
    site,
    gateway: tcp(gatewayPort),
    bodyLimit: megabyte,
    trustedProxies: [],
    accessLog: join(folder, `${gatewayPort}-${site.tls}.jsonl`),
    admin: tcp(admin),
  }
  const server = await startCaddy(build(options), `http://127.0.0.1:${admin}/config/`)
  return { options, server }
}

const headersNamed = (stub: Stub, name: RegExp): string[] => {
  const raw = stub.passed.at(-1)?.rawHeaders ?? []
  return raw.flatMap((it, i) => (i % 2 === 0 && name.test(it) ? [`${it}: ${raw[i + 1]}`] : []))
}

describeWith([caddy], 'Caddy behind a TLS terminator on this machine', () => {
  let stub: Stub
  let setup: Setup
  let door: Door
  let socketDoor: Door

  beforeAll(async () => {
    stub = await startStub()
    const port = await freePort()
    door = { port }
    socketDoor = { port, socketPath: join(folder, 'edge.sock') }
    const listen = [tcp(port), { kind: 'unix', path: join(folder, 'edge.sock') } as const]
    setup = await setUp({ tls: 'none', listen }, stub.port)
  })
  afterAll(async () => {
    await setup?.server.stop()
    await stub?.stop()
  })
  const countBody = { answer: (() => {}) as Stub['answer'] }
  beforeAll(() => {
    countBody.answer = stub.answer
  })
  beforeEach(() => {
    stub.answer = countBody.answer
  })

  test('passes no forged identity or address header on, in any spelling', async () => {
    const names = [
      'Tailscale-User-Login',
      'Tailscale-User-Name',
      'Tailscale-Funnel-Request',
      'Tailscale-App-Capabilities',
      'X-Webauth-User',
      'X-Gateway-Client-Ip',
      'Remote-User',
      'X-Remote-User',
      'Forwarded',
      'X-Forwarded-User',
      'X-Forwarded-Email',
      'X-Forwarded-Port',
      'X-Real-Ip',
      'X-Client-Ip',
      'True-Client-Ip',
      'CF-Connecting-IP',
      'X-Auth-Request-Email',
    ]
    const spellings = names.flatMap((name) => [
      name,
      name.toLowerCase(),
      name.toUpperCase(),
      name.replaceAll('-', '_'),
      name.replaceAll('-', '.'),
      name.replace(/-(?=[^-]*$)/, '_'),
      name.replace(/-(?=[^-]*$)/, '.'),
    ])
    const headers = spellings.map((name) => [name, 'forged'] as const)
    for (const entrance of [door, socketDoor]) {
      const { status } = await ask(entrance, '/v1/models', { headers })
      expect(status).toBe(200)
      expect(headersNamed(stub, /./).filter((line) => line.includes('forged'))).toEqual([])
    }
  })

  test('hands on one client address: the right-most that is no proxy of ours', async () => {
    const headers = [
      ['X-Forwarded-For', '6.6.6.6'],
      ['X-Forwarded-For', '7.7.7.7, 203.0.113.9'],
    ] as const
    for (const entrance of [door, socketDoor]) {
      await ask(entrance, '/', { headers })
      expect(headersNamed(stub, /-for$/i)).toEqual(['X-Forwarded-For: 203.0.113.9'])
    }
  })

  test('says where the caller is when nobody stands before it', async () => {
    await ask(door, '/')
    expect(new Set(headersNamed(stub, /forwarded/i))).toEqual(
      new Set([
        'X-Forwarded-For: 127.0.0.1',
        `X-Forwarded-Host: 127.0.0.1:${door.port}`,
        'X-Forwarded-Proto: http',
      ]),
    )
  })

  test('passes on the scheme and host that the TLS terminator saw', async () => {
    const headers = [
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Host', 'box.tail1234.ts.net'],
    ] as const
    await ask(socketDoor, '/', { headers })
    expect(headersNamed(stub, /-proto$/i)).toEqual(['X-Forwarded-Proto: https'])
    expect(headersNamed(stub, /-host$/i)).toEqual(['X-Forwarded-Host: box.tail1234.ts.net'])
  })

  test('lets no Connection header take the client address away', async () => {
    const headers = [['Connection', 'X-Forwarded-For, X-Forwarded-Proto']] as const
    await ask(door, '/', { headers })
    expect(headersNamed(stub, /-for$/i)).toEqual(['X-Forwarded-For: 127.0.0.1'])
  })

  test('leaves credentials and long headers to the gateway', async () => {
    const long = 'x'.repeat(8_000)
    const headers = [
      ['Authorization', 'Bearer sk-1'],
      ['X-Api-Key', 'sk-2'],
      ['X-Goog-Api-Key', 'sk-3'],
      ['Cookie', long],
      ['X-Long', long],
      ['X-Longer', long],
    ] as const
    await ask(door, '/', { headers })
    expect(headersNamed(stub, /^(authorization|x-api-key|x-goog-api-key)$/i)).toHaveLength(3)
    expect(headersNamed(stub, /^(cookie|x-long|x-longer)$/i)).toHaveLength(3)
  })

  test.each<[string, Record<string, string>]>([
    ['an event stream', { 'Content-Type': 'text/event-stream' }],
    ['JSON of unknown length', { 'Content-Type': 'application/json' }],
    ['a body of known length', { 'Content-Type': 'audio/mpeg', 'Content-Length': '100' }],
  ])('holds back no byte of %s', async (_, headers) => {
    let goOn: () => void = () => {}
    stub.answer = (response) => {
      response.writeHead(200, headers).flushHeaders()
      goOn = () => response.write('data: first\n\n')
    }
    const { response } = await begin(door, '/v1/chat/completions', { method: 'POST', body: '{}' })
    goOn()
    const [first] = (await once(response, 'data')) as [Buffer]
    expect(first.toString()).toBe('data: first\n\n')
    response.destroy()
  })

  test('neither compresses an answer nor asks the gateway to', async () => {
    stub.answer = (response) => {
      response.setHeader('Content-Type', 'text/event-stream')
      response.end('data: x\n\n'.repeat(1_000))
    }
    const headers = [['Accept-Encoding', 'gzip, zstd']] as const
    const { headers: got } = await ask(door, '/v1/chat/completions', { headers })
    expect(got['content-encoding']).toBeUndefined()
    await ask(door, '/v1/chat/completions')
    expect(headersNamed(stub, /^accept-encoding$/i)).toEqual([])
  })

  test('tells the gateway at once when a client leaves before the first byte', async () => {
    const arrived = new Promise<void>((resolve) => {
      stub.answer = () => resolve()
    })
    const cut = stub.cut()
    const request = open(door, '/v1/messages', {})
    request.on('error', () => {}) // it is we who break off
    request.end()
    await arrived
    const left = performance.now()
    request.destroy()
    await cut
    expect(performance.now() - left).toBeLessThan(500)
  })

  test('and in the middle of an answer', async () => {
    stub.answer = (response) => response.writeHead(200).write('data: 1\n\n')
    const cut = stub.cut()
    const { request, response } = await begin(door, '/v1/chat/completions')
    await once(response, 'data')
    const left = performance.now()
    request.destroy()
    await cut
    expect(performance.now() - left).toBeLessThan(500)
  })

  test('refuses an API body over the limit with a JSON error, announced or not', async () => {
    const body = Buffer.alloc(megabyte + 1)
    for (const path of ['/v1/chat/completions', '/v1', '/v1beta/models/x:generateContent']) {
      for (const chunked of [false, true]) {
        const answer = await ask(door, path, { method: 'POST', body, chunked })
        expect(answer.status).toBe(413)
        expect(answer.headers['content-type']).toBe('application/json')
        expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 'request_too_large' } })
      }
    }
  })

  test('passes an API body of exactly the limit', async () => {
    const body = Buffer.alloc(megabyte)
    const answer = await ask(door, '/v1/files', { method: 'POST', body })
    expect(JSON.parse(answer.body)).toEqual({ bytes: megabyte })
  })

  test.each(['/api/v1/files/', '/v1foo', '/'])(
    'lets an upload of 110 MB to %s through, which is not the API',
    async (path) => {
      const body = Buffer.alloc(110 * megabyte)
      const answer = await ask(door, path, { method: 'POST', body })
      expect(JSON.parse(answer.body)).toEqual({ bytes: 110 * megabyte })
    },
  )

  test('keeps WebSockets and streams alive through a reload', async () => {
    let goOn: () => void = () => {}
    stub.answer = (response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n')
      goOn = () => response.end('data: 2\n\n')
    }
    const socket = await upgrade(door, '/ws/socket.io/')
    const { response } = await begin(door, '/v1/chat/completions')
    await once(response, 'data')

    await loadIntoCaddy(setup.options.admin, build({ ...setup.options, bodyLimit: megabyte + 1 }))

    socket.write('still here')
    const [echoed] = (await once(socket, 'data')) as [Buffer]
    expect(echoed.toString()).toBe('still here')
    goOn()
    const [second] = (await once(response, 'data')) as [Buffer]
    expect(second.toString()).toBe('data: 2\n\n')
    socket.destroy()
    await loadIntoCaddy(setup.options.admin, build(setup.options))
  })

  test('writes no key, header or query to any log', async () => {
    const keyed = [
      'Authorization',
      'Proxy-Authorization',
      'X-Api-Key',
      'Api-Key',
      'X-Goog-Api-Key',
      'Cookie',
      'Referer',
      'Sec-WebSocket-Protocol',
      'X_Api_Key',
      'X.Api.Key',
    ]
    stub.answer = (response) => {
      response.setHeader('Set-Cookie', 'session=sk-secret')
      response.setHeader('Location', 'https://x/?token=sk-secret')
      response.setHeader('X-Request-Id', 'stub-id')
      response.end()
    }
    const headers = [...keyed.map((name) => [name, 'sk-secret'] as const), ['User-Agent', 'curl/9']]
    const ask1 = { headers: headers as [string, string][] }
    for (const query of [
      '?key=sk-secret',
      '?%6bey=sk-secret',
      '?a=1&KEY=sk-secret;x',
      '??sk-secret',
    ]) {
      await ask(door, `/v1beta/models${query}`, ask1)
    }
    // An answer that breaks off is an error in Caddy's own log, with the request.
    let breakOff: () => void = () => {}
    stub.answer = (response) => {
      response.writeHead(200, { 'Content-Length': '10' }).write('part')
      breakOff = () => response.socket?.resetAndDestroy()
    }
    const { response } = await begin(door, '/v1beta/models?key=sk-secret', ask1)
    await once(response, 'data')
    breakOff()
    await once(response, 'error')

    const lines = await logLines(setup, 'curl/9', 5)
    for (const line of lines) {
      expect(line).toMatchObject({ request: { client_ip: '127.0.0.1', uri: '/v1beta/models' } })
    }
    expect(lines[0]).toMatchObject({ request_id: 'stub-id', status: 200 })
    expect(setup.server.log()).toContain('aborting with incomplete response')
    expect(setup.server.log()).not.toContain('sk-secret')
    expect(JSON.stringify(lines)).not.toContain('sk-secret')
  })
})

describeWith([caddy], 'Caddy as the public server', () => {
  let stub: Stub
  let server: Server
  let ports: { https: number; http: number }
  let door: Door

  beforeAll(async () => {
    stub = await startStub()
    ports = { https: await freePort(), http: await freePort() }
    door = { port: ports.https, host: 'ai.home.arpa' }
    const site: Site = { tls: 'internal', hosts: ['ai.home.arpa'], ports }
    server = (await setUp(site, stub.port)).server
    // The certificate is made just after the ports are open.
    await vi.waitFor(() => ask(door, '/'), 10_000)
  })
  afterAll(async () => {
    await server?.stop()
    await stub?.stop()
  })

  test('believes nothing a client says of its address, scheme or host', async () => {
    const headers = [
      ['X-Forwarded-For', '9.9.9.9'],
      ['X-Forwarded-Proto', 'http'],
      ['X-Forwarded-Host', 'evil.example'],
    ] as const
    await ask(door, '/', { headers })
    expect(new Set(headersNamed(stub, /forwarded/i))).toEqual(
      new Set([
        'X-Forwarded-For: 127.0.0.1',
        'X-Forwarded-Host: ai.home.arpa',
        'X-Forwarded-Proto: https',
      ]),
    )
  })

  test('answers 404 in JSON to a name it does not serve, never an empty 200', async () => {
    const before = stub.passed.length
    const answer = await ask(door, '/v1/models', { host: 'other.example' })
    expect(answer.status).toBe(404)
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 'not_found' } })
    expect(stub.passed).toHaveLength(before)
  })

  test.each(['ai.home.arpa', 'other.example'])(
    'redirects plain HTTP for %s and passes nothing of it on',
    async (host) => {
      const before = stub.passed.length
      const answer = await ask({ port: ports.http }, '/v1/models', { host })
      expect(answer.status).toBe(308)
      expect(stub.passed).toHaveLength(before)
    },
  )
})

describeWith([caddy], 'Caddy before a gateway on a socket', () => {
  let server: Server
  let door: Door
  const path = join(folder, 'gateway.sock')

  beforeAll(async () => {
    const port = await freePort()
    door = { port }
    const options: CaddyOptions = {
      site: { tls: 'none', listen: [tcp(port)] },
      gateway: { kind: 'unix', path },
      bodyLimit: megabyte,
      trustedProxies: [],
      accessLog: undefined,
      admin: { kind: 'unix', path: join(folder, 'admin.sock') },
    }
    server = await startCaddy(build(options), `http://127.0.0.1:${port}/`)
    await loadIntoCaddy(options.admin, build({ ...options, bodyLimit: 2 * megabyte }))
  })
  afterAll(() => server?.stop())

  test('answers 502 in JSON while the gateway is down, and passes again once it is up', async () => {
    const down = await ask(door, '/v1/models')
    expect(down.status).toBe(502)
    expect(down.headers['content-type']).toBe('application/json')
    expect(JSON.parse(down.body)).toEqual({
      error: {
        message: expect.stringContaining('not running'),
        type: 'api_error',
        code: 'upstream_error',
        param: null,
      },
    })
    const stub = await startStub(path)
    const { status } = await ask(door, '/v1/models')
    await stub.stop()
    expect(status).toBe(200)
  })

  test('opens its admin socket to its owner only', async () => {
    const { mode } = await stat(join(folder, 'admin.sock'))
    expect((mode & 0o777).toString(8)).toBe('600')
  })
})

describeWith([caddy], 'every golden configuration', () => {
  test.each(Object.entries(optionSets))('%s would run', async (_, options) => {
    expect(await whyInvalid(pathOf(caddy), build(options))).toBeUndefined()
  })

  test('and Caddy notices a field it does not know', async () => {
    const config = build(optionSets['public-host'] as CaddyOptions)
    const wrong = { ...config, apps: { http: { servers: {}, nonsense: 1 } } }
    expect(await whyInvalid(pathOf(caddy), wrong)).toMatch(/unknown field "nonsense"/)
  })
})

/** The access log's lines of one user agent; Caddy writes a line just after the answer's end. */
const logLines = (setup: Setup, userAgent: string, count: number): Promise<readonly unknown[]> =>
  vi.waitFor(async () => {
    const text = await readFile(setup.options.accessLog ?? '', 'utf8')
    const lines = text.split('\n').filter((line) => line.includes(`"user_agent":"${userAgent}"`))
    expect(lines).toHaveLength(count)
    return lines.map((line): unknown => JSON.parse(line))
  })
