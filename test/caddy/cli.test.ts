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
import { caddyCommand } from '../../src/cli/caddy.ts'

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

  test('loads what render prints, and is no web page to Caddy', async () => {
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
