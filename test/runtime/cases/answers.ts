import { expect, it } from 'vitest'
import { ALICE, ask, chat } from '../requests.ts'
import type { Bench } from '../suite.ts'

/** What the upstream says to the request that it got last, asked for again without a gateway in between. */
const saidDirectly = async ({ upstream }: Bench): Promise<string> => {
  const { method, path, body } = upstream.requests.at(-1)!
  return (await fetch(upstream.url + path, { method, body })).text()
}

/** What comes back through the gateway. */
export const answerCases = (bench: Bench): void => {
  it('passes a chat completion on unchanged, with the provider’s key in place of the caller’s', async () => {
    const response = await chat(bench, { model: 'local/fake-model' })
    expect(response.status).toBe(200)
    expect(response.headers.get('server-timing')).toMatch(/^gateway;dur=\S+, upstream;dur=/)
    expect(await response.text()).toBe(await saidDirectly(bench))
    const { headers, body } = bench.upstream.requests.at(-2)!
    expect(headers.authorization).toBe('Bearer provider-key')
    expect(JSON.parse(body).model).toBe('fake-model')
  })

  it('passes a stream on byte for byte when the client asked for its usage', async () => {
    const streamed = { model: 'fake-model', stream: true, stream_options: { include_usage: true } }
    const response = await chat(bench, streamed)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const text = await response.text()
    expect(text).toContain('"choices":[]')
    expect(text).toBe(await saidDirectly(bench))
  })

  it('asks for the usage of a stream and takes its frame out again when the client had not asked', async () => {
    const text = await (await chat(bench, { model: 'fake-model', stream: true })).text()
    const sent = JSON.parse(bench.upstream.requests.at(-1)?.body ?? '{}')
    expect(sent.stream_options).toEqual({ include_usage: true })
    const frames = (await saidDirectly(bench)).split('\n\n')
    const withoutUsage = frames.filter((frame) => !frame.includes('"choices":[]'))
    expect(withoutUsage.length).toBe(frames.length - 1)
    expect(text).toBe(withoutUsage.join('\n\n'))
  })

  it('passes the first piece of a stream on while the upstream still speaks', async () => {
    const stop = new AbortController()
    const more = { signal: stop.signal }
    const response = await chat(bench, { model: 'endless', stream: true }, more)
    const { value } = await response.body!.getReader().read()
    expect(new TextDecoder().decode(value)).toContain(' word')
    stop.abort()
  })

  it('speaks Anthropic’s dialect', async () => {
    const response = await ask(bench, '/v1/messages', {
      method: 'POST',
      headers: { 'x-api-key': 'alice:alice-password', 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'fake-model',
        max_tokens: 5,
        messages: [{ role: 'user', content: 'hi' }],
      }),
    })
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ type: 'message', role: 'assistant' })
  })

  it.each([
    ['declared', (text: string) => text],
    ['undeclared', (text: string) => new Blob([text]).stream()],
  ])('refuses a body of %s length above the limit', async (_, bodyOf) => {
    const before = bench.upstream.requests.length
    const text = JSON.stringify({ model: 'fake-model', messages: [], pad: 'x'.repeat(70_000) })
    const response = await fetch(`${bench.gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { ...ALICE, 'content-type': 'application/json' },
      body: bodyOf(text),
      duplex: 'half',
    } as RequestInit)
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({ error: { code: 'request_too_large' } })
    expect(bench.upstream.requests.length).toBe(before)
  })

  it.each([
    ['a form', { 'content-type': 'text/plain' }, '{"model":"fake-model"}', 415],
    ['broken JSON', {}, '{"model":', 400],
    ['no model', {}, '{"messages":[]}', 400],
  ])('refuses %s', async (_, headers, body, status) => {
    const response = await ask(bench, '/v1/chat/completions', {
      method: 'POST',
      headers: { ...ALICE, 'content-type': 'application/json', ...headers },
      body,
    })
    expect(response.status).toBe(status)
  })
}
