import { describe, expect, it } from 'vitest'
import { testConfig } from '../support/config.ts'
import { HASH, read, said, valid } from './read.ts'

const grant = (src: string[], ...entries: object[]): object => ({
  src,
  app: { 'tailscale.com/cap/aperture': entries },
})
const ADMIN = { role: 'admin', models: '**' }
const USER = { password: HASH }
const LISTENER = { name: 'a', bind: '127.0.0.1:1' }

const withoutTls =
  'listener "a" takes passwords and keys from any network without TLS, where they can be read on the way'
const everyoneAdmin = 'makes everyone an admin, who may read and change all of this'

describe('listeners', () => {
  const listeners = (...list: object[]) => valid({ listeners: list })

  it('must be one at least', () => {
    expect(said(listeners())).toEqual(['error listeners: must not be empty'])
  })

  it('must differ in name and address', () => {
    expect(said(listeners(LISTENER, { name: 'a', bind: '0.0.0.0:1' }))).toEqual([
      'error listeners[1].name: two listeners are named "a"',
      'error listeners[1].bind: listener "a" already has this address',
      `warning listeners[1].bind: ${withoutTls}`,
    ])
  })

  it.each(['0.0.0.0:8787', '[::]:8787', '192.168.1.2:8787', '100.64.0.5:80'])(
    'on %s need a user',
    (bind) => {
      const list = [{ name: 'a', bind }]
      expect(said({ listeners: list })).toContain(
        'error listeners[0].bind: other machines can connect here, and no user is defined',
      )
      const wide = bind.startsWith('100.64.') ? [] : [`warning listeners[0].bind: ${withoutTls}`]
      expect(said(valid({ listeners: list }))).toEqual(wide)
      const proxied = [{ ...list[0], trusted_proxies: ['192.168.1.5'] }]
      expect(said(valid({ listeners: proxied }))).toEqual([])
    },
  )

  it.each(['funnel', 'both'])(
    'must not take passwords in the clear where the internet comes in: %s',
    (mode) => {
      const listeners = [
        { name: 'tailnet', bind: 'unix:t.sock', identity: 'serve' },
        { name: 'a', bind: '0.0.0.0:8787' },
      ]
      const file = valid({ mode, front: 'tailscale', listeners })
      expect(said(file)).toEqual([`error listeners[1].bind: ${withoutTls}`])
      expect(read(file).problems[0]?.remedy).toMatch(/Bind 127\.0\.0\.1.*trusted_proxies/)
    },
  )

  it('believe in addresses, ranges and the socket’s peer, never in everybody', () => {
    const proxies = [
      '10.0.0.0/8',
      '::1',
      'fd00::/8',
      'unix',
      '10.0.0.0/33',
      'proxy.local',
      '127.1',
      '::/0',
    ]
    expect(said(listeners({ ...LISTENER, trusted_proxies: proxies }))).toEqual([
      'warning listeners[0].trusted_proxies[3]: "unix" never connects to an address',
      'error listeners[0].trusted_proxies[4]: "10.0.0.0/33" is not a valid IP address or CIDR range',
      'error listeners[0].trusted_proxies[5]: "proxy.local" is not a valid IP address or CIDR range',
      'error listeners[0].trusted_proxies[6]: "127.1" is not a valid IP address or CIDR range',
      'error listeners[0].trusted_proxies[7]: "::/0" believes an address header from anybody',
    ])
  })

  it('are warned when a proxy they trust cannot be their peer', () => {
    const socket = { name: 's', bind: 'unix:s', trusted_proxies: ['127.0.0.1', 'unix'] }
    expect(said(listeners({ ...LISTENER, trusted_proxies: ['unix'] }, socket))).toEqual([
      'warning listeners[0].trusted_proxies[0]: "unix" never connects to an address',
      'warning listeners[1].trusted_proxies[0]: "127.0.0.1" never connects to a unix socket',
    ])
  })

  it('must trust Caddy when it is in front', () => {
    expect(said(valid({ front: 'caddy' }))).toEqual([
      'warning front: no listener trusts Caddy: limits and bans would take all callers for one',
    ])
    const trusting = { ...LISTENER, trusted_proxies: ['127.0.0.1'] }
    expect(said(valid({ front: 'caddy', listeners: [trusting] }))).toEqual([])
  })

  it('may not let everyone behind Caddy count as this machine', () => {
    const grants = [grant(['(loopback)'], ADMIN)]
    expect(said(valid({ front: 'caddy', grants }))).toContain(
      'error grants[0].src: no listener trusts Caddy: whoever comes through it would count as this machine',
    )
  })
})

describe('users', () => {
  it.each(['a:b', '', ' a', 'a ', 'a\nb', 'x'.repeat(129)])('cannot be named %j', (name) => {
    expect(said({ users: { owner: USER, [name]: { ...USER, login: 'owner' } } })).toEqual([
      expect.stringMatching(/^error users.* cannot be a user name$/),
    ])
  })

  it.each(['*', '(loopback)', 'a b'])('cannot be %j in grants', (name) => {
    expect(said({ users: { owner: USER, [name]: USER } })).toContainEqual(
      expect.stringMatching(/^error users.* cannot be a login$/),
    )
    expect(said({ users: { owner: { ...USER, login: name } } })).toContainEqual(
      expect.stringMatching(/^error users\.owner\.login: .* cannot be a login$/),
    )
  })

  it.each(['group:admins', 'tag:ci', 'GROUP:x', 'door:public'])(
    'cannot have the login %j',
    (login) => {
      expect(said({ users: { owner: { ...USER, login } } })).toEqual([
        `error users.owner.login: "${login}" cannot be a login`,
      ])
    },
  )

  it('may not differ only in case', () => {
    expect(said({ users: { owner: USER, Owner: USER } })).toContain(
      'error users.Owner: users "owner" and "Owner" differ only in case',
    )
  })

  it('are warned of a hash that takes long, with its time', () => {
    const password = HASH.replace('$04', '$14')
    expect(said({ users: { owner: { password } } })).toEqual([
      'warning users.owner.password: bcrypt cost 14 takes about 1430 ms of a core for each check',
    ])
    expect(said({ users: { owner: { password: HASH.replace('$04', '$12') } } })).toEqual([])
  })

  it('are warned when no grant covers them', () => {
    const users = {
      owner: USER,
      a: USER,
      b: { ...USER, groups: ['g'] },
      c: { ...USER, login: 'c@x' },
    }
    const groups = { 'group:h': ['c@x'] }
    expect(said({ users })).toEqual(
      ['a', 'b', 'c@x'].map((login) => expect.stringContaining(`the login "${login}"`)),
    )
    const grants = [grant(['owner', 'group:g', 'group:h'], ADMIN)]
    expect(said({ users, groups, grants })).toEqual([
      'warning users.a: no grant covers the login "a"',
    ])
    expect(said({ users, grants: [grant(['*'], ADMIN)] })).toEqual([
      `warning grants[0].src[0]: ${everyoneAdmin}`,
    ])
    expect(
      said({ users, grants: [grant(['owner'], ADMIN), grant(['*'], { role: 'user' })] }),
    ).toEqual([])
  })
})

describe('providers', () => {
  const provider = (fields: object, id = 'p') =>
    said(valid({ providers: { [id]: { baseurl: 'http://h', ...fields } } }))

  it.each(['a/b', '*', '', 'a b', '-a', 'x'.repeat(65)])('cannot have the id %j', (id) => {
    expect(provider({}, id)).toEqual([expect.stringContaining('cannot be a provider id')])
  })

  it.each(['gpu-box', 'a.b_c', '1'])('may have the id %j', (id) => {
    expect(provider({}, id)).toEqual([])
  })

  it('are warned when every flag is off', () => {
    expect(provider({ compatibility: { openai_chat: false } })).toEqual([
      'warning providers.p.compatibility: provider p understands no request: every flag is off',
    ])
    expect(provider({ compatibility: { bedrock_converse: false } })).toEqual([])
    expect(provider({ compatibility: { openai_chats: true } })).toEqual([
      'error providers.p.compatibility.openai_chats: unknown config key "openai_chats"',
    ])
  })

  it('must list their models where nobody could be asked for them', () => {
    const compatibility = { google_generate_content: true }
    expect(provider({ compatibility })).toEqual([
      'warning providers.p.models: provider p cannot be asked for its models',
    ])
    expect(provider({ compatibility, models: ['gemini-3-pro'] })).toEqual([])
    expect(provider({ compatibility, disabled: true })).toEqual([])
  })

  it('know Aperture’s authorization types and modes, and name another', () => {
    for (const authorization of [
      'bearer',
      'x-api-key',
      'x-goog-api-key',
      'hec',
      'cf-aig-authorization',
    ])
      expect(provider({ authorization })).toEqual([])
    for (const auth_mode of ['', 'override', 'passthrough', 'none'])
      expect(provider({ auth_mode })).toEqual([])
    expect(provider({ authorization: 'basic' })).toEqual([
      'error providers.p.authorization: provider p has invalid authorization type: basic',
    ])
    expect(provider({ auth_mode: 'both' })).toEqual([
      'error providers.p.auth_mode: "both" is none of the values there are',
    ])
  })

  it('have prices that are not negative, and limits that let something through', () => {
    expect(provider({ prices: { '*': { input: 0.1, output: 0 } } })).toEqual([])
    expect(provider({ prices: { m: { input: -1 } } })).toEqual([
      'error providers.p.prices.m.input: must be at least 0',
    ])
    expect(provider({ limits: { concurrency: 0 } })).toEqual([
      'error providers.p.limits.concurrency: must be at least 1',
    ])
    expect(provider({ context_length: 'long' })).toHaveLength(1)
  })

  it('list each model once, or all of them', () => {
    expect(provider({ models: ['a', 'a'] })).toEqual([
      'warning providers.p.models[1]: "a" is listed twice',
    ])
    expect(provider({ models: ['a', '*'] })).toEqual([
      expect.stringMatching(/^error providers\.p\.models: "\*"/),
    ])
    expect(provider({ models: ['Qwen/Qwen3.6-35B-A3B-FP8', 'm:7b', 'claude[1m]'] })).toEqual([])
    expect(provider({ models: [''] })).toEqual([
      'error providers.p.models[0]: "" is not a valid model id',
    ])
  })

  it('may not be Postern itself, nor may Open WebUI', () => {
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '0.0.0.0', '127.9.9.9']) {
      expect(provider({ baseurl: `http://${host}:8787/v1` })).toEqual([
        expect.stringMatching(
          /^error providers\.p\.baseurl: this is Postern’s own listener "local"/,
        ),
      ])
    }
    expect(said(valid({ webui: { url: 'http://localhost:8787' } }))).toEqual([
      expect.stringMatching(/^error webui\.url: this is Postern/),
    ])
    expect(provider({ baseurl: 'http://192.168.1.2:8787' })).toEqual([])
  })

  it.each(['Host: x', 'content-length: 1', 'Connection: close', 'Proxy-Authorization: x'])(
    'cannot set %j',
    (header) => {
      expect(provider({ add_headers: [header] })).toEqual([
        expect.stringMatching(
          /^error providers\.p\.add_headers\[0\]: .* is set by the gateway itself$/,
        ),
      ])
    },
  )

  it.each(['X: a\r\nEvil: b', 'X Y: a', ': a', 'X: ä', 'X'])(
    'cannot add the header %j',
    (header) => {
      expect(provider({ add_headers: [header] })).toEqual([
        expect.stringContaining('must be in "Header-Name: value" format'),
      ])
    },
  )
})

describe('grants', () => {
  const grants = (...list: object[]) => said(valid({ grants: list }))

  it('speak Aperture’s sentences', () => {
    expect(said(valid({ providers: { p: { baseurl: 'http://h' } }, grants: [] }))).toEqual([
      'warning grants: providers are configured but no grants or temp_grants defined; all access will be denied',
    ])
    expect(grants(grant(['owner'], { role: 'user', models: '**' }))).toEqual([
      'warning grants: no grant in grants or temp_grants assigns role:admin; nobody will be able to manage this instance',
    ])
    const providers = { gpu: { baseurl: 'http://h' } }
    const models = ['gup/**', 'gpu/**', '*/x', 'g*/x', 'z*/x', '**']
    expect(
      said(valid({ providers, grants: [grant(['owner'], { role: 'admin', models })] })),
    ).toEqual([
      'warning grants[0].app["tailscale.com/cap/aperture"][0].models[0]: models pattern "gup/**" references provider "gup" which does not match any declared provider',
      'warning grants[0].app["tailscale.com/cap/aperture"][0].models[4]: models pattern "z*/x" references provider "z*" which does not match any declared provider',
    ])
  })

  it('take families of resources by name, and tell which there are', () => {
    const providers = { openai: { baseurl: 'http://h' } }
    const granting = (...provider_resources: string[]) =>
      said(
        valid({
          providers,
          grants: [grant(['owner'], { role: 'admin', models: '**', provider_resources })],
        }),
      )
    expect(granting('openai/files', 'openai/vector_stores')).toEqual([])
    expect(granting('opnai/files')).toEqual([
      'warning grants[0].app["tailscale.com/cap/aperture"][0].provider_resources[0]: "opnai/files" names provider "opnai", which is not declared',
    ])
    for (const wrong of ['openai/file', 'openai/*', '**', 'files', 'openai/files/x', '/files']) {
      expect(granting(wrong)).toEqual([
        expect.stringContaining(`"${wrong}" does not name a family of a provider’s resources`),
      ])
    }
  })

  it('take a pattern or a list of them, without a place for "all but"', () => {
    expect(grants(grant(['owner'], { role: 'admin', models: ['**', '!gpu/**'] }))).toEqual([
      'error grants[0].app["tailscale.com/cap/aperture"][0].models[1]: "!gpu/**" is not a valid models pattern',
    ])
    expect(grants(grant(['owner'], ADMIN, { models: 7 }))).toEqual([
      'error grants[0].app["tailscale.com/cap/aperture"][1].models: must be a text or a list of texts',
    ])
    expect(grants(grant(['owner'], { role: 'admin', models: 'p/claude[1m]' }))).toEqual([])
  })

  it('are warned of a pattern that can match nothing', () => {
    expect(grants(grant(['owner'], { role: 'admin', models: 'qwen*' }))).toEqual([
      expect.stringMatching(/models pattern "qwen\*" has no provider part, so it matches nothing$/),
    ])
  })

  it('are warned of a source that is nobody', () => {
    expect(
      grants(grant(['owner', 'onwer', 'group:x', 'tag:ci', '*', '(loopback)'], ADMIN)),
    ).toEqual([
      'warning grants[0].src[1]: no user has the login "onwer"',
      'warning grants[0].src[2]: group "group:x" is not defined and has no members',
      'warning grants[0].src[3]: "tag:ci" matches nobody while "mode" is "local"',
      `warning grants[0].src[4]: ${everyoneAdmin}`,
    ])
  })

  it.each([
    ['local', 'warning'],
    ['serve', 'warning'],
    ['funnel', 'error'],
    ['both', 'error'],
  ])('in mode %s that make everyone an admin: %s', (mode, severity) => {
    const file = valid({ mode, front: 'tailscale', grants: [grant(['owner', '*'], ADMIN)] })
    expect(said(file)).toEqual([`${severity} grants[0].src[1]: ${everyoneAdmin}`])
    const temporary = valid({
      mode,
      front: 'tailscale',
      grants: [grant(['owner'], ADMIN)],
      temp_grants: [grant(['*'], ADMIN)],
    })
    expect(said(temporary)).toEqual([`${severity} temp_grants[0].src[0]: ${everyoneAdmin}`])
  })

  describe('when callers come by the tailnet', () => {
    const serve = (...src: string[]) =>
      said({ mode: 'serve', front: 'tailscale', grants: [grant(src, ADMIN)] })

    it('may name logins that no user has, tags, and who owns this node', () => {
      expect(serve('ana@example.com', 'tag:ci', 'tag:api,tag:prod', '(owner)')).toEqual([])
    })

    it('are warned of tags that are joined in a way no node has them', () => {
      expect(serve('tag:prod,tag:api', 'tag:a,b', 'tag:a,tag:a')).toEqual([
        'warning grants[0].src[0]: "tag:prod,tag:api" matches nobody: the tags of a node are compared sorted',
        'warning grants[0].src[1]: "tag:a,b" matches nobody: the tags of a node are compared sorted',
        'warning grants[0].src[2]: "tag:a,tag:a" matches nobody: the tags of a node are compared sorted',
      ])
    })

    it('need no user and no grant: who owns this node is admin', () => {
      expect(said({ mode: 'serve', front: 'tailscale' })).toEqual([])
      expect(said({ mode: 'serve', front: 'tailscale', grants: [] })).toEqual([
        'warning grants: no grants or temp_grants defined; all access will be denied',
      ])
    })
  })

  it('may hold at some doors only', () => {
    const via = (...doors: string[]) => grants({ ...grant(['owner'], ADMIN), via: doors })
    expect(via('public', 'tailnet', 'local')).toEqual([])
    expect(via('funnel')).toEqual([
      'error grants[0].via[0]: "funnel" is none of the values there are',
    ])
    expect(via()).toEqual(['error grants[0].via: must not be empty'])
  })

  it('refuse a source that cannot be anybody', () => {
    expect(grants(grant(['owner', 'door:public', '(all)', ''], ADMIN))).toEqual([
      'error grants[0].src[1]: "door:public" names nobody',
      'error grants[0].src[2]: "(all)" names nobody',
      'error grants[0].src[3]: "" names nobody',
    ])
  })

  it('may name nobody yet, and then grant nothing', () => {
    expect(grants(grant([], ADMIN))).toEqual([])
  })

  it('have no "dst", and no use for "ip"', () => {
    expect(grants({ ...grant(['owner'], ADMIN), dst: ['x'] })).toEqual([
      'error grants[0].dst: unknown config key "dst"',
    ])
    expect(grants({ ...grant(['owner'], ADMIN), ip: ['tcp:443'] })).toEqual([
      'warning grants[0].ip: ip has no effect in this version',
    ])
  })

  it('may have an older name', () => {
    expect(said(valid({ temp_grants: [grant(['owner'], ADMIN)] }))).toEqual([])
    expect(said(valid({ temp_grants: [grant(['onwer'], { role: 'user' })] }))).toEqual([
      'warning grants: no grant in grants or temp_grants assigns role:admin; nobody will be able to manage this instance',
      'warning users.owner: no grant covers the login "owner"',
      'warning temp_grants[0].src[0]: no user has the login "onwer"',
    ])
  })

  it('keep capabilities that are not ours to read, and warn of one that is nearly ours', () => {
    const app = (others: object) =>
      grants({ src: ['owner'], app: { 'tailscale.com/cap/aperture': [ADMIN], ...others } })
    expect(app({ 'example.com/cap/policy': [{ tier: 'gold' }, 7] })).toEqual([])
    expect(app({ 'tailscale.com/cap/apertur': [] })).toEqual([
      'warning grants[0].app["tailscale.com/cap/apertur"]: "tailscale.com/cap/apertur" is not a capability that Postern reads',
    ])
    expect(app({ 'example.com/cap/policy': { tier: 'gold' } })).toEqual([
      'error grants[0].app["example.com/cap/policy"]: must be a list in [ ], but is an object',
    ])
  })

  it('name what of Aperture’s entries has no effect', () => {
    const place = 'grants[0].app["tailscale.com/cap/aperture"][0]'
    const entry = {
      ...ADMIN,
      connectors: ['github/tools/*'],
      mcp_tools: '**',
      mcp_resources: '**',
      mcp_templates: '**',
      enable_chat_ui: true,
      direct_paths: ['/x'],
      skills: ['y'],
    }
    const { role, models, ...without } = entry
    expect(grants(grant(['owner'], entry))).toEqual(
      Object.keys(without).map(
        (key) => `warning ${place}.${key}: ${key} has no effect in this version`,
      ),
    )
    const working = { ...ADMIN, read_metrics: true, read_pricing: true, add_headers: ['X-Team: a'] }
    expect(grants(grant(['owner'], working))).toEqual([])
  })

  it.each(['Host: x', 'Content-Type: text/plain', 'Accept-Encoding: gzip'])(
    'cannot set %j',
    (header) => {
      expect(grants(grant(['owner'], { ...ADMIN, add_headers: [header] }))).toEqual([
        expect.stringMatching(/add_headers\[0\]: .* is set by the gateway itself$/),
      ])
    },
  )

  describe('for pages of other origins', () => {
    const cors = (fields: object, file: object = {}) =>
      said(valid({ ...file, grants: [grant(['owner'], { ...ADMIN, ...fields })] })).map((line) =>
        line.replace('grants[0].app["tailscale.com/cap/aperture"][0].', ''),
      )

    it.each(['null', 'app.example.com', 'https://*.example.com', 'https://a.example/x', ''])(
      'refuse %j for an origin',
      (origin) => {
        expect(cors({ set_cors: true, 'Access-Control-Allow-Origin': origin })).toContain(
          `error Access-Control-Allow-Origin: ${JSON.stringify(origin)} is not an origin`,
        )
      },
    )

    it.each(['*', 'https://a.example', 'http://localhost:3000, app://obsidian.md'])(
      'take %j',
      (origin) => {
        expect(cors({ set_cors: true, 'Access-Control-Allow-Origin': origin })).toEqual([])
      },
    )

    it('are warned when half of it is missing', () => {
      expect(cors({ set_cors: true })).toEqual([
        'warning set_cors: no origin is named, so no page may use the API',
      ])
      expect(cors({ 'Access-Control-Allow-Origin': '*' })).toEqual([
        'warning Access-Control-Allow-Origin: has no effect without "set_cors"',
      ])
    })

    it('are warned when every page could use a tailnet identity', () => {
      const everyone = { set_cors: true, 'Access-Control-Allow-Origin': '*' }
      expect(cors(everyone, { mode: 'serve', front: 'tailscale' })).toEqual([
        'warning Access-Control-Allow-Origin: any web page that somebody on your tailnet opens can use models in their name',
      ])
    })
  })
})

describe('sections of Aperture’s', () => {
  it('that have no effect yet are named, and the rest holds', () => {
    const sections = {
      connectors: { servers: {} },
      mcp: { servers: {} },
      flags: { chat_ui: { value: true } },
      chat_models: ['m'],
    }
    expect(said(valid(sections))).toEqual(
      Object.keys(sections).map((key) => `warning ${key}: ${key} has no effect in this version`),
    )
  })
})

describe('the rest', () => {
  it('warns when nobody can sign in, unless this machine needs no password', () => {
    expect(said({})).toEqual(['warning users: no users are defined; every request will be refused'])
    expect(said({ grants: [grant(['(loopback)'], ADMIN)] })).toEqual([])
  })

  it('names groups as groups, and misses a use for them', () => {
    expect(said(valid({ groups: { family: ['bob'] } }))).toContain(
      'error groups.family: "family" is not a valid group name',
    )
    expect(said(valid({ groups: { 'group:family': ['bob'] } }))).toEqual([
      'warning groups["group:family"]: no grant names "group:family"',
    ])
  })

  it.each([
    [
      { allowed_hosts: ['https://x.ts.net'] },
      'error allowed_hosts[0]: "https://x.ts.net" is not a valid host name',
    ],
    [
      { allowed_hosts: ['x.ts.net:443'] },
      'error allowed_hosts[0]: "x.ts.net:443" is not a valid host name',
    ],
    [{ webui: { url: 'http://h/chat' } }, 'error webui.url: the URL has a path'],
    [{ webui: {} }, 'error webui.url: key "url" is missing'],
    [{ limits: { idle: '25d' } }, 'error limits.idle: "25d" is outside 1ms to 24d'],
    [{ limits: { idle: '0s' } }, 'error limits.idle: "0s" is outside 1ms to 24d'],
    [{ limits: { body: '2GiB' } }, 'error limits.body: "2GiB" is outside 1KiB to 1GiB'],
    [{ auth_failures: { ban: '2d' } }, 'error auth_failures.max_ban: is shorter than "ban"'],
    [{ auth_failures: { max: 0 } }, 'error auth_failures.max: must be at least 1'],
    [{ log: { level: 'trace' } }, 'error log.level: "trace" is none of the values there are'],
    [{ log: null }, 'error log: must be an object in { }, but is null'],
  ])('refuses %j', (part, problem) => {
    expect(said(valid(part))).toEqual([problem])
  })

  it('warns of a limit that another one of its zone hides', () => {
    const rule = { zone: 'z', match: '/v1/**', per: 'caller', events: 1, window: '1s' }
    expect(
      said(valid({ rate_limits: [rule, { ...rule, per: 'client' }, { ...rule, zone: 'y' }] })),
    ).toEqual([
      'warning rate_limits[1]: never counts: an earlier rule of zone "z" matches the same paths',
    ])
  })
})

describe('what is kept of bodies', () => {
  const kept = (retention: object, more: object = {}) => valid({ database: { retention }, ...more })
  const capture = (given: object) => ({
    grants: [{ src: ['*'], app: { 'tailscale.com/cap/aperture': [{ capture: given }] } }],
  })
  const place = 'grants[0].app["tailscale.com/cap/aperture"][0].capture'

  it.each([
    ['', 0],
    ['0', 0],
    ['1h', 3_600_000],
    ['720h', 30 * 86_400_000],
    ['3650d', 3650 * 86_400_000],
  ])('for %j', (duration, ms) => {
    expect(testConfig({ database: { retention: { duration } } }).retention.duration).toBe(ms)
  })

  it('is nothing where captures are "0", whatever the duration', () => {
    const retention = { captures: '0', duration: '30d' }
    expect(testConfig({ database: { retention } }).retention.duration).toBe(0)
  })

  it.each(['59m', '3651d', '30', 'forever'])('is not kept for %j', (duration) => {
    expect(said(kept({ duration }))).toEqual([
      expect.stringMatching(/^error database\.retention\.duration: /),
    ])
  })

  it.each([
    [{ max: '2MiB' }, `error ${place}.max: is more than 1MiB`],
    [{ bodies: [] }, `error ${place}.bodies: `],
  ])('is not captured as %j', (given, problem) => {
    const told = said(kept({ duration: '1d' }, capture(given)))
    expect(told.filter((line) => line.startsWith(problem))).toHaveLength(1)
  })

  it('is warned of when nothing keeps it, or nothing removes it', () => {
    expect(said(kept({}, capture({})))).toContain(
      `warning ${place}: stores nothing: "database.retention.duration" says how long`,
    )
    expect(said(kept({ duration: '1d', require_export: true }, capture({})))).toContain(
      'warning database.retention.require_export: holds back every purge: there is no exporter that it could wait for',
    )
    expect(said(kept({ duration: '1d' }, capture({})))).toEqual(
      said(
        kept(
          { duration: '1d' },
          { grants: [{ src: ['*'], app: { 'tailscale.com/cap/aperture': [{}] } }] },
        ),
      ),
    )
  })
})
