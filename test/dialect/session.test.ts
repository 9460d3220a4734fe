import { describe, expect, it } from 'vitest'
import { readEdited } from '../../src/gateway/dialect/body/json-body.ts'
import { sessionOf } from '../../src/gateway/dialect/session.ts'
import { beginningsOf } from '../../src/gateway/dialect/webui-task.ts'
import { computed } from '../support/computed.ts'

interface Asked {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object
  readonly login?: string
}

const read = (body: object) =>
  readEdited(new TextEncoder().encode(JSON.stringify(body)), { modelInPath: false, streams: false })

const session = ({ headers = {}, body, login = 'ana@example.com' }: Asked): string | undefined =>
  sessionOf({
    header: (name) => headers[name] ?? null,
    body: body && read(body),
    beginnings: beginningsOf(body && read(body)),
    login,
  })

const uuid = '5f1c2b1e-3f60-4c52-8e2a-6f7b0b6f2f11'
const said = (...contents: unknown[]) => ({
  messages: contents.map((content, index) => ({
    role: index % 2 === 0 ? 'user' : 'assistant',
    content,
  })),
})

describe('the session of a request', () => {
  it('is what a client says in `x-session-id`, before all else', () => {
    const body = { metadata: { user_id: `user_a_account_b_session_${uuid}` }, ...said('hi') }
    expect(session({ headers: { 'x-session-id': 'mine', session_id: 'other' }, body })).toBe('mine')
  })

  it('is what Claude Code writes into its body, in its old way and its new', () => {
    const old = `user_${'0'.repeat(64)}_account_${uuid}_session_${uuid}`
    expect(session({ body: { metadata: { user_id: old } } })).toBe(uuid)
    const now = JSON.stringify({ device_id: 'd', account_uuid: '', session_id: uuid })
    expect(session({ body: { metadata: { user_id: now } } })).toBe(uuid)
    expect(session({ body: { metadata: { user_id: 'user_a' } } })).toBeUndefined()
  })

  it.each(['session_id', 'session-id', 'conversation_id'])('is Codex’s header %s', (name) => {
    expect(session({ headers: { [name]: uuid }, body: { input: 'hi' } })).toBe(uuid)
  })

  it('is the chat that Open WebUI names, for what it asks by itself as well', () => {
    const headers = { 'x-openwebui-chat-id': uuid }
    expect(session({ headers, body: said('hi') })).toBe(uuid)
    expect(session({ headers, body: said('### Task:\nGenerate a concise title') })).toBe(uuid)
  })

  it.each(['', 'a b', '<script>', 'x'.repeat(129), 'ä'])('is not %j, which nobody should', (id) => {
    expect(session({ headers: { 'x-session-id': id } })).toBeUndefined()
  })

  it('is that of the conversation that a chat repeats the beginning of', () => {
    const first = session({ body: said('What is a postern?') })
    expect(first).toMatch(/^oacc_[0-9a-f]{32}$/)
    expect(session({ body: said('What is a postern?', 'A small door.', 'Where?') })).toBe(first)
    expect(session({ body: said('What is a door?') })).not.toBe(first)
  })

  it('tells people and instructions apart that begin the same', () => {
    const first = session({ body: said('hi') })
    expect(session({ body: said('hi'), login: 'ben@example.com' })).not.toBe(first)
    const system = (content: string) => ({
      messages: [{ role: 'system', content }, ...said('hi').messages],
    })
    expect(session({ body: system('Be kind.') })).not.toBe(session({ body: system('Be brief.') }))
  })

  it('reads the text of a message in parts, without its pictures', () => {
    const parts = (url: string) => [
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url } },
    ]
    const one = session({ body: said(parts('data:image/png;base64,AAAA')) })
    expect(one).toBe(session({ body: said(parts('data:image/png;base64,BBBB')) }))
    expect(one).not.toBe(session({ body: said('What is that?') }))
  })

  it('is nothing where nothing was said, or a form was sent', () => {
    expect(session({})).toBeUndefined()
    expect(session({ body: { input: 'hi' } })).toBeUndefined()
    expect(session({ body: { messages: 'x' } })).toBeUndefined()
    expect(session({ body: { messages: [null, 3, { role: 'assistant', content: 'x' }] } })).toBe(
      undefined,
    )
  })

  it('is found fast in the longest conversation', () => {
    const long = 'word '.repeat(2_000_000)
    const body = read(said(long, long))
    const started = computed()
    for (let i = 0; i < 100; i++)
      sessionOf({ header: () => null, body, beginnings: beginningsOf(body), login: 'ana' })
    expect((computed() - started) / 100).toBeLessThan(2)
  })
})
