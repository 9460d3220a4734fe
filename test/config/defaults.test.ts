import { describe, expect, it } from 'vitest'
import { HASH, read } from './read.ts'

const config = (file: object) => {
  const { config: parsed, problems } = read(file)
  if (!parsed) throw new Error(JSON.stringify(problems))
  return parsed
}

describe('defaults', () => {
  it('are those of the contract', () => {
    expect(config({})).toEqual({
      mode: 'local',
      front: 'none',
      listeners: [
        {
          name: 'local',
          bind: { kind: 'tcp', host: '127.0.0.1', port: 8787 },
          identity: 'none',
          hopSecret: undefined,
          trustedProxies: [],
        },
      ],
      tailscale: { socket: undefined, capabilities: ['tailscale.com/cap/aperture'] },
      allowedHosts: [],
      webui: undefined,
      ui: { name: 'Postern', logo: undefined },
      providers: new Map(),
      quotas: new Map(),
      grants: [{ src: ['(owner)'], entries: [{ role: 'admin', models: ['**'] }] }],
      hooks: new Map(),
      groups: new Map(),
      users: new Map(),
      issuers: [],
      rateLimits: [{ zone: 'api', match: '/v1/**', per: 'caller', events: 600, window: 60_000 }],
      authFailures: { max: 5, window: 600_000, ban: 900_000, maxBan: 86_400_000 },
      limits: {
        body: 33_554_432,
        bodiesPerCaller: 33_554_432,
        bodies: 67_108_864,
        firstByte: 600_000,
        idle: 600_000,
        headerTimeout: 15_000,
        bodyIdle: 30_000,
        writeStall: 120_000,
        websockets: 1000,
        websocketsPerClient: 50,
      },
      compareWith: undefined,
      labelHeader: 'x-postern-label',
      database: { url: 'file:postern.db', authToken: undefined },
      retention: { duration: 0, purge: ['captures'], requireExport: false },
      filterableHeaders: [],
      exporters: { s3: undefined },
      log: { level: 'info', access: true },
    })
  })

  it('grant nothing to anybody but the user called owner, under the login it has, and who owns this node', () => {
    const all = [{ role: 'admin', models: ['**'] }]
    const users = { owner: { password: HASH, login: 'Me@example.com' }, bob: { password: HASH } }
    expect(config({ users }).grants).toEqual([{ src: ['me@example.com', '(owner)'], entries: all }])
    expect(config({ users: { bob: { password: HASH } } }).grants).toEqual([
      { src: ['(owner)'], entries: all },
    ])
    expect(config({ users, grants: [] }).grants).toEqual([])
  })
})

describe('a provider', () => {
  const provider = (fields: object) =>
    config({ providers: { p: { baseurl: 'http://h', ...fields } } }).providers.get('p')

  it.each([
    [undefined, ['openai_chat']],
    [{}, ['openai_chat']],
    [{ anthropic_messages: true }, ['anthropic_messages']],
    [{ anthropic_messages: false }, ['openai_chat']],
    [{ openai_chat: true, openai_responses: true }, ['openai_chat', 'openai_responses']],
    [{ openai_chat: false, anthropic_messages: true }, ['anthropic_messages']],
    [{ gemini_generate_content: true }, ['gemini_generate_content']],
    [{ experimental_gemini_cli_vertex_compat: true }, ['gemini_generate_content']],
    [
      { bedrock_converse: true, google_raw_predict: true },
      ['google_raw_predict', 'bedrock_converse'],
    ],
    [{ openai_chat: false }, []],
  ])('with compatibility %j understands %j', (compatibility, dialects) => {
    expect([...(provider({ compatibility })?.dialects ?? [])]).toEqual(dialects)
  })

  it('in Aperture’s every field is read', () => {
    const parsed = provider({
      models: ['m'],
      authorization: 'x-api-key',
      auth_mode: 'passthrough',
      cost_basis: 'anthropic',
      model_cost_map: [
        { match: 'claude-*-preview*', as: 'claude-sonnet-4-6', adjustment: 1.1 },
        { match: '*', as: 'claude-haiku-4-5' },
      ],
      upstream: 'anthropic',
      prices: { m: { input: 3, web_search: 0.01 } },
      context_length: 1000,
      max_output_tokens: { m: 100 },
      limits: { concurrency: 2, first_byte: '5m' },
    })
    expect(parsed).toMatchObject({
      authMode: 'passthrough',
      costBasis: 'anthropic',
      modelCostMap: [
        { match: 'claude-*-preview*', as: 'claude-sonnet-4-6', adjustment: 1.1 },
        { match: '*', as: 'claude-haiku-4-5', adjustment: 1 },
      ],
      upstream: 'anthropic',
      prices: new Map([['m', { input: 3, webSearch: 0.01 }]]),
      contextLength: new Map([['*', 1000]]),
      maxOutputTokens: new Map([['m', 100]]),
      limits: { concurrency: 2, queue: 64, firstByte: 300_000 },
    })
    expect(provider({})).toMatchObject({ authMode: 'override', costBasis: undefined, upstream: '' })
  })

  it.each([[undefined], [[]], [['*']]])('with models %j is asked for its list', (models) => {
    expect(provider({ models })?.models).toEqual([])
  })

  it('keeps its base URL as written and takes its id for a name', () => {
    expect(provider({ baseurl: 'https://openrouter.ai/api/' })).toMatchObject({
      baseurl: 'https://openrouter.ai/api/',
      name: 'p',
    })
  })
})

describe('logins and groups', () => {
  it('are compared in lower case, and a group may be written without its prefix', () => {
    const parsed = config({
      users: { Alice: { password: HASH, groups: ['family'] } },
      groups: { 'group:family': ['BOB@Example.com'] },
      grants: [{ src: ['ALICE'], app: { 'tailscale.com/cap/aperture': [{ role: 'user' }] } }],
    })
    expect(parsed.users.get('Alice')).toMatchObject({ login: 'alice', groups: ['group:family'] })
    // Who is in a group by their password user is in it by every door.
    expect(parsed.groups.get('group:family')).toEqual(['bob@example.com', 'alice'])
    expect(parsed.grants).toEqual([{ src: ['alice'], entries: [{ role: 'user' }] }])
  })
})
