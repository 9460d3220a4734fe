import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { build } from '../../caddy/config.ts'
import { loadIntoCaddy } from '../../src/cli/caddy/admin.ts'
import { ask, begin, type Door, open, upgrade } from '../caddy/ask.ts'
import { folder, headersNamed, megabyte, type Setup, setUp, tcp } from '../caddy/set-up.ts'
import { countBody, type Stub, startStub } from '../caddy/stub.ts'
import { smuggle } from '../caddy/wire.ts'
import { caddy, oldestCaddy } from '../support/parts/caddy.ts'
import { describeWith } from '../support/parts/need.ts'
import { freePort } from '../support/parts/port.ts'

/** Answers before it has the body. */
const early: Stub['answer'] = (response, request) => {
  request.resume()
  response.end('early')
}

/** Go closes under a body that it does not read, and a reset may overtake the answer (RFC 9112 §9.6). */
const isReset = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') throw error
}

describe.each([caddy, oldestCaddy])('$version', (part) => {
  describeWith([part], 'Caddy behind a TLS terminator on this machine', () => {
    let stub: Stub
    let setup: Setup
    let door: Door
    let socketDoor: Door

    beforeAll(async () => {
      stub = await startStub()
      const port = await freePort()
      door = { port }
      socketDoor = { port, socketPath: join(folder, `${part.name}.sock`) }
      const listen = [tcp(port), { kind: 'unix', path: join(folder, `${part.name}.sock`) } as const]
      setup = await setUp(part, { tls: 'none', listen }, stub.port)
    })
    afterAll(async () => {
      await setup?.server.stop()
      await stub?.stop()
    })
    beforeEach(() => {
      stub.answer = countBody
    })

    test('passes no forged identity or address header on, in any spelling', async () => {
      const names = [
        'Tailscale-User-Login',
        'Tailscale-User-Name',
        'Tailscale-Funnel-Request',
        'Tailscale-App-Capabilities',
        'X-Webauth-User',
        'X-Gateway-User',
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

    test('hands on one client address: the right-most that is not a proxy of ours', async () => {
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

    test('refuses an API body over the limit in the dialect of the path, announced or not', async () => {
      const body = Buffer.alloc(megabyte + 1)
      const code = 'request_too_large'
      const errors = {
        '/v1/chat/completions': { error: { code } },
        '/v1': { error: { code } },
        '/v1/messages': { type: 'error', error: { type: code } },
        '/v1beta/models/x:generateContent': { error: { code: 413, details: [{ reason: code }] } },
      }
      let resets = 0
      for (const [path, error] of Object.entries(errors)) {
        for (const chunked of [false, true]) {
          const answer = await ask(door, path, { method: 'POST', body, chunked }).catch(isReset)
          if (answer === undefined) {
            resets += 1
            continue
          }
          expect(answer.status).toBe(413)
          expect(answer.headers['content-type']).toBe('application/json')
          expect(JSON.parse(answer.body)).toMatchObject(error)
        }
      }
      expect(resets).toBeLessThanOrEqual(1)
    })

    test('takes nothing of a body that was not read for the next request', async () => {
      const before = stub.passed.length
      const tries = [
        { path: '/v1/files', chunked: false, answer: countBody },
        { path: '/v1/files', chunked: true, answer: countBody },
        { path: '/api/v1/files', chunked: false, answer: early },
        { path: '/api/v1/files', chunked: true, answer: early },
      ]
      for (const { path, chunked, answer } of [...tries, ...tries, ...tries]) {
        stub.answer = answer
        expect(await smuggle(door.port ?? 0, path, 4 * megabyte, chunked)).toBeLessThan(2)
      }
      const passed = stub.passed.slice(before).map(({ target }) => target)
      expect(passed).not.toContain('/smuggled')
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
      const headers = [
        ...keyed.map((name) => [name, 'sk-secret'] as const),
        ['User-Agent', 'curl/9'],
      ]
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
})

/** The access log's lines of one user agent; Caddy writes a line just after the answer's end. */
const logLines = (setup: Setup, userAgent: string, count: number): Promise<readonly unknown[]> =>
  vi.waitFor(async () => {
    const text = await readFile(setup.options.accessLog ?? '', 'utf8')
    const lines = text.split('\n').filter((line) => line.includes(`"user_agent":"${userAgent}"`))
    expect(lines).toHaveLength(count)
    return lines.map((line): unknown => JSON.parse(line))
  }, 10_000)
