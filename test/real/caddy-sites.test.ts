import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { build } from '../../caddy/config.ts'
import type { CaddyOptions, Site } from '../../caddy/options.ts'
import { loadIntoCaddy } from '../../src/cli/caddy/admin.ts'
import { whyInvalid } from '../../src/cli/caddy/binary.ts'
import { ask, type Door } from '../caddy/ask.ts'
import { isStock, optionSets } from '../caddy/option-sets.ts'
import { folder, headersNamed, megabyte, setUp, tcp } from '../caddy/set-up.ts'
import { type Stub, startStub } from '../caddy/stub.ts'
import { caddy, oldestCaddy, startCaddy } from '../support/parts/caddy.ts'
import { describeWith } from '../support/parts/need.ts'
import { pathOf } from '../support/parts/part.ts'
import { freePort } from '../support/parts/port.ts'
import type { Server } from '../support/parts/server.ts'

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
    server = (await setUp(caddy, site, stub.port)).server
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
      request_id: down.headers['x-request-id'],
    })
    expect(down.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    const anthropic = await ask(door, '/v1/messages')
    expect(JSON.parse(anthropic.body)).toMatchObject({
      type: 'error',
      error: { type: 'api_error' },
    })
    const stub = await startStub(path)
    const { status } = await ask(door, '/v1/models')
    await stub.stop()
    expect(status).toBe(200)
  })

  const browser = { headers: [['Accept', 'text/html,application/xhtml+xml,*/*;q=0.8']] } as const

  test.each(['/', '/c/0193', '/ui/usage', '/postern/login?to=%2F', '/v1foo'])(
    'shows a page that looks again by itself to people at %s while the gateway is down',
    async (path) => {
      const down = await ask(door, path, browser)
      expect([down.status, down.headers['content-type']]).toEqual([502, 'text/html; charset=utf-8'])
      expect(down.body).toContain('<meta http-equiv="refresh" content="5">')
      expect(down.body).toContain('<h1>The gateway is not answering</h1>')
      expect(down.headers['cache-control']).toBe('no-store')
      expect(down.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
      // What Caddy takes for a placeholder of its own would be missing from the style, and the digest be that of another.
      const style = down.body.split(/<\/?style>/)[1] ?? ''
      const digest = createHash('sha256').update(style).digest('base64')
      expect(down.headers['content-security-policy']).toContain(`style-src 'sha256-${digest}'`)
    },
  )

  test.each([
    '/v1/models',
    '/v1',
    '/v1beta/models',
    '/bedrock/model/m/converse',
    '/chat/completions',
    '/postern/api/me',
    '/aperture/config',
    '/readyz',
    '/metrics',
  ])('answers JSON at %s even to a browser while the gateway is down', async (path) => {
    const down = await ask(door, path, browser)
    expect([down.status, down.headers['content-type']]).toEqual([
      502,
      expect.stringContaining('json'),
    ])
    expect(JSON.parse(down.body)).toBeTypeOf('object')
  })

  test('answers JSON to scripts on pages, whatever they ask for', async () => {
    const down = await ask(door, '/api/models', { headers: [['Accept', '*/*']] })
    expect([down.status, JSON.parse(down.body)]).toMatchObject([
      502,
      { error: { code: 'upstream_error' } },
    ])
  })

  test('opens its admin socket to its owner only', async () => {
    const { mode } = await stat(join(folder, 'admin.sock'))
    expect((mode & 0o777).toString(8)).toBe('600')
  })
})

const stock = Object.entries(optionSets).filter(([, options]) => isStock(options))

describeWith([caddy, oldestCaddy], 'every golden configuration for stock Caddy', () => {
  describe.each([caddy, oldestCaddy])('on $version', (part) => {
    test.each(stock)('%s would run', async (_, options) => {
      expect(await whyInvalid(pathOf(part), build(options))).toBeUndefined()
    })

    test('and a field it does not know would be noticed', async () => {
      const config = build(optionSets['public-host'] as CaddyOptions)
      const wrong = { ...config, apps: { http: { servers: {}, nonsense: 1 } } }
      expect(await whyInvalid(pathOf(part), wrong)).toMatch(/^loading http app.*"nonsense"$/)
    })
  })
})
