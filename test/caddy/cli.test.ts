import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Command, CommanderError } from 'commander'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { findCaddy } from '../../src/cli/caddy/binary.ts'
import { caddyCommand } from '../../src/cli/caddy/caddy.ts'

const folder = await mkdtemp(join(tmpdir(), 'postern-caddy-cli-'))
afterAll(() => rm(folder, { recursive: true, force: true }))
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

interface Outcome {
  /** As src/cli/main.ts derives it. */
  readonly code: number
  readonly printed: string
  readonly said: string
}

const run = async (...args: string[]): Promise<Outcome> => {
  const printed: string[] = []
  const said: string[] = []
  vi.spyOn(console, 'log').mockImplementation((line) => printed.push(String(line)))
  vi.spyOn(console, 'error').mockImplementation((line) => said.push(String(line)))
  const caddy = caddyCommand()
  for (const command of [caddy, ...caddy.commands]) {
    command.exitOverride().configureOutput({ writeErr: (line) => said.push(line) })
  }
  let code = 0
  try {
    await new Command('postern').addCommand(caddy).parseAsync(['caddy', ...args], { from: 'user' })
  } catch (error) {
    code = error instanceof CommanderError ? 2 : 1
    said.push((error as Error).message)
  }
  return { code, printed: printed.join('\n'), said: said.join('\n') }
}

const configFile = async (config: object): Promise<string> => {
  const file = join(folder, 'postern.hujson')
  await writeFile(file, JSON.stringify(config), { mode: 0o600 })
  return file
}

/** Of `pw`, at the lowest cost. */
const password = '$2b$04$3TyHRbJnyq9eFf7Xa2YAQ.ch5xESWArgMf0XOrg8AmHUy54tsj2Gi'

const behindCaddy = {
  users: { alice: { password } },
  front: 'caddy',
  listeners: [
    { name: 'local', bind: '127.0.0.1:8787' },
    { name: 'caddy', bind: 'unix:caddy.sock', trusted_proxies: ['unix'] },
  ],
  allowed_hosts: ['ai.example.com'],
  limits: { body: '1MiB' },
}

const rendered = async (config: object, ...args: string[]) => {
  const outcome = await run('render', '--config', await configFile(config), '--data', '/d', ...args)
  expect(outcome.code).toBe(0)
  const json = JSON.parse(outcome.printed)
  const server = json.apps.http.servers.postern
  const proxy = server.routes.find((route: object) => '@id' in route).handle[0]
  return { ...outcome, json, server, dial: proxy.upstreams[0].dial as string }
}

describe('render', () => {
  test('dials the listener that believes Caddy, with the body limit of the configuration', async () => {
    const { dial, printed, said, server } = await rendered(behindCaddy)
    expect(dial).toBe('unix//d/caddy.sock')
    expect(printed).toContain('"max_size": 1048576')
    expect(server.listen).toEqual(['127.0.0.1:8081'])
    expect(said).toBe('')
  })

  test.each([
    ['127.0.0.1:8787', '127.0.0.1:8787'],
    ['0.0.0.0:8787', '127.0.0.1:8787'],
    ['[::]:8787', '[::1]:8787'],
  ])('dials a listener on %s at %s', async (bind, dial) => {
    const trusted_proxies = ['127.0.0.1', '::1']
    const listeners = [{ name: 'a', bind, trusted_proxies }]
    const config = { front: 'caddy', listeners, users: { alice: { password } } }
    expect(await rendered(config)).toMatchObject({ dial, said: '' })
  })

  test('warns that all callers would look like one when no listener believes Caddy', async () => {
    const config = { ...behindCaddy, listeners: [{ name: 'local', bind: '127.0.0.1:8787' }] }
    const { said, dial } = await rendered(config)
    expect(said).toMatch(/"local".*Add "127.0.0.1" to its trusted_proxies/)
    expect(dial).toBe('127.0.0.1:8787')
  })

  test('warns when the configuration does not say that Caddy is in front', async () => {
    const { front: _, ...config } = behindCaddy
    expect((await rendered(config)).said).toContain('"front" is not "caddy"')
  })

  test('serves HTTPS for a host, and warns of one that the gateway does not know', async () => {
    const known = await rendered(behindCaddy, '--host', 'ai.example.com')
    expect(known.server.listen).toEqual([':443'])
    expect(known.said).toBe('')
    const unknown = await rendered(behindCaddy, '--host', 'ai.example.com', 'other.example')
    expect(unknown.said).toMatch(/"other.example" is not in allowed_hosts/)
  })

  test.each([
    ['127.0.0.1:9000', '127.0.0.1:9000'],
    ['[::1]:9000', '[::1]:9000'],
    ['unix:/run/x.sock', 'unix//run/x.sock|0600'],
    ['unix//run/x.sock|0660', 'unix//run/x.sock|0600'],
  ])('listens on %s', async (flag, listen) => {
    expect((await rendered(behindCaddy, '--listen', flag)).server.listen).toEqual([listen])
  })

  test('takes every part from the command line', async () => {
    const { json, server, dial } = await rendered(
      behindCaddy,
      ...['--host', 'a.home.arpa', '--internal', '--https-port', '8443', '--http-port', '8080'],
      ...['--gateway', '127.0.0.1:1234', '--trusted-proxy', '198.51.100.0/24', '10.0.0.1'],
      ...['--access-log', '/var/log/x.jsonl', '--admin', 'unix:/run/admin.sock'],
    )
    expect(server.listen).toEqual([':8443'])
    expect(server.trusted_proxies.ranges).toEqual(['198.51.100.0/24', '10.0.0.1'])
    expect(dial).toBe('127.0.0.1:1234')
    expect(json.apps.http.http_port).toBe(8080)
    expect(json.logging.logs.access.writer.filename).toBe('/var/log/x.jsonl')
    expect(json.admin.listen).toBe('unix//run/admin.sock|0600')
  })

  test.each([
    [['--nope'], /unknown option/],
    [['--listen', 'everywhere'], /neither address:port nor unix/],
    [['--listen', '0.0.0.0:80'], /passwords in the clear/],
    [['--listen', '127.0.0.1:99999'], /port/],
    [['--listen', '127.0.0.1:1', '--host', 'a.example'], /give one of them/],
    [['--internal'], /needs --host/],
    [['--host', 'a.example', '--https-port', 'x'], /port/],
    [['--host', 'https://a.example/'], /host name/],
    [['--trusted-proxy', 'cdn.example'], /not an IP address/],
    [['--admin', '0.0.0.0:2019'], /admin API/],
  ])('refuses %j as wrong usage', async (flags, message) => {
    const outcome = await run('render', '--config', await configFile(behindCaddy), ...flags)
    expect(outcome).toMatchObject({ code: 2, printed: '', said: expect.stringMatching(message) })
  })

  test('says what is wrong with the configuration, and where', async () => {
    const file = await configFile({ front: 'nginx' })
    const { code, said } = await run('render', '--config', file)
    expect(code).toBe(1)
    expect(said).toContain(`${file}:1:`)
  })
})

describe('the listener decides what Caddy may say of a caller', () => {
  const sockets = [
    { name: 'mine', bind: 'unix:none.sock', trusted_proxies: ['unix'] },
    { name: 'tailnet', bind: 'unix:serve.sock', identity: 'serve' },
    { name: 'node', bind: 'unix:caddy.sock', identity: 'caddy', trusted_proxies: ['unix'] },
  ]
  const [mine, tailnet, node] = sockets
  const with_ = (...listeners: unknown[]) => ({ ...behindCaddy, mode: 'both', listeners })
  const public_ = { ...with_(mine), mode: 'local' }

  test('behind Serve it is a socket for tailscaled, and the headers of Serve pass', async () => {
    const { dial, server, printed, said } = await rendered(with_(mine, tailnet))
    expect({ dial, said }).toEqual({ dial: 'unix//d/serve.sock', said: '' })
    expect(server.listen).toEqual(['unix//run/caddy/edge.sock|0600'])
    expect(printed).not.toContain('"*Tailscale*"')
  })

  test('warns of a port there, where anybody could be anybody', async () => {
    const { server, said } = await rendered(with_(tailnet), '--listen', '127.0.0.1:8081')
    expect(server.listen).toEqual(['127.0.0.1:8081'])
    expect(said).toMatch(/connects to 127.0.0.1:8081 can be anybody/)
  })

  test('for identity "caddy" it is a machine of the tailnet', async () => {
    const { dial, server, json, printed, said } = await rendered(with_(node), '--node', 'box')
    expect(dial).toBe('unix//d/caddy.sock')
    expect(said).toMatch(/^warning: "box" is not in allowed_hosts.*$/)
    expect(server.listen).toEqual(['tailscale/box:80'])
    expect(json.apps.tailscale).toEqual({ nodes: { box: { hostname: 'box' } } })
    expect(printed).not.toContain('X-Gateway-Hop')
  })

  test('on loopback it shows the secret that the gateway asks for, and never writes it down', async () => {
    const secret = 'a-secret-of-thirty-two-characters'
    const listener = { name: 'node', bind: '127.0.0.1:8788', identity: 'caddy', hop_secret: secret }
    const config = { ...with_(listener), allowed_hosts: ['postern.tail1234.ts.net'] }
    const { printed, json, said } = await rendered(config, '--control-url', 'https://hs.example')
    expect(printed).toContain('{env.POSTERN_HOP_SECRET}')
    expect(printed).not.toContain(secret)
    expect(json.apps.tailscale.nodes.postern.control_url).toBe('https://hs.example')
    expect(said).toBe('')
  })

  test('a public site gets the listener that believes nothing of a caller', async () => {
    const { dial, printed } = await rendered(with_(tailnet, node, mine), '--host', 'ai.example.com')
    expect(dial).toBe('unix//d/none.sock')
    expect(printed).toContain('"*Tailscale*"')
  })

  test('--host alone takes the names of the tailnet, with certificates from tailscaled', async () => {
    const config = { ...public_, allowed_hosts: ['ai.example.com', 'box.tail1234.ts.net'] }
    const { json, said } = await rendered(config, '--host')
    const subjects = ['box.tail1234.ts.net']
    const policy = { subjects, get_certificate: [{ via: 'tailscale' }] }
    expect(json.apps.tls.automation.policies).toEqual([policy])
    expect(said).toBe('')
  })

  test('takes TCP that tailscaled forwards, with its callers', async () => {
    const { server } = await rendered(
      public_,
      ...['--host', 'ai.example.com', '--proxy-protocol', '127.0.0.1:8443'],
    )
    expect(server.listen).toEqual(['127.0.0.1:8443'])
    expect(server.listener_wrappers[0]).toMatchObject({ fallback_policy: 'REQUIRE' })
  })

  const ways = [
    [],
    ['--listen', '127.0.0.1:9000'],
    ['--host', 'a.example'],
    ['--host', 'a.example', '--internal'],
    ['--host', 'a.example', '--proxy-protocol', '127.0.0.1:8443'],
    ['--node', 'ai'],
  ]
  const gateways = [
    undefined,
    'unix:/d/none.sock',
    'unix:/d/serve.sock',
    'unix:/d/x/../serve.sock',
    'unix//d/serve.sock|0600',
    'unix:/d/caddy.sock',
  ]
  const cells = gateways.flatMap((gateway) => ways.map((way) => [gateway, way] as const))

  test.each(cells)('no way leads past it: --gateway %s %j', async (gateway, way) => {
    const config = await configFile(with_(mine, tailnet, node))
    const flags = gateway === undefined ? way : [...way, '--gateway', gateway]
    const { code, printed, said } = await run(
      'render',
      '--config',
      config,
      '--data',
      '/d',
      ...flags,
    )
    if (code !== 0) {
      expect(code).toBe(2)
      expect(said).toMatch(/needs (a listener of|identity)/)
      return
    }
    const dial = /"dial": "unix\/(.*)"/.exec(printed)?.[1] ?? ''
    expect({
      passesServe: !printed.includes('"*Tailscale*"'),
      names: printed.includes('"X-Webauth-User"'),
      isPublic: printed.includes('"a.example"'),
    }).toEqual({
      passesServe: dial.endsWith('/serve.sock'),
      names: dial.endsWith('/caddy.sock'),
      isPublic: dial.endsWith('/none.sock') && way[0] === '--host',
    })
  })

  test.each<[string, object, string[], RegExp]>([
    [
      'whois alone',
      with_({ ...tailnet, bind: '100.64.0.1:80', identity: 'whois' }),
      [],
      /no listener/,
    ],
    ['a node without its listener', with_(mine, tailnet), ['--node', 'ai'], /"caddy"/],
    ['a site for everybody on Serve', with_(tailnet), ['--host', 'a.example'], /"none"/],
    [
      'a node in mode funnel',
      { ...with_(tailnet, node), mode: 'funnel' },
      ['--node', 'ai'],
      /funnel/,
    ],
    ['two ways at once', with_(mine, node), ['--node', 'ai', '--host', 'a.example'], /one of them/],
    ['names that are nowhere', public_, ['--host'], /allowed_hosts/],
    ['a control server of nothing', public_, ['--control-url', 'https://x'], /--node/],
    ['forwarding to nothing', public_, ['--proxy-protocol', '127.0.0.1:1'], /needs --host/],
    ['a port of nothing', public_, ['--https-port', '1'], /needs --host/],
    [
      'another proxy before Serve',
      with_(tailnet),
      ['--trusted-proxy', '10.0.0.1'],
      /no other proxy/,
    ],
  ])('refuses %s', async (_, config, flags, message) => {
    const outcome = await run('render', '--config', await configFile(config), ...flags)
    expect(outcome).toMatchObject({ code: 2, said: expect.stringMatching(message) })
  })

  test.each<[string, string[], RegExp]>([
    ['local', [], /nobody is let in/],
    ['serve', ['--host', 'ai.example.com'], /come in with a password/],
  ])('warns of mode %s with %j', async (mode, flags, message) => {
    const { said } = await rendered({ ...with_(mine, tailnet), mode }, ...flags)
    expect(said).toMatch(message)
  })
})

describe('apply', () => {
  let admin: Server
  let asked: { request: IncomingMessage; body: string }[] = []
  let answer = { status: 200, body: '' }

  beforeAll(async () => {
    admin = createServer(async (request, response) => {
      asked.push({ request, body: await text(request) })
      response.writeHead(answer.status).end(answer.body)
    }).listen(0, '127.0.0.1')
    await once(admin, 'listening')
  })
  afterAll(() => admin.close())
  afterEach(() => {
    asked = []
    answer = { status: 200, body: '' }
  })

  const apply = async () => {
    const { port } = admin.address() as AddressInfo
    const file = await configFile(behindCaddy)
    return run('apply', '--config', file, '--admin', `127.0.0.1:${port}`)
  }

  test('loads what render prints, and is not a web page to Caddy', async () => {
    const { code, printed } = await apply()
    expect({ code, printed }).toEqual({
      code: 0,
      printed: expect.stringMatching(/^Caddy now serves 127.0.0.1:8081 .*caddy.sock/),
    })
    const [{ request, body } = { body: '' }] = asked
    expect(request).toMatchObject({ method: 'POST', url: '/load' })
    expect(request?.headers).not.toHaveProperty('sec-fetch-mode')
    expect(request?.headers).not.toHaveProperty('origin')
    expect(JSON.parse(body)).toHaveProperty('apps.http.servers.postern')
  })

  test('fails with the reason of Caddy', async () => {
    answer = { status: 400, body: '{"error":"loading http app: no"}' }
    expect(await apply()).toMatchObject({
      code: 1,
      said: 'Caddy refused the configuration: loading http app: no',
    })
  })

  test('says in plain words that the plugin is missing', async () => {
    const error = 'provision: unknown module: http.authentication.providers.tailscale'
    answer = { status: 400, body: JSON.stringify({ error }) }
    expect((await apply()).said).toMatch(/refused .*: This Caddy lacks caddy-tailscale\./)
  })

  test('fails with what was there instead of Caddy', async () => {
    answer = { status: 404, body: 'nginx' }
    expect(await apply()).toMatchObject({ code: 1, said: expect.stringMatching(/: nginx$/) })
  })

  test.each(['127.0.0.1:1', 'unix:/nowhere/admin.sock'])(
    'says that nothing answers at %s',
    async (where) => {
      const file = await configFile(behindCaddy)
      expect(await run('apply', '--config', file, '--admin', where)).toMatchObject({
        code: 1,
        said: expect.stringMatching(/Nothing answers .* Is Caddy running\?/),
      })
    },
  )
})

describe('validate', () => {
  const program = async (script: string): Promise<string> => {
    const path = join(folder, 'caddy')
    await writeFile(path, `#!/bin/sh\n${script}\n`)
    await chmod(path, 0o755)
    return path
  }
  const validate = async (script: string) => {
    vi.stubEnv('CADDY', await program(script))
    const access = ['--access-log', '/nowhere/access.jsonl']
    return run('validate', '--config', await configFile(behindCaddy), ...access)
  }
  const validating = (script: string) => `[ "$1" = version ] && { echo v2.11.7; exit; }\n${script}`

  test('passes what the program passes', async () => {
    expect(await validate(validating('cat >/dev/null'))).toMatchObject({ code: 0 })
  })

  test('fails with the reason of the program', async () => {
    const script = validating('cat >/dev/null; echo "Error: no such module" >&2; exit 1')
    expect(await validate(script)).toMatchObject({ code: 1, said: 'no such module' })
    const inJson = validating(`cat >/dev/null; echo '{"level":"error","msg":"no"}' >&2; exit 1`)
    expect(await validate(inJson)).toMatchObject({ code: 1, said: 'no' })
    const mute = validating('cat >/dev/null; exit 1')
    expect(await validate(mute)).toMatchObject({ code: 1, said: expect.stringMatching(/\w/) })
  })

  test('hands the program no log file to create, nor its home to write in', async () => {
    const script = validating('grep -q /nowhere && exit 1; [ "$XDG_DATA_HOME" != "$HOME" ]')
    expect(await validate(script)).toMatchObject({ code: 0 })
  })

  test.each(['v2.6.2', 'v2.10.2 h1:x', 'v2.11.3'])('refuses Caddy %s', async (version) => {
    expect(await validate(`echo ${version}`)).toMatchObject({
      code: 1,
      said: expect.stringContaining('is too old: 2.11.4 or newer'),
    })
  })

  test.each(['v2.11.4', 'v2.12.0', 'v3.0.0', '(devel)'])('takes Caddy %s', async (version) => {
    expect(await validate(`echo "${version}"; cat >/dev/null`)).toMatchObject({ code: 0 })
  })

  test('says so when there is no such program', async () => {
    vi.stubEnv('CADDY', '')
    vi.stubEnv('PATH', folder)
    await rm(join(folder, 'caddy'), { force: true })
    vi.spyOn(process, 'cwd').mockReturnValue(folder)
    const missing = await run('validate', '--config', await configFile(behindCaddy))
    expect(missing).toMatchObject({
      code: 1,
      said: expect.stringMatching(/^No caddy program found/),
    })
    vi.stubEnv('CADDY', join(folder, 'nothing'))
    const wrong = await run('validate', '--config', await configFile(behindCaddy))
    expect(wrong).toMatchObject({ code: 1, said: expect.stringContaining('ENOENT') })
  })

  test('prefers $CADDY to the PATH', async () => {
    const path = await program('')
    expect(findCaddy({ CADDY: '/opt/caddy', PATH: folder }, '/')).toBe('/opt/caddy')
    expect(findCaddy({ PATH: `/nowhere:${folder}` }, '/')).toBe(path)
    expect(findCaddy({ PATH: '/nowhere' }, '/')).toBeUndefined()
  })

  test('looks into .tools last', async () => {
    await mkdir(join(folder, '.tools'), { recursive: true })
    const path = join(folder, '.tools', 'caddy')
    await writeFile(path, '', { mode: 0o755 })
    expect(findCaddy({ PATH: '/nowhere' }, folder)).toBe(path)
    await rm(join(folder, '.tools'), { recursive: true })
  })
})
