import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { createTransport, type Transport } from '../../src/adapter/node/http/transport.ts'
import type {
  UpstreamCall,
  UpstreamError,
  UpstreamRequest,
  UpstreamSink,
} from '../../src/platform/upstream.ts'
import { chatStream, flood, raw, redirect, startUpstream } from '../support/fake-upstream.ts'
import { selfSigned } from './self-signed.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const upstream = async (...args: Parameters<typeof startUpstream>) => {
  const started = await startUpstream(...args)
  cleanups.push(() => started.stop())
  return started
}

const transport = (): Transport => {
  const created = createTransport()
  cleanups.push(() => created.close())
  return created
}

/** A server that does with a connection whatever the test says. */
const bare = async (onSocket: (socket: Socket, index: number) => void) => {
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => {
    socket.on('error', () => {})
    sockets.push(socket)
    onSocket(socket, sockets.length - 1)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve)
        for (const socket of sockets) socket.destroy()
      }),
  )
  const { port } = server.address() as { port: number }
  return { origin: `http://127.0.0.1:${port}`, port, sockets }
}

interface Seen {
  status: number
  headers: readonly (readonly [string, string])[]
  chunks: Uint8Array[]
  outcome: 'end' | UpstreamError
}

/** Plays one exchange to its end; the calls of the sink are counted, so that a second end would show. */
const play = (
  { send }: Transport,
  request: Partial<UpstreamRequest> & { origin: string },
  on: { head?: (call: () => UpstreamCall) => void; data?: (call: () => UpstreamCall) => void } = {},
): { call: UpstreamCall; done: Promise<Seen>; calls: string[] } => {
  const calls: string[] = []
  const { promise, resolve } = Promise.withResolvers<Seen>()
  const seen: Omit<Seen, 'outcome'> = { status: 0, headers: [], chunks: [] }
  const sink: UpstreamSink = {
    head: (status, headers) => {
      calls.push('head')
      Object.assign(seen, { status, headers })
      on.head?.(() => call)
    },
    data: (chunk) => {
      calls.push('data')
      seen.chunks.push(chunk)
      on.data?.(() => call)
    },
    end: () => {
      calls.push('end')
      resolve({ ...seen, outcome: 'end' })
    },
    error: (error) => {
      calls.push('error')
      resolve({ ...seen, outcome: error })
    },
  }
  const call = send(
    { path: '/v1/chat/completions', method: 'POST', headers: [], body: null, ...request },
    sink,
  )
  return { call, done: promise, calls }
}

const chatBody = (model: string, more: object = {}) =>
  new TextEncoder().encode(JSON.stringify({ model, messages: [], ...more }))
const text = (seen: Seen) => Buffer.concat(seen.chunks).toString()
const failure = (seen: Seen) => {
  if (seen.outcome === 'end') throw new Error('ended cleanly')
  return seen.outcome
}

test('passes status, lower-cased headers and every byte, and tells the end once', async () => {
  const { url } = await upstream({
    byModel: { m: raw(418, { 'X-Answer': 'A, b', 'Set-Cookie': 'é=1' }, '{"ok":true}') },
  })
  const { done, calls } = play(transport(), { origin: url, body: chatBody('m') })
  const seen = await done
  expect(seen.status).toBe(418)
  expect(seen.headers).toContainEqual(['x-answer', 'A, b'])
  expect(seen.headers).toContainEqual(['set-cookie', 'é=1'])
  expect(text(seen)).toBe('{"ok":true}')
  expect(calls.filter((name) => name !== 'data')).toEqual(['head', 'end'])
})

test('sends path, headers and body as given, and nothing of its own but framing', async () => {
  const fake = await upstream()
  const body = chatBody('m')
  const headers = [
    ['authorization', 'Bearer k'],
    ['content-type', 'application/json'],
  ] as const
  await play(transport(), { origin: fake.url, path: '/v1/x?beta=1', headers, body }).done
  const [request] = fake.requests
  expect(request?.path).toBe('/v1/x?beta=1')
  expect(request?.body).toBe(Buffer.from(body).toString())
  expect(Object.keys(request?.headers ?? {}).toSorted((a, b) => a.localeCompare(b))).toEqual([
    'authorization',
    'connection',
    'content-length',
    'content-type',
    'host',
  ])
})

test('does not follow a redirect: the key and the prompt stay', async () => {
  const thief = await upstream()
  const fake = await upstream({ byModel: { m: redirect(`${thief.url}/steal`) } })
  const seen = await play(transport(), {
    origin: fake.url,
    headers: [['x-api-key', 'secret']],
    body: chatBody('m'),
  }).done
  expect(seen.status).toBe(307)
  expect(thief.requests).toEqual([])
})

test('does not decompress', async () => {
  const { url } = await upstream({
    byModel: { m: raw(200, { 'content-encoding': 'gzip' }, 'not really gzip') },
  })
  expect(text(await play(transport(), { origin: url, body: chatBody('m') }).done)).toBe(
    'not really gzip',
  )
})

test('passes frames on as they come', async () => {
  const { url } = await upstream({
    byModel: { m: chatStream({ gap: 30, frames: ['a', 'b', 'c'] }) },
  })
  const at: number[] = []
  const body = chatBody('m', { stream: true })
  await play(transport(), { origin: url, body }, { data: () => at.push(performance.now()) }).done
  expect(at.length).toBeGreaterThanOrEqual(4)
  expect(at.at(-1)! - at[0]!).toBeGreaterThan(60)
})

test.each(['rst', 'fin'] as const)(
  'a chunked answer that breaks off by %s is an error, never an end',
  async (how) => {
    const { url } = await upstream()
    const body = chatBody(`dies-${how}`, { stream: true })
    const seen = await play(transport(), { origin: url, body }).done
    expect(seen.status).toBe(200)
    expect(seen.chunks.length).toBeGreaterThan(0)
    expect(failure(seen).kind).toBe('broken')
  },
)

test('an answer shorter than its content-length is an error', async () => {
  const { origin } = await bare((socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort')),
  )
  const { done, calls } = play(transport(), { origin, body: chatBody('m') })
  expect(failure(await done).kind).toBe('broken')
  expect(calls).not.toContain('end')
})

test('an answer without a length ends with its connection', async () => {
  const { origin } = await bare((socket) =>
    socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nuntil the end')),
  )
  const seen = await play(transport(), { origin, body: chatBody('m') }).done
  expect(seen.outcome).toBe('end')
  expect(text(seen)).toBe('until the end')
})

test('1xx answers are not the answer', async () => {
  const { origin } = await bare((socket) =>
    socket.once('data', () =>
      socket.end(
        'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
      ),
    ),
  )
  const { done, calls } = play(transport(), { origin, body: chatBody('m') })
  expect((await done).status).toBe(200)
  expect(calls.filter((name) => name === 'head')).toHaveLength(1)
})

test.each([
  ['not HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
  [
    'both lengths',
    'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd'],
])('an answer that is %s is an error', async (_name, bytes) => {
  const { origin } = await bare((socket) => socket.once('data', () => socket.end(bytes)))
  expect(failure(await play(transport(), { origin, body: chatBody('m') }).done).kind).toBe('broken')
})

test('a refused connection is `connect`: another candidate may be tried', async () => {
  const { port, sockets } = await bare(() => {})
  for (const cleanup of cleanups.splice(0)) await cleanup()
  const seen = await play(transport(), { origin: `http://127.0.0.1:${port}`, body: chatBody('m') })
    .done
  expect(failure(seen).kind).toBe('connect')
  expect(sockets).toEqual([])
})

test('a name that does not resolve is `connect`', async () => {
  const { done } = play(transport(), { origin: 'http://model.invalid', body: chatBody('m') })
  expect(failure(await done).kind).toBe('connect')
})

test('a header that cannot be sent is `connect`, and does not throw', async () => {
  const fake = await upstream()
  const headers = [['x-label', 'a\r\nx-evil: 1']] as const
  const { done } = play(transport(), { origin: fake.url, headers, body: chatBody('m') })
  expect(failure(await done).kind).toBe('connect')
  expect(fake.requests).toEqual([])
})

test('a certificate nobody vouches for is `connect`: no key goes out', async () => {
  const received: string[] = []
  const server = createTlsServer(selfSigned, (socket) =>
    socket.on('data', (data) => received.push(data.toString())),
  )
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => new Promise((resolve) => server.close(resolve)))
  const { port } = server.address() as { port: number }
  const { done } = play(transport(), { origin: `https://localhost:${port}`, body: chatBody('m') })
  expect(failure(await done).kind).toBe('connect')
  expect(received).toEqual([])
})

test('an upstream that dies before it answers is `broken`: it may have been at work', async () => {
  const { origin, sockets } = await bare((socket) => socket.once('data', () => socket.destroy()))
  expect(failure(await play(transport(), { origin, body: chatBody('m') }).done).kind).toBe('broken')
  expect(sockets).toHaveLength(1)
})

test('a GET whose connection is lost before an answer is sent once more, a POST never', async () => {
  const { origin, sockets } = await bare((socket, index) =>
    socket.once('data', () =>
      index === 0 ? socket.destroy() : socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
    ),
  )
  const seen = await play(transport(), { origin, method: 'GET' }).done
  expect(seen.outcome).toBe('end')
  expect(sockets).toHaveLength(2)
})

test('a GET is not sent a third time', async () => {
  const { origin, sockets } = await bare((socket) => socket.once('data', () => socket.destroy()))
  expect(failure(await play(transport(), { origin, method: 'GET' }).done).kind).toBe('broken')
  expect(sockets).toHaveLength(2)
})

test('abort before the first byte closes the upstream within 100 ms', async () => {
  const fake = await upstream()
  const { call, calls } = play(transport(), { origin: fake.url, body: chatBody('silent') })
  await fake.received()
  const left = performance.now()
  call.abort()
  await fake.closed()
  expect(fake.closedAt[0]! - left).toBeLessThan(100)
  expect(calls).toEqual([])
})

test('abort in the middle of a stream closes the upstream within 100 ms, and nothing comes after', async () => {
  const fake = await upstream({
    byModel: { m: chatStream({ gap: 10, frames: Array(500).fill('x') }) },
  })
  let left = 0
  const { calls } = play(
    transport(),
    { origin: fake.url, body: chatBody('m', { stream: true }) },
    {
      data: (call) => {
        left = performance.now()
        call().abort()
        call().abort()
      },
    },
  )
  await fake.closed()
  expect(fake.closedAt[0]! - left).toBeLessThan(100)
  await sleep(30)
  expect(calls).toEqual(['head', 'data'])
})

test('abort before there is a connection sends nothing', async () => {
  const fake = await upstream()
  const { call, calls } = play(transport(), { origin: fake.url, body: chatBody('m') })
  call.abort()
  const other = play(transport(), { origin: fake.url, body: chatBody('m') })
  await other.done
  expect(fake.requests).toHaveLength(1)
  expect(calls).toEqual([])
})

test('pause stops reading: the rest stays with the upstream', async () => {
  const fake = await upstream({ byModel: { m: flood(100_000_000) } })
  const before = process.memoryUsage().rss
  let received = 0
  const paused = Promise.withResolvers<UpstreamCall>()
  play(
    transport(),
    { origin: fake.url, body: chatBody('m') },
    {
      data: (call) => {
        if (received++ > 0) return
        call().pause()
        paused.resolve(call())
      },
    },
  )
  const call = await paused.promise
  let sent = -1
  while (sent !== fake.sent) {
    sent = fake.sent
    await sleep(100)
  }
  // What the kernel's socket buffers took, not the hundred megabytes.
  expect(sent).toBeLessThan(20_000_000)
  expect(process.memoryUsage().rss - before).toBeLessThan(40_000_000)
  expect(received).toBeLessThan(5)
  call.abort()
  await fake.closed()
})

test('resume goes on where pause stopped, with no byte lost', async () => {
  const fake = await upstream({ byModel: { m: flood(3_000_000) } })
  const seen = await play(
    transport(),
    { origin: fake.url, body: chatBody('m') },
    {
      head: (call) => {
        queueMicrotask(() => call().pause())
        setTimeout(() => call().resume(), 20)
      },
      data: (call) => {
        call().pause()
        setImmediate(() => call().resume())
      },
    },
  ).done
  expect(seen.outcome).toBe('end')
  expect(Buffer.concat(seen.chunks).length).toBe(fake.sent)
})

test('uploads a stream at the pace of the upstream', async () => {
  const { origin, sockets } = await bare((socket) => socket.pause())
  let pulled = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        pulled += 64_000
        controller.enqueue(new Uint8Array(64_000))
        if (pulled >= 100_000_000) controller.close()
      },
    },
    { highWaterMark: 0 },
  )
  const { call } = play(transport(), { origin, body })
  let before = -1
  while (before !== pulled || pulled === 0) {
    before = pulled
    await sleep(100)
  }
  expect(pulled).toBeLessThan(20_000_000)
  call.abort()
  expect(sockets).toHaveLength(1)
})

test('an upload that fails is an error, and the upstream gets no clean end', async () => {
  const fake = await upstream()
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(new Uint8Array(10))
      setTimeout(() => controller.error(new Error('the client left')), 20)
    },
  })
  expect(failure(await play(transport(), { origin: fake.url, body }).done).kind).toBe('broken')
  expect(fake.requests).toEqual([])
})

test('keeps a sound connection and reuses it', async () => {
  const fake = await upstream()
  const sender = transport()
  for (let i = 0; i < 3; i++) {
    await play(sender, { origin: fake.url, body: chatBody('m') }).done
    // undici frees a connection in the next turn of the event loop.
    await new Promise(setImmediate)
  }
  expect(new Set(fake.requests.map(({ port }) => port)).size).toBe(1)
})

test('does not reuse a connection on which more came than was asked for', async () => {
  const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
  const { origin, sockets } = await bare((socket, index) =>
    socket.on('data', () =>
      socket.write(index === 0 ? answer + answer.replace('ok', 'no') : answer),
    ),
  )
  const sender = transport()
  await play(sender, { origin, body: chatBody('m') }).done
  await new Promise(setImmediate)
  const second = await play(sender, { origin, body: chatBody('m') }).done
  expect(text(second)).toBe('ok')
  expect(sockets).toHaveLength(2)
})

test('does not reuse a connection whose exchange was given up', async () => {
  const fake = await upstream()
  const sender = transport()
  const { call } = play(sender, { origin: fake.url, body: chatBody('silent') })
  await fake.received()
  call.abort()
  const seen = await play(sender, { origin: fake.url, body: chatBody('m') }).done
  expect(seen.outcome).toBe('end')
  expect(fake.requests[0]?.port).not.toBe(fake.requests[1]?.port)
})

test('one slow answer holds up no other', async () => {
  const fake = await upstream()
  const sender = transport()
  const slow = play(sender, { origin: fake.url, body: chatBody('silent') })
  await fake.received()
  const seen = await play(sender, { origin: fake.url, body: chatBody('m') }).done
  expect(seen.status).toBe(200)
  slow.call.abort()
})

test('takes no proxy from the environment', async () => {
  const proxy = await upstream()
  const fake = await upstream()
  process.env.http_proxy = proxy.url
  process.env.HTTP_PROXY = proxy.url
  cleanups.push(async () => {
    delete process.env.http_proxy
    delete process.env.HTTP_PROXY
  })
  await play(transport(), { origin: fake.url, body: chatBody('m') }).done
  expect(proxy.requests).toEqual([])
  expect(fake.requests).toHaveLength(1)
})

test('close ends what is running with an error', async () => {
  const fake = await upstream()
  const sender = createTransport()
  const { done } = play(sender, { origin: fake.url, body: chatBody('silent') })
  await fake.received()
  await sender.close()
  expect(failure(await done).kind).toBe('broken')
})
