import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Behaviour, type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { open, post, until } from '../support/raw.ts'

const key = 'sk-live-0123456789abcdef'
const chunk = 'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'

/** Without a length and without chunks: only the end of the connection says that it is over. */
const closing =
  (body: string): Behaviour =>
  ({ response }) => {
    const head = ['HTTP/1.1 200 OK', 'content-type: text/event-stream', 'connection: close']
    response.socket?.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  }

const json =
  (body: string | Uint8Array, status = 200, headers: Record<string, string> = {}): Behaviour =>
  ({ response }) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  }

const completion = '{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}'
const repeating = {
  'x-request-id': key,
  'openai-organization': `org of ${key}`,
  'x-ratelimit-limit-requests': '5',
}
const byModel: Readonly<Record<string, Behaviour>> = {
  'in-value': closing(`${chunk}data: {"choices":[{"del`),
  'in-name': closing(`${chunk}da`),
  'in-done': closing(`${chunk}data: [DON`),
  'without-blank': closing(`${chunk}data: [DONE]`),
  'without-done': closing(chunk),
  'last-unfinished': closing(chunk.trimEnd()),
  headers: json(completion, 200, repeating),
  'headers-error': json('{"message":"no"}', 400, { ...repeating, 'x-amzn-errortype': key }),
  'packed-error': json(gzipSync(`{"error":{"message":"no","code":"${key}"}}`), 200, {
    'content-encoding': 'gzip',
  }),
  'charged-error': json(
    '{"error":{"message":"no"},"usage":{"prompt_tokens":1000000,"completion_tokens":1000000}}',
    429,
  ),
  odd: json(
    '{"choices":[{"message":{"content":"four words of text"}}],"usage":{"prompt_tokens":10,"completion_tokens":-5}}',
  ),
}

let upstream: FakeUpstream
let gateway: TestGateway
beforeAll(async () => {
  upstream = await startUpstream({ byModel })
  gateway = await startTestGateway({
    providers: {
      local: {
        baseurl: upstream.url,
        apikey: key,
        models: Object.keys(byModel),
        prices: { '*': { input: 1, output: 1 } },
      },
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
})

const rows = () => gateway.store.usage

/** A head, and as much behind it as it says. */
const isOver = (text: string): boolean => {
  const length = /^content-length: (\d+)/im.exec(text)?.[1]
  const head = text.indexOf('\r\n\r\n')
  return (
    head >= 0 && length !== undefined && Buffer.byteLength(text.slice(head + 4)) >= Number(length)
  )
}

/** All that a client gets, as bytes, and the row. */
const asked = async (model: string, stream: boolean) => {
  const before = rows().length
  const socket = await open(gateway.port, post({ model, stream, messages: [] }))
  let text = ''
  socket.on('data', (bytes) => {
    text += bytes.toString()
  })
  socket.on('error', () => {})
  await until(() => rows().length > before)
  await until(() => socket.destroyed || text.endsWith('0\r\n\r\n') || (!stream && isOver(text)))
  socket.destroy()
  return { text, row: rows().at(-1) }
}

describe('a stream that ends with its connection', () => {
  it.each(['in-value', 'in-name', 'in-done'])(
    'is broken off where it ends within an event: %s',
    async (model) => {
      const { text, row } = await asked(model, true)
      expect(text).toContain('The model server broke off its answer.')
      expect(text.endsWith('0\r\n\r\n')).toBe(false)
      expect(row).toMatchObject({ outcome: 'upstream_error' })
    },
  )

  it.each(['without-blank', 'without-done', 'last-unfinished'])(
    'is whole where its last event is: %s',
    async (model) => {
      const { text, row } = await asked(model, true)
      expect(text).not.toContain('broke off')
      expect(text.endsWith('0\r\n\r\n')).toBe(true)
      expect(row).toMatchObject({ outcome: 'ok' })
    },
  )
})

describe('our key for a provider', () => {
  it.each(['headers', 'headers-error'])('is in no header of its answer: %s', async (model) => {
    const { text, row } = await asked(model, false)
    expect(text).not.toContain(key)
    expect(text.toLowerCase()).toContain('x-ratelimit-limit-requests: 5')
    expect(JSON.stringify(row)).not.toContain(key)
  })

  it('is not the code of an error that came packed', async () => {
    const { row } = await asked('packed-error', false)
    expect(row).toMatchObject({ outcome: 'upstream_error', errorCode: 'upstream_error' })
  })
})

describe('what an answer tells of its usage', () => {
  it('is not charged with an error', async () => {
    const { row } = await asked('charged-error', false)
    expect(row).toMatchObject({
      status: 429,
      inputTokens: 0,
      outputTokens: 0,
      tokensSource: 'none',
    })
    expect(row?.costNanousd ?? 0).toBe(0)
  })

  it('is not believed in part', async () => {
    const { row } = await asked('odd', false)
    expect(row).toMatchObject({ status: 200, tokensSource: 'estimated' })
    expect(row?.outputTokens).toBeGreaterThan(0)
  })
})
