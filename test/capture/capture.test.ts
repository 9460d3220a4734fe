import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type NodeStore, openStore } from '../../src/adapter/node/store/store.ts'
import {
  type Behaviour,
  chat,
  chatStream,
  type FakeUpstream,
  startUpstream,
} from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'

const alice = `Basic ${btoa('alice:alice-password')}`
const owner = `Basic ${btoa('owner:owner-password')}`
const bob = `Basic ${btoa('bob:bob-password')}`

const asked = 'prompt-canary-3f9a1c'
const answered = 'answer-canary-77be20'
const cap = 'tailscale.com/cap/aperture'

const toolCall: Behaviour = ({ response }) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  const call = {
    id: 'c',
    type: 'function',
    function: { name: 'bash', arguments: '{"command":"ls"}' },
  }
  response.end(
    JSON.stringify({ choices: [{ index: 0, message: { role: 'assistant', tool_calls: [call] } }] }),
  )
}

const says = (content: string) =>
  chat({ choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }] })

const models = [
  'plain',
  'kept',
  'streamed',
  'redacted',
  'toolish',
  'short',
  'gone',
  'asked-only',
  'odd',
]
const entry = (model: string, capture: object = {}) => ({ models: `local/${model}`, capture })

let dir: string
let store: NodeStore
let upstream: FakeUpstream
let gateway: TestGateway

const configFor = (duration: string) => ({
  providers: { local: { baseurl: upstream.url, models } },
  database: { retention: { duration } },
  grants: [
    { src: ['owner'], app: { [cap]: [{ role: 'admin', models: '**' }] } },
    { src: ['bob'], app: { [cap]: [{ role: 'user', models: '**' }] } },
    {
      src: ['group:family'],
      app: {
        [cap]: [
          { role: 'user', models: 'local/**' },
          ...['kept', 'streamed', 'gone', 'odd'].map((model) => entry(model)),
          entry('asked-only', { bodies: ['request'] }),
          entry('redacted', { redact: true }),
          entry('toolish', { bodies: ['tools'] }),
          entry('short', { max: '1KiB' }),
        ],
      },
    },
  ],
})

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'postern-capture-'))
  store = await openStore({ url: 'file:postern.db', dataDir: dir, log: () => {} })
  upstream = await startUpstream({
    byModel: {
      plain: says(answered),
      kept: says(answered),
      'asked-only': says(answered),
      streamed: chatStream({ frames: ['answer-', 'canary-', '77be20'] }),
      redacted: says('write to eve@example.com'),
      toolish: toolCall,
      odd: ({ response }) => {
        response.writeHead(200, { 'content-type': 'application/octet-stream' })
        response.end(Buffer.from([0, 1, 2, 3]))
      },
      short: says(answered.repeat(1000)),
    },
  })
  gateway = await startTestGateway(configFor('30d'), { platform: { store } })
})
afterAll(async () => {
  await gateway.stop()
  await store.close()
  await upstream.stop()
  rmSync(dir, { recursive: true })
})

/** Resolves with the id of the request, when its row is there. */
const request = async (model: string, content = asked, more: object = {}): Promise<string> => {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: alice, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content }], ...more }),
  })
  await response.text()
  const id = response.headers.get('x-request-id') ?? ''
  await vi.waitFor(async () => expect(await store.ask('request', { id })).not.toBe(null), {
    timeout: 10_000,
  })
  return id
}

const read = (id: string, as = alice) =>
  fetch(`${gateway.url}/postern/api/requests/${id}/capture`, { headers: { authorization: as } })

interface Shown {
  readonly request: { readonly body: Record<string, unknown>; readonly truncated: boolean } | null
  readonly response: { readonly body: unknown; readonly truncated: boolean } | null
  readonly tools: { readonly body: unknown } | null
}

const shown = (id: string, as = alice): Promise<Shown> =>
  vi.waitFor(
    async () => {
      const response = await read(id, as)
      expect(response.status).toBe(200)
      return (await response.json()) as Shown
    },
    { timeout: 10_000 },
  )

/** The texts of every file, and of what is packed in them. */
const texts = (): string => {
  const files = readdirSync(dir).map((name) => readFileSync(join(dir, name), 'latin1'))
  const packed = files.flatMap((text) => text.match(/H4sI[A-Za-z0-9+/]{20,}=*/g) ?? [])
  const opened = packed.map((text) => {
    try {
      return gunzipSync(Buffer.from(text, 'base64')).toString()
    } catch {
      return ''
    }
  })
  return [...files, ...opened].join('\n')
}

const reload = async (duration: string) => {
  await gateway.reload(configFor(duration))
}

describe('what a grant does not name', () => {
  it('is in no file of the data folder, neither asked nor answered', async () => {
    const id = await request('plain', `${asked}-plain`)
    await request('kept', 'other words')
    expect((await read(id)).status).toBe(404)
    expect(texts()).not.toContain(`${asked}-plain`)
  })

  it('is not stored either where no retention says how long', async () => {
    for (const duration of ['0', '']) {
      await reload(duration)
      const id = await request('kept', `${asked}-zero`)
      expect(await store.ask('request', { id })).toMatchObject({ status: 200, inputTokens: 11 })
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect((await read(id)).status).toBe(404)
      expect(texts()).not.toContain(`${asked}-zero`)
    }
    await reload('30d')
  })
})

describe('what a grant names', () => {
  it('is kept: what went out, and the answer', async () => {
    const id = await request('kept')
    const { request: sent, response, tools } = await shown(id)
    expect(sent).toMatchObject({
      truncated: false,
      body: { model: 'kept', messages: [{ role: 'user', content: asked }] },
    })
    expect(response).toMatchObject({
      truncated: false,
      body: { choices: [{ message: { content: answered } }] },
    })
    expect(tools).toBe(null)
    expect(texts()).toContain(asked)
  })

  it('is one object where it was streamed', async () => {
    const id = await request('streamed', asked, { stream: true })
    expect((await shown(id)).response).toMatchObject({
      truncated: false,
      body: { choices: [{ message: { role: 'assistant', content: answered } }] },
    })
  })

  it('is the request alone where the answer cannot be read', async () => {
    const { request: sent, response } = await shown(await request('odd'))
    expect(sent).toMatchObject({ body: { model: 'odd' } })
    expect(response).toBe(null)
  })

  it('is only what it names', async () => {
    const { response } = await shown(await request('asked-only'))
    expect(response).toBe(null)
    const tools = await shown(await request('toolish'))
    expect(tools).toMatchObject({
      request: null,
      response: null,
      tools: { body: [{ name: 'bash', params: { command: 'ls' } }] },
    })
  })

  it('is without secrets and addresses where it says so', async () => {
    const id = await request('redacted', 'I am mallory@example.com')
    const text = JSON.stringify(await shown(id))
    expect(text).toContain('I am [REDACTED:email]')
    expect(text).toContain('write to [REDACTED:email]')
    expect(text).not.toContain('mallory@')
    expect(texts()).not.toMatch(/mallory@|eve@/)
  })

  it('is no longer than it may be', async () => {
    const { request: sent, response } = await shown(await request('short', asked.repeat(1000)))
    for (const part of [sent, response]) {
      expect(part?.truncated).toBe(true)
      expect(JSON.stringify(part).length).toBeLessThan(1300)
    }
  })

  it('goes when it is no longer to be kept, and its row does not', async () => {
    const id = await request('gone', `${asked}-gone`)
    await shown(id)
    expect(texts()).toContain(`${asked}-gone`)
    await reload('0')
    await vi.waitFor(async () => expect((await read(id)).status).toBe(404), { timeout: 10_000 })
    await vi.waitFor(() => expect(texts()).not.toContain(`${asked}-gone`), { timeout: 10_000 })
    expect(await store.ask('request', { id })).toMatchObject({ status: 200 })
    await reload('30d')
  }, 30_000)
})

describe('who reads it', () => {
  it('is who asked, and admins, who are on record; nobody else', async () => {
    const id = await request('kept')
    await shown(id)
    expect((await read(id, bob)).status).toBe(404)
    const acts = async () => {
      const rows = await store.ask('audit', { limit: 100 })
      return rows.filter(({ action }) => action === 'capture.read')
    }
    expect(await acts()).toEqual([])
    expect((await read(id, owner)).status).toBe(200)
    const row = await store.ask('request', { id })
    expect(await acts()).toMatchObject([
      { login: 'owner', target: row?.id, outcome: 'done', detail: 'of alice@example.com' },
    ])
  })
})
