import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { crc32 } from '../../src/gateway/answer/scrub-frames.ts'
import { type Behaviour, type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { aliceHeaders } from '../support/setup.ts'
import { frame, wrapped } from '../usage/frames.ts'

const key = 'sk-live/Canary+0123456789=='
const password = 'a-long-password'
const header = 'team-secret-0123456789'
const granted = 'granted-secret-0123456789'
const escaped = [...key]
  .map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  .join('')

let host = ''
const sent =
  (type: string, pieces: readonly (string | Uint8Array)[], more: object = {}): Behaviour =>
  async ({ response }) => {
    const { status = 200, ...headers } = more as { status?: number } & Record<string, string>
    response.writeHead(status, { 'content-type': type, ...headers })
    for (const piece of pieces) {
      response.write(piece)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    response.end()
  }

const chunk = (content: string) =>
  `data: {"choices":[{"index":0,"delta":{"content":${content}}}]}\n\n`
const json = 'application/json'
const events = 'text/event-stream'

/** By the model; the host is known only when the upstream listens. */
const behaviours: Readonly<Record<string, () => Behaviour>> = {
  // The key, in every spelling, in what is not an error by its status.
  plain: () => sent(json, [`{"error":{"message":"bad key ${key}"}}`]),
  slash: () => sent(json, [`{"error":{"message":"bad key ${key.replace('/', '\\/')}"}}`]),
  escaped: () => sent(json, [`{"error":{"message":"bad key ${escaped}"}}`]),
  upper: () =>
    sent(json, [
      `{"error":{"message":"bad key ${escaped.replace(/[a-f]/g, (it) => it.toUpperCase())}"}}`,
    ]),
  nested: () => sent(json, [`{"error":{"message":${JSON.stringify(`{"key":"${escaped}"}`)}}}`]),
  'nested-twice': () =>
    sent(json, [`{"error":{"message":${JSON.stringify(JSON.stringify(`{"key":"${escaped}"}`))}}}`]),
  percent: () => sent(json, [`{"error":{"message":"at /?key=${encodeURIComponent(key)}"}}`]),
  'percent-all': () =>
    sent(json, [
      `{"error":{"message":"at /?key=${[...key].map((it) => `%${it.charCodeAt(0).toString(16)}`).join('')}"}}`,
    ]),
  header: () => sent(json, [`{"error":{"message":"bad team ${header} and ${granted}"}}`]),
  length: () => {
    const body = `{"choices":[{"message":{"content":"the key is ${key}."}}]}`
    return sent(json, [body], { 'content-length': String(body.length) })
  },
  'length-late': () => {
    const body = [
      `{"choices":[{"message":{"content":"${'x'.repeat(40_000)} the key is ${key.slice(0, 9)}`,
      `${key.slice(9)}."}}]}`,
    ]
    return sent(json, body, { 'content-length': String(body.join('').length) })
  },
  stream: () =>
    sent(events, [
      chunk('"Hi"'),
      `data: {"error":{"message":"bad key ${key.replace('/', '\\/')}"}}\n\n`,
    ]),
  'stream-cut': () =>
    sent(events, [
      chunk('"Hi"'),
      `data: {"choices":[{"index":0,"delta":{"content":"${key.slice(0, 7)}`,
      key.slice(7, 12),
      `${key.slice(12)}."}}]}\n\n`,
    ]),
  text: () => sent('text/plain', [`no such key: ${key}`], { status: 500 }),
  'error-status': () => sent(json, [`{"error":{"message":"bad key ${escaped}"}}`], { status: 400 }),
  // The address.
  address: () =>
    sent(json, [
      `{"error":{"message":"cannot reach http:\\/\\/${host}\\/v1","type":"server_error"}}`,
    ]),
  'address-last': () => sent(json, [`{"message":"cannot reach ${host}","o`, `bject":"error"}`]),
  'address-stream': () =>
    sent(events, [
      chunk('"Hi"'),
      `data: {"message":"cannot reach ${host.slice(0, 5)}`,
      `${host.slice(5)}","er`,
      `ror":{"code":"gone"}}\n\n`,
    ]),
  'address-named': () => sent(events, ['event: error\n', `data: cannot reach ${host}\n\n`]),
  'address-text': () =>
    sent(events, [chunk(`"Ask 127.0.0.1 or ${host}/v1, please."`), 'data: [DONE]\n\n']),
  'address-cut': () =>
    sent(events, [
      `data: {"choices":[{"index":0,"delta":{"content":"Ask ${host.slice(0, 6)}`,
      `${host.slice(6)}, please."}}]}\n\n`,
      'data: [DONE]\n\n',
    ]),
  'address-json': () =>
    sent(json, [`{"choices":[{"message":{"content":"Ask ${host}, please."}}]}`]),
  // What is not a secret.
  words: () =>
    sent(
      json,
      [
        '{"error":{"message":"true, since 2025: ollama is required, local-no-auth","valid":true,"year":2025}}',
      ],
      { status: 400 },
    ),
  // Packed, and not UTF-8.
  ...Object.fromEntries(
    Object.entries({
      gzip: gzipSync,
      br: brotliCompressSync,
      deflate: deflateSync,
      zstd: zstdCompressSync,
    }).map(([coding, pack]) => [
      `packed-${coding}`,
      () => {
        const body = pack(
          `{"error":{"message":"bad key ${key} at ${host}","type":"invalid_request_error","code":"bad"}}`,
        )
        return sent(json, [body], {
          status: 400,
          'content-encoding': coding,
          'content-length': String(body.length),
        })
      },
    ]),
  ),
  'packed-not': () =>
    sent(json, [`{"error":{"message":"bad key ${key}"}}`], {
      status: 400,
      'content-encoding': 'gzip',
    }),
  'packed-unknown': () =>
    sent(json, [gzipSync(`{"error":"${key}"}`)], {
      status: 429,
      'content-encoding': 'compress',
      'retry-after': '7',
    }),
  latin1: () =>
    sent('text/plain; charset=iso-8859-1', [Buffer.from('Modèle occupé', 'latin1')], {
      status: 500,
    }),
  binary: () =>
    sent('application/octet-stream', [Uint8Array.from({ length: 256 }, (_, i) => i)], {
      status: 500,
    }),
}

const amazon = {
  path: '/bedrock/model/frames/converse-stream',
  bodies: [
    frame(`{"contentBlockIndex":0,"delta":{"text":"the key is ${key}."}}`),
    wrapped({ type: 'x', text: key }),
    frame('{"delta":{}}'),
  ],
}

let upstream: FakeUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startUpstream(async (exchange) => {
    const { path } = exchange.request
    if (path.endsWith('/models')) return false
    const amazons = sent(
      'application/vnd.amazon.eventstream',
      amazon.bodies.flatMap((it) => [it.slice(0, 20), it.slice(20)]),
    )
    const model = String(exchange.json.model)
    await (path.includes('converse') ? amazons : behaviours[model]!())(exchange)
    return true
  })
  host = `127.0.0.1:${upstream.port}`
  const models = [...Object.keys(behaviours), 'frames']
  const common = { baseurl: upstream.url, models, apikey: key }
  gateway = await startTestGateway({
    providers: {
      local: {
        ...common,
        add_headers: [`x-team: ${header}`, 'x-flag: true', 'x-since: 2025'],
        compatibility: { openai_chat: true, bedrock_converse: true },
      },
      ollama: { ...common, apikey: 'ollama', add_headers: ['x-a: required', 'x-b: local-no-auth'] },
      basic: {
        ...common,
        apikey: '',
        add_headers: [`authorization: Basic ${btoa(`user:${password}`)}`],
      },
    },
    grants: [
      {
        src: ['alice@example.com'],
        app: {
          'tailscale.com/cap/aperture': [
            { role: 'user', models: '**', add_headers: [`x-granted: ${granted}`] },
          ],
        },
      },
    ],
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
})

const asked = async (model: string, stream = false) => {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: aliceHeaders,
    body: JSON.stringify({ model, stream, messages: [] }),
  })
  return { response, text: await response.text() }
}

/** Undoes JSON, as often as it was made, and percent signs. */
const decoded = (text: string): string => {
  let plain = text
  for (let i = 0; i < 4; i++) {
    plain = plain
      .replace(/\\u([0-9a-f]{4})/gi, (_, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      )
      .replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      )
      .replace(/\\([/"\\])/g, '$1')
  }
  return plain
}

describe('our key for a provider', () => {
  it.each([
    'plain',
    'slash',
    'escaped',
    'upper',
    'nested',
    'nested-twice',
    'percent',
    'percent-all',
    'header',
  ])('is not in an error that came with a 200: %s', async (model) => {
    const { response, text } = await asked(`local/${model}`)
    expect(response.status).toBe(200)
    expect(JSON.parse(text).error.message).toContain('[redacted]')
    for (const secret of [key, header, granted]) expect(decoded(text)).not.toContain(secret)
  })

  it.each(['stream', 'stream-cut'])('is not in a stream: %s', async (model) => {
    const { text } = await asked(`local/${model}`, true)
    expect(text).toContain('"Hi"')
    expect(text).toContain('[redacted]')
    expect(decoded(text)).not.toContain(key.slice(8))
    for (const [, data = ''] of text.matchAll(/^data: (.*)$/gm))
      expect(() => JSON.parse(data)).not.toThrow()
  })

  it.each(['length', 'length-late'])(
    'is not in an answer of declared length, which stays right: %s',
    async (model) => {
      const { response, text } = await asked(`local/${model}`)
      expect(response.headers.get('content-length')).toBe(String(text.length))
      expect(JSON.parse(text).choices[0].message.content).toMatch(/the key is \[redacted\]\**\.$/)
    },
  )

  it.each([
    ['text', 500],
    ['error-status', 400],
  ])('is not in an error: %s', async (model, status) => {
    const { response, text } = await asked(`local/${model}`)
    expect(response.status).toBe(status)
    expect(text).toContain('[redacted]')
    expect(decoded(text)).not.toContain(key)
  })

  it('is not in Amazon’s frames, whose lengths and checksums stay right', async () => {
    const response = await fetch(gateway.url + amazon.path, {
      method: 'POST',
      headers: aliceHeaders,
      body: '{}',
    })
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(bytes.length).toBe(amazon.bodies.reduce((sum, { length }) => sum + length, 0))
    const [first, second] = [amazon.bodies[0]!.length, amazon.bodies[1]!.length]
    expect(bytes.readUInt32BE(first - 4)).toBe(crc32(bytes.subarray(0, first - 4)))
    expect(bytes.toString('latin1')).not.toContain(key)
    const inner = JSON.parse(
      bytes.subarray(bytes.indexOf('{"bytes"'), first + second - 4).toString(),
    ).bytes
    expect(Buffer.from(inner, 'base64').toString()).toMatch(/"\[redacted\]\**"/)
  })

  it('is not in an error as the password that it holds', async () => {
    const before = behaviours.plain
    Object.assign(behaviours, {
      plain: () => sent(json, [`{"error":"no user:${password}, ${password}!"}`]),
    })
    expect((await asked('basic/plain')).text).toBe('{"error":"no [redacted], [redacted]!"}')
    Object.assign(behaviours, { plain: before })
  })
})

describe('a provider’s address', () => {
  it.each([
    ['address', false],
    ['address-last', false],
    ['address-stream', true],
    ['address-named', true],
  ])('is not in an error: %s', async (model, stream) => {
    const { text } = await asked(`local/${model}`, stream)
    expect(text).toContain('cannot reach ')
    expect(decoded(text)).not.toContain(String(upstream.port))
    if (!stream) expect(JSON.parse(text)).toBeDefined()
  })

  it.each([
    ['address-text', true],
    ['address-cut', true],
    ['address-json', false],
  ])('may be named by an answer: %s', async (model, stream) => {
    expect((await asked(`local/${model}`, stream)).text).toContain(`${host}`)
  })
})

describe('a word', () => {
  it.each(['local', 'ollama'])(
    'is not taken out for being in a header of ours: %s',
    async (provider) => {
      const { text } = await asked(`${provider}/words`)
      expect(JSON.parse(text)).toEqual({
        error: {
          message: 'true, since 2025: ollama is required, local-no-auth',
          valid: true,
          year: 2025,
        },
      })
    },
  )
})

describe('an error that came packed', () => {
  it.each(['gzip', 'br', 'deflate', 'zstd'])('is read by a client, clean: %s', async (coding) => {
    const { response, text } = await asked(`local/packed-${coding}`)
    expect(response.status).toBe(400)
    expect(response.headers.get('content-encoding')).toBeNull()
    expect(response.headers.get('content-length')).toBe(String(text.length))
    expect(JSON.parse(text)).toEqual({
      error: {
        message: 'bad key [redacted] at [redacted]',
        type: 'invalid_request_error',
        code: 'bad',
      },
    })
  })

  it('is read by OpenAI’s SDK', async () => {
    const defaultHeaders = { authorization: aliceHeaders.authorization }
    const client = new OpenAI({
      baseURL: `${gateway.url}/v1`,
      apiKey: 'x',
      defaultHeaders,
      maxRetries: 0,
    })
    const request = client.chat.completions.create({ model: 'local/packed-gzip', messages: [] })
    await expect(request).rejects.toMatchObject({ status: 400, code: 'bad' })
  })

  it('is read by curl --compressed', async () => {
    const { stdout } = await promisify(execFile)('curl', [
      ...[
        '-s',
        '--compressed',
        '-u',
        'alice:alice-password',
        '-H',
        'content-type: application/json',
      ],
      ...[
        '-d',
        '{"model":"local/packed-gzip","messages":[]}',
        `${gateway.url}/v1/chat/completions`,
      ],
    ])
    expect(JSON.parse(stdout).error.code).toBe('bad')
  })

  it('is plain where it was packed by its label only', async () => {
    const { response, text } = await asked('local/packed-not')
    expect(response.headers.get('content-encoding')).toBeNull()
    expect(JSON.parse(text).error.message).toBe('bad key [redacted]')
  })

  it('is one of ours where nothing can be read, with status and time to wait', async () => {
    const { response, text } = await asked('local/packed-unknown')
    expect(response.status).toBe(429)
    expect(response.headers.get('retry-after')).toBe('7')
    expect(response.headers.get('content-encoding')).toBeNull()
    expect(JSON.parse(text).error).toMatchObject({
      type: 'rate_limit_error',
      code: 'upstream_error',
    })
  })
})

describe('an error that is not UTF-8', () => {
  it.each([
    ['latin1', Buffer.from('Modèle occupé', 'latin1')],
    ['binary', Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
  ])('passes unbroken: %s', async (model, bytes) => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: aliceHeaders,
      body: JSON.stringify({ model: `local/${model}`, messages: [] }),
    })
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes)
  })
})
