import { setTimeout as sleep } from 'node:timers/promises'
import {
  brotliCompressSync,
  createGzip,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Behaviour, type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { open, post, until } from '../support/raw.ts'
import { aliceHeaders } from '../support/setup.ts'

const key = 'sk-prov-0123456789abcdef'
const answer = JSON.stringify({
  choices: [{ message: { content: `the key is ${key}` } }],
  usage: { prompt_tokens: 11, completion_tokens: 3 },
})
const json =
  (body: Uint8Array | string, coding: string, status = 200): Behaviour =>
  ({ response }) => {
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-encoding': coding,
      'content-length': Buffer.byteLength(body),
    })
    response.end(body)
  }

const frame = (content: string): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`

let upstreamsLeft = 0
/** Packs as a server's middleware does: each frame is flushed. */
const packedStream =
  (frames: readonly string[], ends: 'ends' | 'dies' | 'stays'): Behaviour =>
  async ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })
    response.on('close', () => {
      upstreamsLeft += 1
    })
    const gzip = createGzip()
    gzip.pipe(response)
    for (const text of frames) {
      gzip.write(text)
      await new Promise<void>((resolve) => gzip.flush(() => resolve()))
      await sleep(100)
    }
    if (ends === 'ends') gzip.end()
    if (ends === 'dies') response.destroy()
  }

const packings = {
  gzip: gzipSync(answer),
  'x-gzip': gzipSync(answer),
  GZIP: gzipSync(answer),
  br: brotliCompressSync(answer),
  deflate: deflateSync(answer),
  'x-deflate': deflateRawSync(answer),
  zstd: zstdCompressSync(answer),
} as const
const labels = ['gzip', 'br', 'deflate', 'zstd', 'utf-8', 'none', 'identity', 'UTF-8, none']
const unknown = ['compress', 'gzip, br', 'dcz']
const large = 64 * 1024 * 1024

const byModel: Readonly<Record<string, Behaviour>> = {
  ...Object.fromEntries(
    Object.entries(packings).map(([coding, body]) => [
      `p-${coding}`,
      json(body, coding === 'x-deflate' ? 'deflate' : coding),
    ]),
  ),
  ...Object.fromEntries(labels.map((label, index) => [`l-${index}`, json(answer, label)])),
  ...Object.fromEntries(
    unknown.map((label, index) => [`u-${index}`, json(gzipSync(answer), label)]),
  ),
  empty: json('', 'gzip', 400),
  stream: packedStream([frame('Hi'), frame(key), frame(' there'), 'data: [DONE]\n\n'], 'ends'),
  dies: packedStream([frame('Hi'), frame(' there')], 'dies'),
  stays: packedStream([frame('Hi')], 'stays'),
  'cut-json': json(gzipSync(answer).subarray(0, -12), 'gzip'),
  bomb: json(gzipSync(`{"x":"${'x'.repeat(large)}"}`), 'gzip'),
}

let upstream: FakeUpstream
let gateway: TestGateway
beforeAll(async () => {
  upstream = await startUpstream({ byModel })
  gateway = await startTestGateway({
    providers: {
      local: { baseurl: upstream.url, apikey: key, models: Object.keys(byModel) },
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
})

const rows = () => gateway.store.usage
const ask = (model: string, stream = false, signal?: AbortSignal) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...aliceHeaders, 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream, messages: [] }),
    ...(signal && { signal }),
  })
const clean = JSON.parse(answer.replace(key, '[redacted]'))

describe('an answer that came packed unasked', () => {
  it.each(Object.keys(packings))('is plain, clean and counted: %s', async (coding) => {
    const before = rows().length
    const response = await ask(`p-${coding}`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-encoding')).toBeNull()
    expect(await response.json()).toEqual(clean)
    await until(() => rows().length > before)
    expect(rows().at(-1)).toMatchObject({ inputTokens: 11, outputTokens: 3, outcome: 'ok' })
  })

  it.each(labels)('is taken for plain where nothing but its label says so: %s', async (label) => {
    const response = await ask(`l-${labels.indexOf(label)}`)
    expect(response.status).toBe(200)
    // Where a length was declared, it is kept.
    expect(JSON.parse((await response.text()).replace(/\*+/, ''))).toEqual(clean)
  })

  it.each(unknown)('is not an answer where nobody here can undo it: %s', async (label) => {
    const before = rows().length
    const response = await ask(`u-${unknown.indexOf(label)}`)
    const body = Buffer.from(await response.arrayBuffer())
    expect(response.status).toBe(502)
    expect(body.includes(gzipSync(answer))).toBe(false)
    expect(JSON.parse(body.toString()).error.code).toBe('upstream_error')
    await until(() => rows().length > before)
    expect(rows().at(-1)).toMatchObject({ outcome: 'upstream_error' })
  })

  it('keeps the status of an error without a body', async () => {
    const response = await ask('empty')
    expect(response.status).toBe(400)
    expect((await response.json()).error.message).toContain('no message')
  })

  it('streams frame by frame', async () => {
    const response = await ask('stream', true)
    const at: number[] = []
    let text = ''
    for await (const bytes of response.body ?? []) {
      at.push(performance.now())
      text += Buffer.from(bytes as Uint8Array).toString()
    }
    expect(text).toContain(frame('[redacted]'))
    expect(text).not.toContain(key)
    expect(at.length).toBeGreaterThanOrEqual(4)
    expect((at.at(-1) ?? 0) - (at[0] ?? 0)).toBeGreaterThan(150)
  })

  it('is broken off where the upstream breaks off', async () => {
    const socket = await open(gateway.port, post({ model: 'dies', stream: true, messages: [] }))
    let text = ''
    socket.on('data', (bytes) => {
      text += bytes.toString()
    })
    socket.on('error', () => {})
    await until(() => socket.destroyed)
    expect(text).toContain('"Hi"')
    expect(text).toContain('The model server broke off its answer.')
    expect(text.endsWith('0\r\n\r\n')).toBe(false)
  })

  it('is never whole where its packing is not', async () => {
    const read = ask('cut-json').then(async (response) => {
      if (!response.ok) throw new Error(String(response.status))
      return response.text()
    })
    await expect(read).rejects.toThrow()
  })

  it('is left as soon as its client leaves', async () => {
    const before = upstreamsLeft
    const left = new AbortController()
    const response = await ask('stays', true, left.signal)
    await response.body?.getReader().read()
    left.abort()
    await until(() => upstreamsLeft > before)
  })

  it('is unpacked no faster than it is read', async () => {
    const response = await ask('bomb')
    const reader = response.body?.getReader()
    await reader?.read()
    await sleep(300)
    const before = process.memoryUsage().rss
    await sleep(300)
    expect(process.memoryUsage().rss - before).toBeLessThan(16 * 1024 * 1024)
    let size = 0
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) {
      size += next.value.length
    }
    expect(size).toBeGreaterThan(large - 100_000)
  })
})
