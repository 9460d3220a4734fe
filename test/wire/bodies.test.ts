import { describe, expect, it } from 'vitest'
import { open, post, raw, until } from '../support/raw.ts'
import { aliceHeaders, chat, together } from '../support/setup.ts'

const t = together({
  config: { limits: { body: '4KiB', body_idle: '300ms', header_timeout: '500ms' } },
})
const codeOf = async (response: Response) => (await response.json()).error.code

const bodyOf = (size: number) => {
  const body = JSON.stringify({ model: 'm', messages: [], pad: '' })
  return JSON.stringify({ model: 'm', messages: [], pad: 'x'.repeat(size - body.length) })
}

const send = (body: BodyInit, headers: Record<string, string> = {}) =>
  fetch(`${t.url}/v1/chat/completions`, {
    method: 'POST',
    body,
    headers: { ...aliceHeaders, ...headers },
    ...(body instanceof ReadableStream && { duplex: 'half' }),
  } as RequestInit)

const chunked = (text: string) =>
  new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode(text))
      controller.close()
    },
  })

describe('the size of a body', () => {
  it('is accepted at the limit and refused one byte beyond, with and without a declared length', async () => {
    expect((await send(bodyOf(4096))).status).toBe(200)
    expect((await send(bodyOf(4097))).status).toBe(413)
    expect((await send(chunked(bodyOf(4096)))).status).toBe(200)
    const { statuses, text } = await raw(
      t.port,
      `${post({})
        .replace(/Content-Length: \d+/, 'Transfer-Encoding: chunked')
        .replace(/\{\}$/, '')}1001\r\n${bodyOf(4097)}\r\n0\r\n\r\n`,
    )
    expect(statuses).toEqual([413])
    expect(text).toContain('request_too_large')
  })

  it('is judged by its declared length, before a byte of it', async () => {
    const { statuses, closed } = await raw(
      t.port,
      post({})
        .replace(/Content-Length: \d+/, 'Content-Length: 999999999')
        .replace(/\{\}$/, ''),
      1500,
    )
    expect(statuses).toEqual([413])
    expect(closed).toBe(true)
  })

  it('is refused without a reset under the hands of a client still sending', async () => {
    const size = 24 * 1024 * 1024
    const head = post({}).replace(/Content-Length: \d+/, `Content-Length: ${size}`)
    const socket = await open(t.port, head.replace(/\{\}$/, ''))
    const errors: Error[] = []
    let answer = ''
    socket.on('error', (error) => errors.push(error))
    socket.on('data', (chunk) => {
      answer += chunk.toString()
    })
    for (let sent = 0; sent < size && errors.length === 0; sent += 65_536) {
      await new Promise((resolve) => socket.write(Buffer.alloc(65_536), resolve))
    }
    await until(() => answer.includes('request_too_large'))
    expect(errors).toEqual([])
    socket.destroy()
  })

  it('is counted while it comes: an endless one is cut off at the limit', async () => {
    const socket = await open(
      t.port,
      post({})
        .replace(/Content-Length: \d+/, 'Transfer-Encoding: chunked')
        .replace(/\{\}$/, ''),
    )
    let answer = ''
    let sent = 0
    socket.on('data', (chunk) => {
      answer += chunk.toString()
    })
    socket.on('error', () => {})
    const gone = new Promise((resolve) => socket.once('close', resolve))
    const timer = setInterval(() => {
      socket.write(`400\r\n${'x'.repeat(1024)}\r\n`)
      sent += 1024
    }, 5)
    await gone
    clearInterval(timer)
    expect(answer).toContain(' 413 ')
    expect(sent).toBeLessThan(1_000_000)
  })
})

describe('the pace of a request', () => {
  it('ends a body that trickles with 408', async () => {
    const request = post({ model: 'm', messages: [] })
    const { statuses, closed } = await raw(t.port, request.slice(0, -5), 3000)
    expect(statuses).toEqual([408])
    expect(closed).toBe(true)
  })

  it('ends headers that trickle with 408', async () => {
    const { statuses, closed } = await raw(t.port, 'GET /healthz HTTP/1.1\r\nHost: a\r\nX', 3000)
    expect(statuses).toEqual([408])
    expect(closed).toBe(true)
  })
})

describe('the type of a body', () => {
  it.each([
    '',
    'text/plain',
    'application/json; charset=utf-16',
    'multipart/form-data; boundary=x',
  ])('answers content-type %j with 415', async (type) => {
    const response = await send(new TextEncoder().encode(bodyOf(100)), { 'content-type': type })
    expect(response.status).toBe(415)
    expect(await codeOf(response)).toBe('unsupported_media_type')
  })

  it('accepts application/json; charset=utf-8', async () => {
    const response = await send(bodyOf(100), { 'content-type': 'application/json; charset=utf-8' })
    expect(response.status).toBe(200)
  })
})

describe('errors', () => {
  it('are written in the dialect of the path, each with a request id', async () => {
    const openai = await chat(t.url, { model: 'nobody-has-it' })
    expect(openai.status).toBe(404)
    const body = await openai.json()
    expect(body.error).toMatchObject({ code: 'model_not_found', type: 'invalid_request_error' })
    expect(body.error.message).toBe(
      'no route found for model "nobody-has-it" for user "alice@example.com"',
    )
    expect(body.request_id).toBe(openai.headers.get('x-request-id'))

    const anthropic = await chat(t.url, { model: 'nobody-has-it' }, { path: '/v1/messages' })
    expect(await anthropic.json()).toMatchObject({
      type: 'error',
      error: { type: 'not_found_error', code: 'model_not_found' },
      request_id: anthropic.headers.get('x-request-id'),
    })

    const gemini = await chat(t.url, {}, { path: '/v1beta/models/x:generateContent' })
    expect(gemini.status).toBe(404)
    expect(await gemini.json()).toMatchObject({ error: { code: 404, status: 'NOT_FOUND' } })
  })

  it('name a caller without a role, in the words of Aperture', async () => {
    const response = await chat(
      t.url,
      { model: 'm' },
      {
        headers: { authorization: `Basic ${btoa('bob:bob-password')}` },
      },
    )
    expect(response.status).toBe(403)
    expect((await response.json()).error).toMatchObject({
      code: 'no_role',
      message: 'access denied: no role granted',
    })
  })

  it('tell the cause of a missing route to an admin', async () => {
    const response = await chat(
      t.url,
      { model: 'nobody-has-it' },
      {
        headers: { authorization: `Basic ${btoa('owner:owner-password')}` },
      },
    )
    expect((await response.json()).error.message).toMatch(/for user "owner": not listed/)
  })

  it.each([
    '/v1/nothing',
    '/v1/models/nobody-has-it',
    '/api/pull',
    '/api/create',
    '/postern/api/x',
  ])('answer %s with 404', async (path) => {
    expect((await fetch(`${t.url}${path}`, { headers: aliceHeaders })).status).toBe(404)
  })

  it('name the method a path wants', async () => {
    const response = await fetch(`${t.url}/v1/chat/completions`, { headers: aliceHeaders })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('POST')
  })

  it('leave a row for what was refused after the caller was known', async () => {
    const { usage } = t.gateway.store
    const before = usage.length
    await chat(t.url, { model: 'nobody-has-it' })
    expect(usage[before]).toMatchObject({
      status: 404,
      outcome: 'rejected',
      tokensSource: 'none',
      model: 'nobody-has-it',
    })
  })
})

describe('destinations', () => {
  it.each(['api_base', 'base_url', 'extra_headers'])(
    'are not taken from the field %s',
    async (field) => {
      const before = t.upstream.requests.length
      const response = await chat(t.url, { model: 'm', [field]: 'http://127.0.0.1:1' })
      expect(response.status).toBe(400)
      expect(t.upstream.requests.length).toBe(before)
    },
  )
})
