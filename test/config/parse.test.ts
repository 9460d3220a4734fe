import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatProblem } from '../../src/config/problem.ts'
import { computed } from '../support/computed.ts'
import { HASH, read, said, told, valid } from './read.ts'

describe('syntax', () => {
  it('takes comments, trailing commas, a byte order mark and CRLF', () => {
    const text = `\uFEFF// door\r\n{\r\n  /* who */ "users": { "owner": { "password": "${HASH}", }, },\r\n}\r\n`
    expect(told(text)).toEqual([])
  })

  it.each([
    ['{"a":1,,}', '1:8', 'a key in double quotes is expected'],
    ["{'a':1}", '1:2', 'this is not JSON'],
    ['{a:1}', '1:2', 'this is not JSON'],
    ['{"log": tru}', '1:9', 'this is not JSON'],
    ['{"a":1 "b":2}', '1:8', 'a comma is expected'],
    ['{"a" 1}', '1:6', 'a colon is expected'],
    ['{"a":\n  [1 2]}', '2:6', 'a comma is expected'],
    ['{\r\n"a":\r\n', '3:1', 'a value is expected'],
    ['{} {}', '1:4', 'there is more after the end'],
    ['{"a":"x', '1:6', 'a text is not closed'],
    ['{"a":"\t"}', '1:6', 'a control character inside a text'],
    ['{"a":01}', '1:7', 'a comma is expected'],
    ['# postern\n{}', '1:1', 'this is not JSON'],
    ['/* {}', '1:1', 'a comment is not closed'],
    ['', '1:1', 'config must not be empty'],
    [' \n\n', '1:1', 'config must not be empty'],
    ['{"a":"\uFFFD"}', '1:7', 'the file is not UTF-8 text'],
    ['\uFEFF{x', '1:2', 'this is not JSON'],
    ['[]', '1:1', 'must be an object in { }, but is a list'],
    ['null', '1:1', 'must be an object in { }, but is null'],
    ['"x"', '1:1', 'must be an object in { }, but is a text'],
  ])('refuses %j at %s', (text, place, message) => {
    const { config, problems } = read(text)
    expect(config).toBeUndefined()
    const [first] = problems
    expect(`${first?.line}:${first?.column}`).toBe(place)
    expect(first).toMatchObject({ severity: 'error', message, path: '' })
  })

  it('tells one slip once, and slips on other lines as well', () => {
    expect(told('{\n  "a": tru,\n  "b": "x",\n  c: 1\n}')).toEqual([
      '2:8 error : this is not JSON',
      '4:3 error : this is not JSON',
    ])
  })

  it('refuses a file of 10 MB and nesting without end, both at once', () => {
    const started = computed()
    expect(said(`{"a":"${'x'.repeat(10_000_000)}"}`)[0]).toMatch(/larger than 1024 KiB/)
    expect(said('['.repeat(500_000))[0]).toMatch(/nested more than 32 levels deep/)
    expect(computed() - started).toBeLessThan(3000)
  })

  it('names a duplicate key at its second place', () => {
    expect(told('{\n "front": "none",\n "front": "caddy"}')).toContain(
      '3:2 error front: duplicate config key "front"',
    )
  })

  it('refuses keys that reach into the prototype, at every depth', () => {
    const text = `{"__proto__": {"mode": "x"}, "users": {"__proto__": {"password": "${HASH}"}}}`
    expect(said(text).filter((line) => line.startsWith('error'))).toEqual([
      'error __proto__: key "__proto__" is not allowed',
      'error users.__proto__: key "__proto__" is not allowed',
    ])
    expect(({} as { mode?: string }).mode).toBeUndefined()
  })

  it('takes names that objects have by birth for names like others', () => {
    const providers = { constructor: { baseurl: 'http://h' }, toString: { baseurl: 'http://i' } }
    const { config } = read(valid({ providers }))
    expect([...(config?.providers.keys() ?? [])]).toEqual(['constructor', 'toString'])
    expect(said(valid({ constructor: 1 }))).toEqual([
      'error constructor: unknown config key "constructor"',
    ])
  })
})

describe('schema', () => {
  it('reports every problem at once, in the order of the file', () => {
    const text = `{
  "mode": "open",
  "limits": { "idle": 10, "bdy": "1MiB" },
  "listeners": [
    { "name": "a", "bind": "127.0.0.1:1" },
    { "name": "b", "bind": "nowhere" },
    { "name": "a", "bind": "0.0.0.0:2", "trusted_proxies": ["10.0.0.0/40"] }
  ],
  "auth_failures": { "ban": "2d", "max_ban": "1d" },
  "users": { "bob": { "password": "hunter2" }, "Bob": {} }
}`
    expect(told(text)).toEqual([
      expect.stringContaining('no grants'),
      '2:11 error mode: "open" is none of the values there are',
      '3:23 error limits.idle: must be a text in double quotes, but is a number',
      '3:27 error limits.bdy: unknown config key "bdy"',
      '6:28 error listeners[1].bind: "nowhere" is not "address:port"',
      '7:15 error listeners[2].name: two listeners are named "a"',
      '7:61 error listeners[2].trusted_proxies[0]: "10.0.0.0/40" is not a valid IP address or CIDR range',
      '9:46 error auth_failures.max_ban: is shorter than "ban"',
      '10:35 error users.bob.password: the password is plain text, not a bcrypt hash',
      '10:48 error users.Bob: users "bob" and "Bob" differ only in case',
      '10:55 error users.Bob.password: key "password" is missing',
    ])
  })

  it.each([
    ['listners', [], 'Did you mean "listeners"?'],
    ['allowedHosts', [], 'Did you mean "allowed_hosts"?'],
    ['captures', {}, 'Remove it: "captures" is not in this version yet'],
    ['xyzzy', 1, expect.stringContaining('the keys here are mode, front, listeners')],
  ])('says what to do about the unknown key %j', (key, value, remedy) => {
    expect(read(valid({ [key]: value })).problems).toMatchObject([
      { severity: 'error', path: key, message: `unknown config key "${key}"`, remedy },
    ])
  })

  it('suggests keys of the object at hand', () => {
    const providers = { gpu: { baseurl: 'http://h', apiKey: 'x', model: [] } }
    expect(read(valid({ providers })).problems.map(({ remedy }) => remedy)).toEqual([
      'Did you mean "apikey"?',
      'Did you mean "models"?',
    ])
  })

  it('names the provider as Aperture does', () => {
    const providers = {
      a: {},
      b: { baseurl: 'http://h', authorization: 'basic', add_headers: ['nonsense'] },
    }
    expect(said(valid({ providers }))).toEqual([
      'error providers.a.baseurl: provider a has no baseurl configured',
      'error providers.b.authorization: provider b has invalid authorization type: basic',
      'error providers.b.add_headers[0]: provider b: add_headers entry "…" must be in "Header-Name: value" format',
    ])
  })

  it('writes one line per problem, whatever is in the file', () => {
    const key = 'evil\u001b[31m\n\u202e"key'
    const [problem] = read(valid({ [key]: 1 })).problems
    if (!problem) throw new Error('expected a problem')
    expect(formatProblem(problem)).toMatch(
      /^postern\.hujson:1:\d+: error: \["evil\\u001b\[31m\\u000a\\u202e\\"key"\]: unknown config key .*\. Remove it/,
    )
  })
})

describe('size', () => {
  it('tells two hundred problems and that there are more, at once', () => {
    const entries = Array.from({ length: 30_000 }, (_, index) => [`key number ${index}`, 1])
    const started = computed()
    const problems = said(valid(Object.fromEntries(entries)))
    expect(problems.length).toBe(201)
    expect(problems[0]).toBe('error : more than 200 problems')
    const rules = Array.from({ length: 5000 }, () => 7)
    expect(said(valid({ rate_limits: rules })).length).toBe(201)
    expect(computed() - started).toBeLessThan(3000)
  })

  it('takes a file with hundreds of warnings, and shows the one error among them', () => {
    const users = Object.fromEntries(
      Array.from({ length: 300 }, (_, index) => [`user${index}`, { password: HASH }]),
    )
    const grants = [{ src: ['user0'], app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }] } }]
    const warned = read({ users, grants })
    expect(warned.config).toBeDefined()
    expect(warned.problems.every(({ severity }) => severity === 'warning')).toBe(true)
    const broken = read({ users, grants, auth_failures: { ban: '2h', max_ban: '1h' } })
    expect(broken.config).toBeUndefined()
    expect(broken.problems.map(({ path }) => path)).toContain('auth_failures.max_ban')
  })

  it('reads thousands of users and grants without holding up a running gateway', () => {
    const names = Array.from({ length: 4000 }, (_, index) => `user${index}`)
    const app = { 'tailscale.com/cap/aperture': [{ role: 'admin', models: '**' }] }
    const users = Object.fromEntries(names.map((name) => [name, { password: HASH }]))
    const text = JSON.stringify({ users, grants: names.map((name) => ({ src: [name], app })) })
    const started = computed()
    expect(read(text).config?.users.size).toBe(4000)
    expect(computed() - started).toBeLessThan(3000)
  })
})

describe('references', () => {
  const provider = (fields: object) =>
    valid({ providers: { p: { baseurl: 'http://h', ...fields } } })

  it.each([
    ['env:KEY', 'key-from-env'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what Aperture's files hold
    ['${KEY}', 'key-from-env'],
    ['file:/run/key', 'key-from-file'],
    ['plain', 'plain'],
  ])('reads the key %j', (apikey, expected) => {
    expect(read(provider({ apikey })).config?.providers.get('p')?.apikey).toBe(expected)
  })

  it.each([
    ['env:NOPE', 'environment variable "NOPE" is not set'],
    ['env:EMPTY', 'environment variable "EMPTY" is empty'],
    ['file:/nope', 'file "/nope" cannot be read'],
    ['file:/run/empty', 'file "/run/empty" is empty'],
    ['file:/run/two', 'the key has a space, line break or non-ASCII character in it'],
  ])('refuses the key %j', (apikey, message) => {
    expect(said(provider({ apikey }))).toEqual([`error providers.p.apikey: ${message}`])
  })

  it('reads references in headers, passwords, tokens and URLs', () => {
    const { config, problems } = read({
      users: { owner: { password: 'env:HASH' } },
      providers: {
        p: { baseurl: 'env:BASE', add_headers: ['X-Team: ops', 'X-Key: file:/run/key'] },
      },
      database: { url: 'file:/run/key', auth_token: 'env:KEY' },
    })
    expect(problems).toEqual([])
    expect(config?.users.get('owner')?.password).toBe(HASH)
    expect(config?.providers.get('p')).toMatchObject({
      baseurl: 'http://127.0.0.1:1234',
      addHeaders: [
        ['x-team', 'ops'],
        ['x-key', 'key-from-file'],
      ],
    })
    expect(config?.database).toEqual({ url: 'file:/run/key', authToken: 'key-from-env' })
  })

  it('tells one problem for an unresolved password, and none for what hangs on it', () => {
    const text = {
      users: { owner: { password: 'env:NOPE', login: 'me@example.com' } },
      grants: [
        { src: ['me@example.com'], app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }] } },
      ],
    }
    expect(said(text)).toEqual([
      'error users.owner.password: environment variable "NOPE" is not set',
    ])
  })
})

describe('secrets', () => {
  it('never appear in a problem, wherever they were pasted', () => {
    const secret = 'hunter2'
    const { problems } = read({
      providers: {
        a: { baseurl: `http://u:${secret}@h`, apikey: `${secret} ${secret}` },
        b: { baseurl: `${secret}://x`, apikey: [secret], authorization: `Bearer ${secret}` },
        c: { baseurl: 'http://h', add_headers: [`Authorization ${secret}`, `Host: ${secret}`] },
        d: { baseurl: `http://h?key=${secret}`, apikey: { key: secret } },
      },
      users: {
        a: { password: secret },
        b: { password: `$2b$10$${secret}` },
        c: { password: [secret] },
      },
      webui: { url: `http://h/?token=${secret}` },
      database: { url: `libsql://h?authToken=${secret}`, auth_token: `${secret}\n` },
    })
    expect(problems.length).toBeGreaterThan(12)
    expect(problems.map(formatProblem).join('\n')).not.toContain(secret)
  })
})

describe('a file with a secret that other users of the machine can read', () => {
  it.each([
    ['a mistyped section', { provdiers: { p: { baseurl: 'http://h', apikey: 'k' } } }],
    ['a provider without an address', { providers: { p: { apikey: 'k' } } }],
    [
      'a mistyped key beside the secret',
      { providers: { p: { baseur1: 'http://h', apikey: 'k' } } },
    ],
    ['a user who is a list', { users: { owner: [{ password: 'k' }] } }],
  ])('is refused for %s as if only its owner could read it', (_, source) => {
    const errors = said(source).filter((line) => line.startsWith('error'))
    expect(errors).not.toEqual([])
    const { config, problems } = read(source, true)
    expect(config).toBeUndefined()
    expect(
      problems.flatMap((it) => (it.severity === 'error' ? `error ${it.path}: ${it.message}` : [])),
    ).toEqual(errors)
    expect(problems.map(({ message }) => message)).toContain(
      'every user of this machine can read this file, and it holds a secret',
    )
  })
})

describe('robustness', () => {
  it('never throws on arbitrary text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => {
        expect(read(text).problems.length).toBeGreaterThanOrEqual(0)
      }),
    )
  })

  it('never throws on a file with parts replaced, and gives a config or an error', () => {
    const file = {
      listeners: [{ name: 'a', bind: '127.0.0.1:1', trusted_proxies: ['::1'] }],
      providers: {
        p: {
          baseurl: 'http://h',
          models: ['m'],
          apikey: 'k',
          compatibility: { openai_chat: true },
        },
      },
      users: { owner: { password: HASH, groups: ['family'] } },
      grants: [
        {
          src: ['owner', '*'],
          app: { 'tailscale.com/cap/aperture': [{ role: 'admin', models: ['**'] }] },
        },
      ],
      rate_limits: [{ zone: 'z', match: '/v1', per: 'client', events: 1, window: '1s' }],
      limits: { idle: '1s' },
    }
    const keys = [...JSON.stringify(file).matchAll(/"([^"]*)"/g)].map(([, text]) => text ?? '')
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(...keys),
        fc.constantFrom(null, true, -1, 1.5, '', '__proto__'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...keys), tie('value'), { maxKeys: 4 }),
      ),
    })).value
    const edits = fc.array(fc.tuple(fc.nat(), json), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(edits, fc.boolean(), (changes, exposed) => {
        const copy: unknown = structuredClone(file)
        for (const [at, value] of changes) replaceNth(copy, at, value)
        const { config, problems } = read(copy, exposed)
        const failed = problems.some(({ severity }) => severity === 'error')
        expect(config === undefined).toBe(failed)
        const errors = read(copy, !exposed).problems.filter(({ severity }) => severity === 'error')
        expect(problems.filter(({ severity }) => severity === 'error')).toEqual(errors)
      }),
      { numRuns: 300 },
    )
  })
})

/** Replaces one of the values inside, counted depth first. */
function replaceNth(root: unknown, at: number, value: unknown): void {
  const places: [holder: { [key: string]: unknown }, key: string][] = []
  const walk = (node: unknown): void => {
    if (node === null || typeof node !== 'object') return
    for (const key of Object.keys(node)) {
      places.push([node as { [key: string]: unknown }, key])
      walk((node as { [key: string]: unknown })[key])
    }
  }
  walk(root)
  const place = places[at % places.length]
  if (place) place[0][place[1]] = value
}
