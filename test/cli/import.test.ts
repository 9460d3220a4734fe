import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseText } from '../../src/adapter/node/config/config-file.ts'
import type { Mode } from '../../src/cli/import/additions.ts'
import { importAperture } from '../../src/cli/import/aperture.ts'
import { hideSecrets } from '../../src/config/keep.ts'
import { readSource } from '../../src/config/read/source.ts'
import { postern } from '../support/postern.ts'

const user = '{ "role": "user" }'
const source = `// our gateway
{
  "providers": { "gpu": { "baseurl": "http://100.101.102.103:8000", "models": ["a/b"] } },
  "quotas": { "team": { "capacity": "5 requests" } },
  "grants": [
    // everybody
    { "src": ["*"], "dst": ["tag:aperture"], "app": { "tailscale.com/cap/aperture": [${user}, { "models": "gpu/**" }, { "connectors": ["x"] }] } },
    { "src": ["me@example.com"], "app": { "tailscale.com/cap/aperture": [{ "role": "admin" }] } },
  ],
  "temp_grants": [{ "src": ["tag:ci"], "app": { "tailscale.com/cap/aperture": [${user}] } }],
  "connectors": { "servers": { "github": { "auth": { "type": "bearer_token", "token": "ghp_canary" } } } },
}
`

const imported = (text: string, mode: Mode = 'serve') =>
  importAperture(text, { mode, path: '/nowhere/postern.hujson', at: Date.UTC(2026, 10, 1) })
const value = (text: string) => readSource(text).value as { readonly [key: string]: unknown }
const configOf = (text: string) => parseText('/nowhere/postern.hujson', text).config

describe('a configuration of Aperture', async () => {
  const result = await imported(source)

  it('becomes one that has no problem, with its comments', () => {
    expect(result.problems).toEqual([])
    for (const kept of [
      '// our gateway',
      '// everybody',
      '"mode": "serve"',
      '"front": "tailscale"',
    ]) {
      expect(result.text).toContain(kept)
    }
  })

  it('has what is deprecated where it belongs', () => {
    expect(value(result.text)).not.toHaveProperty('temp_grants')
    expect(configOf(result.text)?.grants.map(({ src }) => src)).toEqual([
      ['*'],
      ['me@example.com'],
      ['tag:ci'],
    ])
    expect(result.steps).toContainEqual({
      path: 'temp_grants[0]',
      outcome: 'renamed',
      what: 'grants[2]',
    })
  })

  it('is told, section by section, what became of it', () => {
    expect(result.sections).toEqual([
      { section: 'providers', outcome: 'understood', detail: 'gpu' },
      { section: 'quotas', outcome: 'understood', detail: 'team' },
      { section: 'grants', outcome: 'in part', detail: '2 entries' },
      { section: 'temp_grants', outcome: 'in part', detail: '1 entry' },
      { section: 'connectors', outcome: 'not taken over', detail: 'servers' },
    ])
  })

  it('has as a comment, at its place and without secrets, what could not be taken over', () => {
    expect(result.text).toContain(
      '// Not taken over: grants[0].dst: unknown config key "dst".\n    // "dst": ["…"]\n',
    )
    expect(result.text).toContain(
      '// "connectors": {"servers":{"github":{"auth":{"type":"…","token":"…"}}}}',
    )
    expect(result.text).not.toContain('canary')
    expect(result.steps.filter(({ outcome }) => outcome === 'commented out')).toMatchObject([
      { path: 'grants[0].dst' },
      { path: 'connectors' },
      { path: 'grants[0].app["tailscale.com/cap/aperture"][2].connectors' },
    ])
  })

  it('is left alone when it is taken over once more', async () => {
    const again = await imported(result.text)
    expect(again.text).toBe(result.text)
    expect(again.steps).toEqual([])
  })
})

/** What Aperture loads with a warning, and a file of ours must not have. */
describe('what Aperture only warns of is a comment in a file that starts:', () => {
  const p = '"p": { "baseurl": "http://h", "models": ["m"] }'
  const file = (provider = p, entry = '{ "models": "**" }', more = '') =>
    `{ "providers": { ${provider} }, ${more} "grants": [
      { "src": ["*"], "app": { "tailscale.com/cap/aperture": [{ "role": "admin" }, ${entry}] } } ] }`
  const within = (what: string) => p.replace('{ ', `{ ${what}, `)

  it.each([
    ['an unknown key', file(within('"basurl": "http://x"'))],
    ['a key twice', file(within('"baseurl": "http://earlier"'))],
    ['a section twice', file(p, undefined, '"quotas": {}, "quotas": {},')],
    ['a wrong type', file(within('"preference": "high"'))],
    ['a bad authorization', file(within('"authorization": "basic"'))],
    ['a provider without an address', file(`${p}, "q": { "models": ["n"] }`)],
    ['a header that is none', file(within('"add_headers": ["nonsense"]'))],
    ['a macro that leads nowhere', file(within(`"apikey": "\${GONE_${process.pid}}"`))],
    ['a provider that cannot be called so', file(p.replace('"p"', '"my provider"'))],
    ['a hook without an address', file(p, undefined, '"hooks": { "h": {} },')],
    ['a hook of another scheme', file(p, undefined, '"hooks": { "h": { "url": "ftp://h" } },')],
    [
      'a hook that nobody defined',
      file(p, '{ "send_hooks": [{ "name": "h", "events": ["pre_request"] }] }'),
    ],
    [
      'a quota that nobody can read',
      file(p, undefined, '"quotas": { "x": { "capacity": "lots" } },'),
    ],
    ['a pattern that leads nowhere', file(p, '{ "models": "gone/**" }')],
    ['a source that is none', file().replace('"*"', '"*", "door:public", ""')],
    ['a group that only the tailnet knows', file().replace('"*"', '"*", "group:eng"')],
    [
      'a list where there should be none',
      file().replace('"grants": [', '"flags": [], "grants": ['),
    ],
    ['null for a list', file(within('"add_headers": null'))],
    [
      'an exporter without keys',
      file(p, undefined, '"exporters": { "s3": { "bucket_name": "b" } },'),
    ],
    ['what only Aperture has', file(p, '{ "skills": ["x"], "mcp_tools": "a/b" }', '"mcp": {},')],
    ['a key named __proto__', file(within('"__proto__": {}'))],
  ])('%s', async (_what, text) => {
    const { text: made, steps, problems } = await imported(text)
    expect(problems).toEqual([])
    expect(configOf(made)).toBeDefined()
    expect(steps.filter(({ path }) => path !== 'mode' && path !== 'front')).not.toEqual([])
  })

  it('of two equal keys the last counts, as in Aperture', async () => {
    const { text } = await imported(file(within('"baseurl": "http://earlier"')))
    expect(configOf(text)?.providers.get('p')?.baseurl).toBe('http://h')
  })

  it('and a comment never ends the comment that it comes to stand in', async () => {
    const text = file(p, '{ "role": "user" }').replace(
      '{ "role": "user" }',
      '/* one\n two */ { "models": "*/claude-*", "colour": "red" }',
    )
    const { text: made, problems } = await imported(text)
    expect(problems).toEqual([])
    expect(configOf(made)?.grants[0]?.entries).toHaveLength(2)
  })
})

describe('what is taken over grants no more than it did:', () => {
  const entries = async (entry: string, more = '') => {
    const text = `{ "providers": { "p": { "baseurl": "http://h", "models": ["m"] } }, ${more} "grants": [
      { "src": ["*"], "app": { "tailscale.com/cap/aperture": [{ "role": "admin" }, ${entry}] } } ] }`
    const { text: made } = await imported(text)
    return { config: configOf(made), entry: configOf(made)?.grants[0]?.entries[1] }
  }

  it('an entry whose models cannot be read goes for none, and not for all', async () => {
    for (const models of ['"gone/**"', '"claude-*"', '7', '["!p/**"]']) {
      const { entry } = await entries(`{ "models": ${models}, "add_headers": ["X-A: b"] }`)
      expect(entry).toEqual({ models: [], addHeaders: [['x-a', 'b']] })
    }
  })

  it('a reference to a budget that cannot be read lets nothing pass', async () => {
    const { config, entry } = await entries(
      '{ "quotas": [{ "bucket": "x:<team>" }, { "bucket": "gone" }, { "bucket": "broken" }] }',
      '"quotas": { "broken": { "capacity": "lots" } },',
    )
    const names = entry?.quotas?.map(({ bucket }) => bucket) ?? []
    expect(names).toHaveLength(3)
    for (const name of names) expect(config?.quotas.get(name)?.limit?.capacity).toBe(0)
  })

  it('a guard that fails closed goes on refusing without an address', async () => {
    const { config, entry } = await entries(
      '{ "send_hooks": [{ "name": "h", "events": ["pre_request"] }] }',
      '"hooks": { "h": { "url": "", "fail_policy": "fail_closed", "apikey": "k" } },',
    )
    expect(entry?.sendHooks).toMatchObject([{ name: 'h', events: ['pre_request'] }])
    expect(config?.hooks.get('h')).toMatchObject({
      url: 'https://hook.invalid/',
      failPolicy: 'fail_closed',
      disabled: false,
    })
  })

  it('a fail_policy and an auth_mode that nobody knows are the closed ones', async () => {
    const { config } = await entries(
      '{ "models": "**" }',
      '"hooks": { "h": { "url": "http://h", "fail_policy": "closed" } },',
    )
    expect(config?.hooks.get('h')?.failPolicy).toBe('fail_closed')
    const { text } = await imported(
      '{ "providers": { "p": { "baseurl": "http://h", "models": ["m"], "apikey": "k", "auth_mode": "through" } } }',
    )
    expect(configOf(text)?.providers.get('p')?.authMode).toBe('none')
  })

  it('a file without grants lets no caller in', async () => {
    const { text } = await imported(
      '{ "providers": { "p": { "baseurl": "http://h", "models": ["m"] } } }',
    )
    expect(configOf(text)?.grants).toEqual([])
  })

  it('a provider without models offers none, and a file without providers nothing of this machine', async () => {
    for (const models of ['"name": "P"', '"models": []', '"models": null', '"models": ["*"]']) {
      const { text } = await imported(
        `{ "providers": { "p": { "baseurl": "http://h", ${models} } }, "grants": [] }`,
      )
      expect(configOf(text)?.providers.get('p')?.disabled).toBe(true)
    }
    const { text } = await imported('{ "grants": [], "mcp": { "servers": {} } }')
    expect([...(configOf(text)?.providers.values() ?? [])]).toMatchObject([{ disabled: true }])
  })
})

describe('older files of Aperture', () => {
  it('are brought to the shape of today: providers, models and hooks of temp_grants', async () => {
    const { text, steps } = await imported(`{
      "providers": {
        "anthropic": {
          "baseurl": "https://api.anthropic.com",
          "authorization": { "type": "X-Api-Key", "value": "sk-ant-old" },
          "models": ["claude-haiku-4-5"],
          "compatibility": { "anthropic_messages": true },
        },
        "gpu": { "baseurl": "http://100.64.0.9:8080", "tailnet": true, "models": ["qwen3"] },
      },
      "hooks": { "audit": { "url": "http://audit.example.ts.net/" } },
      "temp_grants": [
        { "src": ["ana@example.com", "tagged-devices"], "grants": [{ "role": "admin" }, { "providers": ["gpu"] }] },
        { "src": ["*"], "grants": [
          { "role": "user" },
          { "providers": [{ "provider": "*", "model": "*" }] },
          { "providers": [{ "provider": "anthropic", "model": "claude-haiku*" }, { "provider": "gpu", "model": "*" }] },
          { "hook": { "match": { "providers": ["anthropic", "gpu"], "models": ["*"], "events": ["tool_call_entire_request"] },
                      "hook": "audit", "fields": ["tools", "user_message"] } },
        ] },
      ] }`)
    const config = configOf(text)
    expect(config?.grants).toEqual([
      {
        src: ['ana@example.com', 'tagged-devices'],
        entries: [{ role: 'admin' }, { models: ['gpu/**'] }],
      },
      {
        src: ['*'],
        entries: [
          { role: 'user' },
          { models: ['**'] },
          { models: ['anthropic/claude-haiku*', 'gpu/**'] },
          {
            models: ['anthropic/**', 'gpu/**'],
            sendHooks: [
              {
                name: 'audit',
                events: ['tool_call_entire_request'],
                send: ['tools', 'user_message'],
              },
            ],
          },
        ],
      },
    ])
    expect(config?.providers.get('anthropic')).toMatchObject({
      authorization: 'x-api-key',
      apikey: 'sk-ant-old',
    })
    expect(steps).toContainEqual({
      path: 'temp_grants[1]',
      outcome: 'renamed',
      what: 'grants[1]',
    })
  })

  it('keep a hook whose grant stands after one that could not be taken over', async () => {
    const { text } = await imported(`{
      "providers": { "p": { "baseurl": "http://h", "models": ["m"] } },
      "hooks": { "audit": { "url": "http://audit.example.ts.net/" } },
      "grants": [
        { "app": {} },
        { "src": ["*"], "app": { "tailscale.com/cap/aperture": [
          { "role": "admin", "send_hooks": [{ "name": "audit", "events": ["entire_request"] }] } ] } },
      ] }`)
    expect(configOf(text)?.grants[0]?.entries[0]?.sendHooks).toMatchObject([{ name: 'audit' }])
  })
})

describe('auto_cost_basis', () => {
  const basisOf = async (provider: object, more: object = {}) => {
    const file = {
      providers: { p: { models: ['claude-sonnet-4-5'], ...provider } },
      grants: [],
      ...more,
    }
    const { text, steps } = await imported(JSON.stringify(file))
    const basis = (value(text).providers as { p: { cost_basis?: string } }).p.cost_basis
    return { basis, told: steps.some(({ path }) => path === 'providers.p.cost_basis') }
  }
  const messages = { compatibility: { anthropic_messages: true } }

  it('is written as what Aperture infers, on a private address too', async () => {
    expect(await basisOf({ baseurl: 'http://10.0.0.5:9000', ...messages })).toEqual({
      basis: 'anthropic',
      told: true,
    })
    expect(await basisOf({ baseurl: 'https://api.anthropic.com', ...messages })).toMatchObject({
      basis: 'anthropic',
    })
    const responses = { compatibility: { openai_chat: true, openai_responses: true } }
    expect(await basisOf({ baseurl: 'http://h', models: ['gpt-5'], ...responses })).toMatchObject({
      basis: 'openai',
    })
  })

  it('is not where the list has no price for what is offered, or somebody has said it', async () => {
    const none = { basis: undefined, told: false }
    expect(await basisOf({ baseurl: 'http://h', models: ['qwen3'], ...messages })).toEqual(none)
    expect(await basisOf({ baseurl: 'http://h' })).toEqual(none)
    expect(await basisOf({ baseurl: 'http://h', ...messages }, { auto_cost_basis: false })).toEqual(
      none,
    )
    expect(await basisOf({ baseurl: 'http://h', cost_basis: 'vercel', ...messages })).toEqual({
      basis: 'vercel',
      told: false,
    })
  })

  it('keeps a budget in dollars that Aperture kept', async () => {
    const { text, problems } = await imported(`{
      "providers": { "proxy": { "baseurl": "http://10.0.0.5:9000", "models": ["claude-sonnet-4-5"],
        "compatibility": { "anthropic_messages": true } } },
      "quotas": { "day:<user>": { "capacity": "$10.00", "rate": "$5.00/day", "on_exceed": "reject" } },
      "grants": [{ "src": ["*"], "app": { "tailscale.com/cap/aperture": [
        { "role": "admin" }, { "models": "**", "quotas": [{ "bucket": "day:<user>" }] }] } }] }`)
    expect(problems).toEqual([])
    expect(configOf(text)?.providers.get('proxy')?.costBasis).toBe('anthropic')
  })
})

describe('the mode', () => {
  it('stays as it is for this machine, and needs a user before it opens to the internet', async () => {
    const text =
      '{ "providers": { "p": { "baseurl": "http://h", "models": ["m"] } }, "grants": [] }'
    expect(configOf((await imported(text, 'local')).text)?.mode).toBe('local')
    const both = await imported(text, 'both')
    expect(configOf(both.text)?.mode).toBe('serve')
    expect(both.steps[0]).toMatchObject({ path: 'mode', what: expect.stringContaining('user add') })
  })
})

describe('whatever is in it', () => {
  const whole = JSON.stringify({
    providers: {
      a: {
        baseurl: 'http://h', models: ['m', 'n'], apikey: 'canary-a', authorization: 'bearer',
        compatibility: { openai_chat: true }, cost_basis: 'openai', preference: 1,
        model_cost_map: [{ match: 'm*', as: 'gpt-5', adjustment: 1 }], add_headers: ['X-A: canary-h'],
      }, // biome-ignore format: dense
      b: { baseurl: 'http://i', models: ['o'], disabled: true },
    },
    quotas: { 'day:<user>': { capacity: '$1.00', rate: '$1.00/day' }, team: { capacity: '$2.00' } },
    hooks: {
      g: { url: 'http://g', apikey: 'canary-k', fail_policy: 'fail_closed', timeout: '1s' },
    },
    grants: [
      {
        src: ['*', 'tag:ci', 'group:x'],
        app: {
          'tailscale.com/cap/aperture': [
            { role: 'admin', models: '**', quotas: [{ bucket: 'team' }] },
            { send_hooks: [{ name: 'g', events: ['pre_request'], send: ['tools'] }] },
          ],
          'example.com/cap/x': [{ y: 1 }],
        },
      },
    ],
    exporters: { s3: { bucket_name: 'b', access_key_id: 'canary-i', access_secret: 'canary-s' } },
    database: { retention: { duration: '30d', purge: ['captures'] }, headers: { filterable: [] } },
    auto_cost_basis: true,
  })
  /** Replaces, renames or doubles one key or value of the text, at the number-th place that there is. */
  const spoil = (text: string, [place, how, by]: readonly [number, number, unknown]): string => {
    const spots = [...text.matchAll(/"[^"]*"(?=\s*:)|"[^"]*"(?!\s*:)|\d+|true|\[\]/g)]
    const spot = spots[place % spots.length]
    if (!spot) return text
    const isKey = /^\s*:/.test(text.slice(spot.index + spot[0].length))
    const put = isKey
      ? [`"x${how}"`, `"__proto__"`, `"preference"`, `"disabled"`][how % 4]
      : JSON.stringify(by)
    return text.slice(0, spot.index) + put + text.slice(spot.index + spot[0].length)
  }

  it('a file is written that starts, no error in it and no secret in a comment', async () => {
    const edits = fc.array(
      fc.tuple(
        fc.nat(200),
        fc.nat(7),
        fc.oneof(fc.constantFrom(null, true, 7, '', '*/', 'x:<team>', [], {}), fc.string()),
      ),
      { minLength: 1, maxLength: 6 },
    )
    await fc.assert(
      fc.asyncProperty(edits, async (all) => {
        const text = all.reduce(spoil, whole)
        if (readSource(text).root === undefined) return
        const { text: made, problems } = await imported(text)
        expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
        expect(configOf(made)).toBeDefined()
        for (const line of made.split('\n').filter((it) => it.trimStart().startsWith('//'))) {
          expect(line).not.toContain('canary')
        }
        expect(hideSecrets(made)).toBeDefined()
      }),
      { numRuns: 150 },
    )
  }, 120_000)
})

describe('postern import aperture', () => {
  let folder = ''
  const at = (name: string) => join(folder, name)
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'postern-import-'))
    await writeFile(at('aperture.hujson'), source)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('writes a file for its owner alone, that has no problem, and replaces none', async () => {
    const args = ['import', 'aperture', at('aperture.hujson'), '--out', at('postern.hujson')]
    const first = await postern(args)
    expect(first).toMatchObject({ code: 0 })
    expect(first.stdout).toMatch(/^providers +understood +gpu$/m)
    expect(first.stdout).toMatch(/^connectors +not taken over +servers$/m)
    expect(first.stdout).toMatch(/^temp_grants\[0\]: renamed: grants\[2\]$/m)
    expect(first.stdout).toMatch(/^grants\[0\]\.dst: commented out: unknown config key "dst"$/m)
    expect((await stat(at('postern.hujson'))).mode & 0o777).toBe(0o600)
    expect(await postern(['check', '--config', at('postern.hujson')])).toMatchObject({ code: 0 })
    const second = await postern(args)
    expect(second.code).toBe(1)
    expect(second.stderr).toContain('is there already')
  }, 60_000)

  it('reads standard input, writes nothing when told so, and prints JSON', async () => {
    const out = at('none.hujson')
    const args = ['import', 'aperture', '-', '--out', out, '--dry-run', '--json']
    const { stdout, code } = await postern(args, { input: source })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      written: null,
      problems: [],
      sections: [{}, {}, {}, {}, {}],
    })
    await expect(readFile(out)).rejects.toThrow('ENOENT')
  })

  it('never refuses what Aperture loads, and only what is not HuJSON', async () => {
    const input = source.replace('"baseurl"', '"basurl"')
    const args = ['import', 'aperture', '-', '--out', at('loose.hujson')]
    expect(await postern(args, { input })).toMatchObject({ code: 0 })
    const broken = await postern(['import', 'aperture', '-', '--out', at('x')], {
      input: '{ "a": ',
    })
    expect(broken.code).toBe(1)
    await expect(readFile(at('x'))).rejects.toThrow('ENOENT')
  }, 60_000)
})
