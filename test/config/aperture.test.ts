import { describe, expect, it } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { HASH, read } from './read.ts'

/** As Aperture's files have it, comments and trailing commas included; our users stand beside it. */
const load = (text: string): { config: Config | undefined; errors: string[]; notes: string[] } => {
  const users = `"users": { "me": { "password": "${HASH}", "login": "me@example.com" } },`
  const { config, problems } = read(text.replace('{', `{ ${users}`))
  const of = (wanted: string) =>
    problems.filter(({ severity }) => severity === wanted).map(({ message }) => message)
  return { config, errors: of('error'), notes: of('warning') }
}

const everyone = `"grants": [
  { "src": ["*"], "app": { "tailscale.com/cap/aperture": [
      { "role": "admin" }, { "role": "user" }, { "models": "**" } ] } },
]`

const everyoneAdmin = 'makes everyone an admin, who may read and change all of this'

describe('a configuration of Aperture’s loads unchanged:', () => {
  it('self-hosted, with a key nobody needs', () => {
    const { config, errors, notes } = load(`{
      "providers": {
        "gpu-box": {
          "baseurl": "http://100.101.102.103:8000", // vLLM
          "models": ["qwen3-coder-30b", "Qwen/Qwen3.6-35B-A3B-FP8"],
          "name": "GPU box", "description": "in the basement", "preference": 10,
          "apikey": "not-needed", "auth_mode": "",
        },
        "old": { "baseurl": "http://h", "models": ["m"], "disabled": true },
      }, ${everyone} }`)
    expect({ errors, notes }).toEqual({ errors: [], notes: [everyoneAdmin] })
    expect(config?.grants).toEqual([
      { src: ['*'], entries: [{ role: 'admin' }, { role: 'user' }, { models: ['**'] }] },
    ])
  })

  it('the default configuration, whose administrators are still to be named', () => {
    const { config, errors, notes } = load(`{
      "providers": {
        "openai": { "baseurl": "https://api.openai.com/", "models": ["gpt-5"], "apikey": "" },
      },
      "grants": [
        { "src": ["*"], "app": { "tailscale.com/cap/aperture": [ { "role": "user" }, { "models": "**" } ] } },
        { "src": [], "app": { "tailscale.com/cap/aperture": [ { "role": "admin" } ] } },
      ] }`)
    expect({ errors, notes }).toEqual({ errors: [], notes: [] })
    expect(config?.grants[1]).toEqual({ src: [], entries: [{ role: 'admin' }] })
  })

  it('OpenRouter, priced by its own list', () => {
    const { errors } = load(`{
      "auto_cost_basis": false,
      "providers": {
        "router": {
          "baseurl": "https://openrouter.ai/api/", "apikey": "sk-or-x", "cost_basis": "openrouter",
          "models": ["qwen/qwen3-235b-a22b-2507"],
        },
      }, ${everyone} }`)
    expect(errors).toEqual([])
  })

  it('Claude, with a team’s key and with everybody’s own subscription', () => {
    const { config, errors } = load(`{
      "providers": {
        "claude-team": {
          "baseurl": "https://api.anthropic.com", "apikey": "\${KEY}", "authorization": "x-api-key",
          "models": ["claude-sonnet-4-6", "claude-haiku-4-5"],
          "compatibility": { "openai_chat": false, "anthropic_messages": true },
          "cost_basis": "anthropic",
          "model_cost_map": [ { "match": "claude-*-preview*", "as": "claude-sonnet-4-6", "adjustment": 1.1 } ],
          "add_headers": ["anthropic-beta: context-1m"],
        },
        "claude-own-login": {
          "baseurl": "https://api.anthropic.com", "authorization": "x-api-key",
          "auth_mode": "passthrough", "models": ["claude-opus-4-8"],
          "compatibility": { "openai_chat": false, "anthropic_messages": true }, "preference": -1,
        },
      }, ${everyone} }`)
    expect(errors).toEqual([])
    expect(config?.providers.get('claude-team')?.apikey).toBe('key-from-env')
  })

  it.each([
    [undefined, ['openai_chat']],
    [{}, ['openai_chat']],
    [{ openai_chat: true }, ['openai_chat']],
    [{ anthropic_messages: true }, ['anthropic_messages']],
    [{ anthropic_messages: false }, ['openai_chat']],
    [{ openai_chat: true, openai_responses: true }, ['openai_chat', 'openai_responses']],
    [{ openai_chat: false, gemini_generate_content: true }, ['gemini_generate_content']],
  ])('compatibility %j, where another flag clears openai_chat', (compatibility, dialects) => {
    const providers = { p: { baseurl: 'http://h', models: ['m'], compatibility } }
    const { config } = load(`{ "providers": ${JSON.stringify(providers)}, ${everyone} }`)
    expect([...(config?.providers.get('p')?.dialects ?? [])].sort()).toEqual(dialects)
  })

  it('Codex', () => {
    const { errors } = load(`{
      "providers": {
        "openai": {
          "baseurl": "https://api.openai.com/", "apikey": "sk-x", "authorization": "bearer",
          "models": ["gpt-5.2-codex"],
          "compatibility": { "openai_chat": true, "openai_responses": true },
        },
      }, ${everyone} }`)
    expect(errors).toEqual([])
  })

  const budgets = `"quotas": {
    "day:<user>": { "capacity": "$10.00", "rate": "$5.00/day", "on_exceed": "reject" },
    "team": { "capacity": "$500.00", "rate": "$500.00/month", "on_exceed": "reject" },
    "opus:<user>": { "capacity": "$5.00", "rate": "$2.50/day", "on_exceed": "reject" },
  }`
  const providers = `"providers": {
    "gpu-box": { "baseurl": "http://h:8000", "models": ["m"] },
    "claude-team": { "baseurl": "http://h", "models": ["claude-opus-4-8"] },
  }`

  it('budgets, groups, tags and everything else that a grant can say', () => {
    const { config, errors } = load(`{ ${providers}, ${budgets}, "grants": [
      { "src": ["*"], "app": { "tailscale.com/cap/aperture": [
          { "role": "user" },
          { "models": "gpu-box/**" },
          { "models": "claude-team/**", "quotas": [ { "bucket": "day:<user>" }, { "bucket": "team" } ] },
          { "models": "*/claude-opus*", "quotas": [ { "bucket": "opus:<user>" } ] } ] } },
      { "src": ["me@example.com"], "app": {
          "tailscale.com/cap/aperture": [
            { "role": "admin" }, { "read_metrics": true }, { "read_pricing": true },
            { "models": "**", "add_headers": ["X-Team: ops"] } ],
          "example.com/cap/policy": [ { "tier": "gold" } ] } },
      { "src": ["tag:ci"], "app": { "tailscale.com/cap/aperture": [
          { "role": "user" }, { "models": "gpu-box/*" },
          { "connectors": ["github/tools/*", "label:public"] } ] } },
      { "src": ["(loopback)"], "app": { "tailscale.com/cap/aperture": [ { "role": "admin" } ] } },
    ] }`)
    expect(errors).toEqual([])
    expect(config?.grants[1]).toEqual({
      src: ['me@example.com'],
      entries: [
        { role: 'admin' },
        { readMetrics: true },
        { readPricing: true },
        { models: ['**'], addHeaders: [['x-team', 'ops']] },
      ],
      capabilities: new Map([['example.com/cap/policy', [{ tier: 'gold' }]]]),
    })
  })

  it('hooks', () => {
    const { errors } = load(`{ ${providers},
      "hooks": {
        "pii-mask": { "url": "http://guard.example.ts.net:8080/check", "apikey": "k", "authorization": "x-api-key",
                      "timeout": "750ms", "fail_policy": "fail_closed", "preference": 100 },
        "audit": { "url": "https://hooks.example.com/llm", "timeout": "10s", "disabled": false } },
      "grants": [ { "src": ["*"], "app": { "tailscale.com/cap/aperture": [
          { "role": "admin", "models": "**" },
          { "send_hooks": [
            { "name": "pii-mask", "events": ["pre_request"], "send": ["request_body", "user_message"] },
            { "name": "audit", "events": ["entire_request"], "send": ["estimated_cost"] } ] } ] } } ] }`)
    expect(errors).toEqual([])
  })

  it('an exporter to a bucket', () => {
    const { errors, notes } = load(`{ ${providers}, ${everyone},
      "exporters": { "s3": { "endpoint": "https://s3.example.net", "bucket_name": "gw", "region": "us-east-1",
        "prefix": "prod", "access_key_id": "AK", "access_secret": "SK", "every": 1800, "limit": 2000 } },
    }`)
    expect([errors, notes]).toEqual([[], [everyoneAdmin]])
  })

  it('sections for what Postern does not do, each named', () => {
    const { errors, notes } = load(`{ ${providers}, ${everyone},
      "connectors": { "servers": { "local": { "url": "http://localhost:8185/v1/mcp" } } },
      "flags": { "chat_ui": { "value": true } },
    }`)
    expect(errors).toEqual([])
    expect(notes).toEqual([
      everyoneAdmin,
      ...['connectors', 'flags'].map((key) => `${key} has no effect in this version`),
    ])
  })
})

/** Sentences that programs made for Aperture look for, as its documentation has them. */
describe('what is wrong is said as Aperture says it:', () => {
  const p = '"providers": { "p": { "baseurl": "http://h", "models": ["m"] } }'
  const grantsOf = (entry: string) =>
    `"grants": [{ "src": ["*"], "app": { "tailscale.com/cap/aperture": [{ "role": "admin" }, ${entry}] } }]`
  const all = grantsOf('{ "models": "**" }')

  it.each<[sentence: string, file: string]>([
    [
      'providers are configured but no grants or temp_grants defined; all access will be denied',
      `{ ${p}, "grants": [] }`,
    ],
    [
      'no grant in grants or temp_grants assigns role:admin; nobody will be able to manage this instance',
      `{ ${p}, ${all.replace('admin', 'user')} }`,
    ],
    ['duplicate config key "models"', `{ ${p.replace(']', '], "models": []')}, ${all} }`],
    [
      'unknown config key "basurl"',
      `{ ${p.replace('"models"', '"basurl": "", "models"')}, ${all} }`,
    ],
    [
      'models pattern "gone/**" references provider "gone" which does not match any declared provider',
      `{ ${p}, ${grantsOf('{ "models": "gone/**" }')} }`,
    ],
    [
      'mcp_tools pattern "gone/*" references server "gone" which does not match any declared MCP server',
      `{ ${p}, ${grantsOf('{ "mcp_tools": "gone/*" }')}, "mcp": { "servers": { "here": {} } } }`,
    ],
    [
      'send_hooks references undefined hook "gone"',
      `{ ${p}, ${grantsOf('{ "send_hooks": [{ "name": "gone", "events": ["entire_request"] }] }')} }`,
    ],
    [
      'quotas references undefined quota "gone"',
      `{ ${p}, ${grantsOf('{ "quotas": [{ "bucket": "gone" }] }')} }`,
    ],
    [
      'grants[0] grant 1 quotas[0]: bucket ref "x:<team>" has unsupported template "<team>" after colon',
      `{ ${p}, ${grantsOf('{ "quotas": [{ "bucket": "x:<team>" }] }')} }`,
    ],
    [
      'quota "x:<team>": quota name "x:<team>" has unsupported template "<team>" after colon',
      `{ ${p}, ${all}, "quotas": { "x:<team>": { "capacity": "$1.00" } } }`,
    ],
    ['quota x: "capacity" is none of', `{ ${p}, ${all}, "quotas": { "x": { "capacity": "1" } } }`],
    [
      'provider p has no baseurl configured',
      `{ ${p.replace('"baseurl": "http://h", ', '')}, ${all} }`,
    ],
    ['provider p has no baseurl configured', `{ ${p.replace('http://h', '')}, ${all} }`],
    [
      'provider p has invalid authorization type: basic',
      `{ ${p.replace('"models"', '"authorization": "basic", "models"')}, ${all} }`,
    ],
    [
      'provider p: add_headers entry "X-Team…" must be in "Header-Name: value" format',
      `{ ${p.replace('"models"', '"add_headers": ["X-Team ops"], "models"')}, ${all} }`,
    ],
    ['hook h has no url configured', `{ ${p}, ${all}, "hooks": { "h": {} } }`],
    [
      'hook h has invalid URL scheme (must be http:// or https://): ftp://guard/x',
      `{ ${p}, ${all}, "hooks": { "h": { "url": "ftp://guard/x" } } }`,
    ],
    [
      'hook h has invalid authorization type: basic',
      `{ ${p}, ${all}, "hooks": { "h": { "url": "http://h", "authorization": "basic" } } }`,
    ],
    [
      'exporters.s3.prefix must not end with a slash',
      `{ ${p}, ${all}, "exporters": { "s3": { "prefix": "prod/" } } }`,
    ],
    [
      'unsubstituted macros: [GONE]',
      `{ ${p.replace('"models"', `"apikey": "${'$'}{GONE}", "models"`)}, ${all} }`,
    ],
  ])('%s', (sentence, file) => {
    const { errors, notes } = load(file)
    expect([...errors, ...notes].filter((told) => told.startsWith(sentence))).toHaveLength(1)
  })

  it('config must not be empty', () => {
    expect(read(' ').problems.map(({ message }) => message)).toEqual(['config must not be empty'])
  })
})
