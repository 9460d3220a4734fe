import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readBody } from '../../src/gateway/http/body.ts'
import { createBodyMemory } from '../../src/gateway/http/body-memory.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { open } from '../support/raw.ts'

const alice = `Basic ${btoa('alice:alice-password')}`
const MB = 1024 * 1024

let upstream: FakeUpstream
let gateway: TestGateway
beforeAll(async () => {
  upstream = await startUpstream()
  gateway = await startTestGateway({
    providers: { local: { baseurl: upstream.url, models: ['m'] } },
    limits: { body_idle: '400ms', bodies: '3MiB', bodies_per_caller: '2MiB', body: '2MiB' },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
})

const send = async (
  body: BodyInit,
  headers: Record<string, string> = {},
  path = '/v1/chat/completions',
): Promise<{ readonly status: number }> => {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    body,
    headers: { authorization: alice, 'content-type': 'application/json', ...headers },
  })
  await response.text()
  return { status: response.status }
}

/** ms that `/healthz` took at most while `work` is under way. */
const delayed = async (work: () => Promise<unknown>): Promise<number> => {
  let isOver = false
  const working = work().finally(() => {
    isOver = true
  })
  let longest = 0
  while (!isOver) {
    const started = performance.now()
    await (await fetch(`${gateway.url}/healthz`)).text()
    longest = Math.max(longest, performance.now() - started)
  }
  await working
  return longest
}

describe('a body of unknown length', () => {
  it('takes as much memory as its bytes, however small its chunks are', async () => {
    const memory = createBodyMemory()
    const hold = memory.open('alice', { bodies: 8 * MB, bodiesPerCaller: 8 * MB })
    let largest = 0
    async function* chunks() {
      for (let i = 0; i < 3 * MB; i += 1) {
        if (i % 100_000 === 0) largest = Math.max(largest, process.memoryUsage().heapUsed)
        yield Uint8Array.of(97)
      }
    }
    const request = { headers: new Headers(), body: chunks() } as unknown as Request
    const before = process.memoryUsage().heapUsed
    const bytes = await readBody(request, { limits: { body: 8 * MB, bodyIdle: 60_000 }, hold })
    expect([bytes.length, bytes.every((byte) => byte === 97)]).toEqual([3 * MB, true])
    // Kept as they came they would be three million objects, of a hundred bytes and more each.
    expect(largest - before).toBeLessThan(150 * MB)
  })

  it('is the same whatever its chunks are', async () => {
    for (const sizes of [[1], [1, 40_000, 2], [70_000, 1, 1, 65_536, 3], [32_768, 32_769]]) {
      const pieces = sizes.map((size, at) => new Uint8Array(size).fill(at + 1))
      const request = {
        headers: new Headers(),
        body: (async function* () {
          for (let round = 0; round < 5; round++) yield* pieces
        })(),
      } as unknown as Request
      const limits = { body: 8 * MB, bodyIdle: 60_000 }
      const read = await readBody(request, { limits })
      const expected = Buffer.concat(Array.from({ length: 5 }, () => pieces).flat())
      expect(Buffer.compare(read, expected)).toBe(0)
    }
  })
})

describe('a body that is hard to read', () => {
  it.each([
    [
      'blanks in the header of a part',
      () => {
        const parts = Array.from(
          { length: 100 },
          (_, i) =>
            `--b\r\nContent-Disposition: form-data; name="f${i}"\r\nX-A: a${' '.repeat(8000)}b\r\n\r\nx\r\n`,
        ).join('')
        return send(
          `${parts}--b--\r\n`,
          { 'content-type': 'multipart/form-data; boundary=b' },
          '/v1/audio/transcriptions',
        )
      },
    ],
  ])('for %s holds up nothing else', async (_what, work) => {
    expect(await delayed(work)).toBeLessThan(1000)
  })
})

describe('room for bodies', () => {
  it('is taken back from those who send a byte now and then', async () => {
    const head = [
      'POST /v1/chat/completions HTTP/1.1',
      'Host: localhost',
      `Authorization: ${alice}`,
      'Content-Type: application/json',
      `Content-Length: ${2 * MB}`,
    ]
    const socket = await open(gateway.port, `${head.join('\r\n')}\r\n\r\n{`)
    const dripping = setInterval(() => socket.write(' '), 50)
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString()
    })
    socket.on('error', () => {})
    await expect.poll(() => gateway.state.bodies.used).toBe(2 * MB)
    const large = JSON.stringify({ model: 'm', messages: [], x: 'x'.repeat(1_500_000) })
    await expect.poll(async () => (await send(large)).status, { timeout: 5000 }).toBe(200)
    expect(answer).toMatch(/^HTTP\/1\.1 408/)
    clearInterval(dripping)
    socket.destroy()
  })

  it('is counted by what a packed body comes to', async () => {
    const random = Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString('base64')
    const text = random.slice(0, 80_000)
    const body = JSON.stringify({
      model: 'm',
      messages: [],
      x: text + 'x'.repeat(1_900_000 - text.length),
    })
    expect((await send(gzipSync(body), { 'content-encoding': 'gzip' })).status).toBe(200)
    // Packed it is nearly as long as it is plain: both together would be more than the caller's share.
    const dense = Array.from({ length: 26 }, () =>
      Buffer.from(crypto.getRandomValues(new Uint8Array(48 * 1024))).toString('base64'),
    ).join('')
    const packed = gzipSync(JSON.stringify({ model: 'm', messages: [], x: dense }))
    expect(packed.length).toBeGreaterThan(1_200_000)
    expect((await send(packed, { 'content-encoding': 'gzip' })).status).toBe(200)
    expect(
      (await send(gzipSync(Buffer.alloc(8 * MB, 32)), { 'content-encoding': 'gzip' })).status,
    ).toBe(413)
  })
})

describe('a charset that is not UTF-8', () => {
  it.each([
    'application/json; charset =utf-7',
    'application/json; charset=utf-8; charset=utf-7',
    "application/json; charset*=utf-8''utf-7",
  ])('is refused in every spelling: %s', async (type) => {
    expect((await send('{"model":"m","messages":[]}', { 'content-type': type })).status).toBe(415)
  })

  it('is not needed for a name that some reader trims', async () => {
    for (const end of ['\\u0085', '\\u001c', '\\u001f', ' ']) {
      const { status } = await send(`{"model":"m","messages":[],"model${end}":"other"}`)
      expect([end, status]).toEqual([end, 400])
    }
  })
})
