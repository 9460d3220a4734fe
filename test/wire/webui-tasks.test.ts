import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { until } from '../support/raw.ts'

const secret = 'only-open-webui-and-we-know-this-one'

/** As Open WebUI 0.12.4 sends them, shortened. */
const prompts = {
  title_generation:
    '### Task:\nGenerate a concise title summarizing the chat history.\n### Guidelines:\n- …',
  tags_generation:
    '### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history, along with…',
  follow_up_generation:
    '### Task:\nPredict 3-5 useful messages this user might naturally send next to advance…',
  query_generation:
    '### Task:\nAnalyze the chat history to determine the necessity of generating search queries…',
  autocomplete_generation:
    '### Task:\nYou are an autocompletion system. Continue the text in `<text>` based on the…',
} as const

let upstream: FakeUpstream
let gateway: TestGateway
beforeAll(async () => {
  upstream = await startUpstream()
  const limited = (bucket: string) => ({
    app: {
      'tailscale.com/cap/aperture': [{ role: 'user', models: '**', quotas: [{ bucket }] }],
    },
  })
  gateway = await startTestGateway({
    webui: { url: 'http://127.0.0.1:9', speaks_for: { login: 'bob', secret } },
    providers: { local: { baseurl: upstream.url, models: ['fake-model'] } },
    quotas: {
      'messages:<user>': { capacity: '2 requests', webui_tasks: 'free' },
      'requests:<user>': { capacity: '2 requests' },
    },
    groups: { 'group:people': ['ana@example.com', 'ben@example.com'] },
    grants: [
      { src: ['bob'], app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] } },
      { src: ['ana@example.com', 'alice@example.com'], ...limited('messages:<user>') },
      { src: ['ben@example.com'], ...limited('requests:<user>') },
    ],
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
})

interface Ask {
  readonly email?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly stream?: boolean
  readonly system?: string
  readonly as?: string
}

/** A chat of one message, as Open WebUI asks for it. */
const ask = async (content: string, asked: Ask = {}): Promise<number> => {
  const { email, headers = {}, stream = false, system, as = 'bob' } = asked
  const messages = [
    ...(system ? [{ role: 'system', content: system }] : []),
    { role: 'user', content },
  ]
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${as}:${as}-password`,
      ...(email && { 'x-openwebui-user-jwt': await token(email) }),
      ...headers,
    },
    body: JSON.stringify({ model: 'fake-model', messages, stream }),
  })
  await answer.arrayBuffer()
  return answer.status
}

const token = (email: string) =>
  new SignJWT({ email, name: 'Somebody', role: 'user' })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer('open-webui')
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(secret))

const labelOf = async (...asked: Parameters<typeof ask>): Promise<unknown> => {
  const before = gateway.store.usage.length
  await ask(...asked)
  await until(() => gateway.store.usage.length > before)
  return gateway.store.usage.at(-1)?.label
}

describe('the row of what Open WebUI asks by itself', () => {
  it.each(Object.entries(prompts))('has the label %s', async (name, prompt) => {
    expect(await labelOf(prompt)).toBe(name)
    expect(await labelOf(prompt, { system: 'You are kind.' })).toBe(name)
  })

  it('has what Open WebUI says it is, where it was told to', async () => {
    const headers = { 'x-postern-label': 'title_generation' }
    expect(await labelOf('Titel bitte: …', { headers })).toBe('title_generation')
  })

  it('has what its client calls it, above all', async () => {
    const headers = { 'x-postern-label': 'nightly' }
    expect(await labelOf(prompts.tags_generation, { headers })).toBe('nightly')
  })

  it('is not taken for one where a person asks', async () => {
    // Without a task Open WebUI leaves the header empty.
    const headers = { 'x-postern-label': '' }
    expect(await labelOf('What is a postern?', { headers })).toBeNull()
    expect(await labelOf('Generate a concise title for my book.')).toBeNull()
    // Its prompt for answers from documents begins like that of a task.
    const documents =
      '### Task:\nRespond to the user query using the provided context, incorporating…'
    expect(await labelOf(documents)).toBeNull()
    expect(await labelOf(prompts.title_generation, { stream: true })).toBeNull()
  })
})

describe('a limit of requests', () => {
  it('that leaves tasks out counts what a person typed', async () => {
    const email = 'ana@example.com'
    const tasks = () => Promise.all(Object.values(prompts).map((prompt) => ask(prompt, { email })))
    expect(await ask('One', { email })).toBe(200)
    expect(new Set(await tasks())).toEqual(new Set([200]))
    expect(await ask('Two', { email })).toBe(200)
    expect(await ask('Three', { email })).toBe(429)
    expect(new Set(await tasks())).toEqual(new Set([200]))
  })

  it('counts tasks where it does not say so', async () => {
    const email = 'ben@example.com'
    expect(await ask('One', { email })).toBe(200)
    expect(await ask(prompts.title_generation, { email })).toBe(200)
    expect(await ask(prompts.tags_generation, { email })).toBe(429)
  })

  it('believes none but Open WebUI’s own credential', async () => {
    const headers = { 'x-postern-label': 'title_generation' }
    const statuses: number[] = []
    for (let i = 0; i < 3; i++) {
      statuses.push(await ask(prompts.title_generation, { as: 'alice', headers }))
    }
    expect(statuses).toEqual([200, 200, 429])
  })
})
