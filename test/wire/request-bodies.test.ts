import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { aliceHeaders, together } from '../support/setup.ts'

const t = together({
  script: {
    handler: ({ request, response }) => {
      if (request.method !== 'POST') return false
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}')
      return undefined
    },
  },
  config: {
    limits: { body: '64KiB' },
    grants: [
      {
        src: ['group:family'],
        app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: 'local/[cm]*' }] },
      },
      {
        src: ['alice@example.com'],
        app: {
          'tailscale.com/cap/aperture': [
            { models: 'local/m' },
            { models: 'local/cheap' },
            { models: 'local/image' },
          ],
        },
      },
    ],
  },
  provider: {
    models: ['m', 'cheap', 'dear', 'image'],
    compatibility: {
      openai_chat: true,
      openai_responses: true,
      anthropic_messages: true,
      gemini_generate_content: true,
    },
  },
})

afterEach(() => {
  t.upstream.requests.length = 0
})

const send = async (body: BodyInit, path = '/v1/chat/completions', headers = {}) => {
  const response = await fetch(`${t.url}${path}`, {
    method: 'POST',
    body,
    headers: { ...aliceHeaders, ...headers },
  })
  return { status: response.status, text: await response.text(), headers: response.headers }
}
const received = () =>
  t.upstream.requests.filter(({ method }) => method === 'POST').map(({ body }) => body)

const routes = [
  '/v1/chat/completions',
  '/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/responses',
  '/v1/rerank',
  '/v1/moderations',
  '/v1/audio/speech',
  '/v1/images/generations',
  '/v1/messages',
  '/v1/messages/count_tokens',
]

describe('a body with a judged field in two spellings', () => {
  it.each(routes)('reaches no provider by %s (modelcontextprotocol/go-sdk#805)', async (path) => {
    for (const body of [
      '{"model":"cheap","Model":"dear"}',
      '{"MODEL":"dear","model":"cheap"}',
      '{"model":"cheap","model":"dear"}',
      '{"model":"cheap","m\\u006fdel":"dear"}',
      '{"model":"cheap","max_tokens":1,"Max_Tokens":9999}',
      '{"model":"cheap","stream":false,"Stream":true}',
      '{"model":"cheap","\\u017ftream":true}',
    ]) {
      const { status, text } = await send(body, path)
      expect([status, body]).toEqual([400, body])
      expect(text).toContain('field')
    }
    expect(received()).toEqual([])
  })

  it('reaches no provider by a path that names the model either', async () => {
    const path = '/v1beta/models/cheap:generateContent'
    for (const body of [
      '{"contents":[],"contents":[]}',
      '{"contents":[],"Contents":[]}',
      '{"generationConfig":{"maxOutputTokens":1},"generation_config":{"maxOutputTokens":9}}',
      '{"model":"models/dear","contents":[]}',
    ]) {
      expect([(await send(body, path)).status, body]).toEqual([400, body])
    }
    expect(received()).toEqual([])
    expect((await send('{"model":"models/cheap","contents":[]}', path)).status).toBe(200)
  })
})

describe('a model that a body names beside its own', () => {
  it.each([
    { models: ['cheap', 'dear'], route: 'fallback' },
    { fallbacks: ['dear'] },
    { fallbacks: [{ model: 'dear' }] },
    { draft_model: 'dear' },
    { tools: [{ type: 'image_generation', model: 'dear' }] },
    { providerOptions: { gateway: { models: ['dear'] } } },
  ])('needs the same grant: %j (BerriAI/litellm#26968)', async (fields) => {
    const { status, text } = await send(JSON.stringify({ model: 'cheap', messages: [], ...fields }))
    expect(status).toBe(404)
    expect(text).toContain('no route found for model \\"dear\\"')
    expect(received()).toEqual([])
    const granted = JSON.stringify({ model: 'cheap', messages: [], ...fields }).replaceAll(
      'dear',
      'm',
    )
    expect((await send(granted)).status).toBe(200)
    expect(received()).toEqual([granted])
  })

  it('is refused where it cannot be told', async () => {
    const { status, text } = await send('{"model":"cheap","preset":"any"}')
    expect(status).toBe(400)
    expect(text).toContain('other_models')
  })
})

describe('a body that has to change', () => {
  it('keeps every byte but the model’s name and the option for usage', async () => {
    const body =
      '{"seed":9007199254740993,"stream": true,"tools":[{"function":{"parameters":{"properties":' +
      '{"model":{"const":18446744073709551615}}}}}],"z":"\\u00e9\\/","model":"local/m"}'
    expect((await send(body)).status).toBe(200)
    expect(received()).toEqual([
      body.replace('"local/m"', '"m"').replace('{', '{"stream_options":{"include_usage":true},'),
    ])
  })
})

describe('a coded body', () => {
  const plain = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'héllo' }] })
  const codings = {
    gzip: gzipSync,
    'x-gzip': gzipSync,
    deflate: deflateSync,
    br: brotliCompressSync,
    zstd: zstdCompressSync,
    GZIP: gzipSync,
  }

  it.each(Object.entries(codings))('in %s is judged and sent on plain', async (coding, encode) => {
    const { status } = await send(encode(plain), undefined, { 'content-encoding': coding })
    expect(status).toBe(200)
    expect(received()).toEqual([plain])
    expect(t.upstream.requests[0]?.headers['content-encoding']).toBeUndefined()
  })

  it.each([
    ['zstd', zstdCompressSync],
    ['gzip', gzipSync],
  ] as const)(
    'in %s that does not say so is told what is missing (QuantumNous/new-api#4913)',
    async (coding, encode) => {
      const { status, text } = await send(encode(plain))
      expect(status).toBe(415)
      expect(text).toContain(`Content-Encoding: ${coding}`)
    },
  )

  it('may be a bare deflate stream, as some clients send it', async () => {
    const headers = { 'content-encoding': 'deflate' }
    expect((await send(deflateRawSync(plain), undefined, headers)).status).toBe(200)
  })

  it('is refused where it inflates beyond the limit, and named where its coding is not known', async () => {
    const bomb = gzipSync(Buffer.alloc(70 * 1024, 0x20))
    expect((await send(bomb, undefined, { 'content-encoding': 'gzip' })).status).toBe(413)
    const unknown = await send(plain, undefined, { 'content-encoding': 'compress' })
    expect(unknown.status).toBe(415)
    expect(unknown.text).toContain('gzip, deflate, br, zstd')
    expect(unknown.headers.get('accept-encoding')).toBe('gzip, deflate, br, zstd')
    for (const coding of ['gzip, gzip', 'gzip, br']) {
      expect((await send(plain, undefined, { 'content-encoding': coding })).status).toBe(415)
    }
    expect(received()).toEqual([])
  })

  it.each(['gzip', 'deflate', 'br', 'zstd'] as const)(
    'that is not %s, or half of it, is 400',
    async (coding) => {
      const headers = { 'content-encoding': coding }
      expect((await send('not packed at all', undefined, headers)).status).toBe(400)
      const whole = codings[coding](plain)
      expect((await send(whole.subarray(0, whole.length - 5), undefined, headers)).status).toBe(400)
      expect(received()).toEqual([])
    },
  )
})

describe('counts that clients send for "no limit" and "nothing"', () => {
  it.each(['max_tokens', 'max_completion_tokens', 'best_of'])('pass in %s', async (name) => {
    for (const value of [-1, 0]) {
      const body = JSON.stringify({ model: 'm', [name]: value })
      expect((await send(body, '/v1/completions')).status).toBe(200)
      expect(received()).toContain(body)
    }
    expect((await send(JSON.stringify({ model: 'm', [name]: -2 }))).status).toBe(400)
  })
})

describe('a request that names no model', () => {
  it('is told which it may name where there are several', async () => {
    const { status, text } = await send('{"messages":[]}')
    expect(status).toBe(400)
    expect(text).toContain('local/m, local/cheap, local/image')
  })

  it.each(['/v1/moderations', '/v1/images/generations'])(
    'goes to no provider by %s whose default it may not use',
    async (path) => {
      expect((await send('{"input":"x"}', path)).status).toBe(400)
      expect(received()).toEqual([])
    },
  )
})

describe('a form', () => {
  const part = (name: string, value: string, extra = '') =>
    `--BB\r\nContent-Disposition: form-data; name="${name}"${extra}\r\n\r\n${value}\r\n`
  const form = (text: string, path = '/v1/audio/transcriptions', boundary = 'BB') =>
    send(text, path, { 'content-type': `multipart/form-data; boundary=${boundary}` })

  it('is framed anew, so that nothing of its own framing reaches the provider', async () => {
    const { status } = await form(
      `preamble\r\n${part('file', 'RIFF', '; filename="a.wav"')}${part('model', 'local/m\n')}--BB--\r\nepilogue`,
    )
    expect(status).toBe(200)
    const [body] = received()
    expect(body).not.toMatch(/BB|preamble|epilogue/)
    expect(body).toContain('name="model"\r\n\r\nm\r\n')
    const type = t.upstream.requests[0]?.headers['content-type'] ?? ''
    const boundary = /^multipart\/form-data; boundary=(postern-[0-9a-f]{32})$/.exec(type)?.[1]
    expect(body?.startsWith(`--${boundary}\r\n`)).toBe(true)
  })

  it('that parsers read differently reaches none', async () => {
    for (const text of [
      `${part('model', 'm')}${part('Model', 'dear')}--BB--`,
      `${part('model', 'm')}${part('model', 'dear')}--BB--`,
      `${part('x', 'dear', "; name*=utf-8''model")}${part('model', 'm')}--BB--`,
      `${part('models[]', 'dear')}${part('model', 'm')}--BB--`,
    ]) {
      expect([(await form(text)).status, text]).toEqual([400, text])
    }
    const two = 'multipart/form-data; boundary=BB; boundary=CC'
    const body = `${part('model', 'm')}--BB--`
    expect((await send(body, '/v1/audio/transcriptions', { 'content-type': two })).status).toBe(400)
    expect(received()).toEqual([])
  })

  it.each(['/v1/images/edits', '/v1/audio/transcriptions'])(
    'may be JSON instead by %s, as Ollama takes it',
    async (path) => {
      const body = '{"model":"m","image":"AAAA","prompt":"x"}'
      expect((await send(body, path)).status).toBe(200)
      expect(received()).toEqual([body])
      expect((await send(body, path, { 'content-type': 'text/plain' })).status).toBe(415)
    },
  )
})
