import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { requestHeaders } from '../../src/gateway/dialect/request-headers.ts'
import { dialects } from '../support/fake-dialects.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { aliceHeaders } from '../support/setup.ts'

let upstream: FakeUpstream
let gateway: TestGateway
beforeAll(async () => {
  upstream = await startUpstream(dialects)
  const baseurl = upstream.url
  const speaking = (...flags: string[]) => ({
    baseurl,
    models: ['m'],
    compatibility: Object.fromEntries(flags.map((flag) => [flag, true])),
  })
  gateway = await startTestGateway({
    log: { level: 'debug' },
    providers: {
      openai: { ...speaking('openai_chat', 'openai_responses'), add_headers: ['X-Title: ours'] },
      claude: speaking('anthropic_messages'),
      gemini: { ...speaking('gemini_generate_content'), trace_context: true },
      bedrock: speaking('bedrock_model_invoke'),
    },
    grants: [
      {
        src: ['alice@example.com'],
        app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] },
      },
    ],
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
})

const guardrail = {
  'X-Amzn-Bedrock-GuardrailIdentifier': 'gr-1',
  'X-Amzn-Bedrock-GuardrailVersion': '3',
  'X-Amzn-Bedrock-Trace': 'ENABLED',
  'X-Amzn-Bedrock-Service-Tier': 'flex',
  'X-Amzn-Bedrock-PerformanceConfig-Latency': 'optimized',
}

const headers = {
  ...guardrail,
  'Idempotency-Key': 'once',
  'X-Session-Id': 'session',
  'X-Client-Request-Id': 'client',
  'X-Title': 'client',
  'OpenAI-Beta': 'responses=v1',
  'OpenAI-Organization': 'org-1',
  'OpenAI-Project': 'proj-1',
  Session_Id: 'codex',
  'Anthropic-Beta': 'context-1m',
  'Anthropic-New-Thing': '1',
  'X-Goog-Api-Client': 'genai',
  'X-Goog-User-Project': 'p',
  traceparent: '00-1-2-01',
  tracestate: 'a=b',
  'X-Stainless-Os': 'Linux',
}

const body = { model: 'm', max_tokens: 5, messages: [], input: 'hi' }

/** What of the above arrives at the provider, names in lower case. */
const arrived = async (path: string) => {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { ...aliceHeaders, ...headers },
    body: JSON.stringify(body),
  })
  await response.text()
  const got = upstream.requests.at(-1)?.headers ?? {}
  const sent = Object.keys(headers).map((name) => name.toLowerCase())
  return Object.fromEntries(Object.entries(got).filter(([name]) => sent.includes(name)))
}

const common = {
  'idempotency-key': 'once',
  'x-session-id': 'session',
  'x-client-request-id': 'client',
}

describe('a request’s headers', () => {
  it('that Bedrock heeds arrive there: a call without its guardrail is another call', async () => {
    expect(await arrived('/bedrock/model/m/invoke')).toEqual({
      ...common,
      ...Object.fromEntries(
        Object.entries(guardrail).map(([name, value]) => [name.toLowerCase(), value]),
      ),
    })
  })

  it('that OpenAI heeds arrive there, but for those that choose who pays', async () => {
    expect(await arrived('/v1/responses')).toEqual({
      ...common,
      'openai-beta': 'responses=v1',
      session_id: 'codex',
      'x-title': 'ours',
    })
    expect(await arrived('/v1/chat/completions')).toEqual({
      ...common,
      'openai-beta': 'responses=v1',
      'x-title': 'ours',
    })
  })

  it('that Anthropic heeds arrive there, new ones too', async () => {
    expect(await arrived('/v1/messages')).toEqual({
      ...common,
      'anthropic-beta': 'context-1m',
      'anthropic-new-thing': '1',
    })
  })

  it('that Google heeds arrive there, with the trace where the configuration says so', async () => {
    expect(await arrived('/v1beta/models/m:generateContent')).toEqual({
      ...common,
      'x-goog-api-client': 'genai',
      traceparent: '00-1-2-01',
      tracestate: 'a=b',
    })
  })

  it('that no provider is sent are named in the log at level debug, by name only', async () => {
    await arrived('/v1/messages')
    const line = gateway.log.findLast(({ evt }) => evt === 'headers.dropped')
    expect(line).toMatchObject({ level: 'debug', dialect: 'anthropic_messages' })
    expect(String(line?.names).split(', ')).toEqual(
      expect.arrayContaining(['x-stainless-os', 'x-amzn-bedrock-guardrailidentifier']),
    )
    expect(String(line?.names)).not.toMatch(/authorization|anthropic-beta|gr-1/)
  })

  it('that a provider may be sent stand in docs/providers.md', () => {
    const docs = readFileSync(`${import.meta.dirname}/../../docs/providers.md`, 'utf8')
    const lists = Object.values(requestHeaders)
    const names = new Set(
      lists.flatMap(({ names, prefixes, own }) => [...names, ...prefixes, ...own]),
    )
    expect([...names].filter((name) => !docs.includes(`\`${name}`))).toEqual([])
  })
})
