import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { open, post, until } from '../support/raw.ts'
import { chat, together } from '../support/setup.ts'

const t = together()
const lastRow = () => t.gateway.store.usage.at(-1)

const rowsSoFar = () => t.gateway.store.usage.length
const nextRow = async (before: number) => {
  await until(() => rowsSoFar() > before)
  return lastRow()
}

describe('a stream', () => {
  it('passes byte for byte when the client asked for usage itself', async () => {
    const body = { model: 'm', stream: true, stream_options: { include_usage: true }, messages: [] }
    const direct = await fetch(`${t.upstream.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    const through = await chat(t.url, body)
    expect(await through.text()).toBe(await direct.text())
    expect(through.headers.get('content-type')).toBe('text/event-stream')
    expect(through.headers.get('cache-control')).toBe('no-cache, no-transform')
    expect(through.headers.get('x-accel-buffering')).toBe('no')
    expect(through.headers.get('server-timing')).toMatch(
      /^gateway;dur=[\d.]+, upstream;dur=[\d.]+$/,
    )
  })

  it.each([undefined, null, { include_usage: false }])(
    'has its tokens counted, and shows no usage frame, when stream_options is %j',
    async (stream_options) => {
      const before = rowsSoFar()
      const response = await chat(t.url, { model: 'm', stream: true, stream_options })
      const text = await response.text()
      expect(text).not.toContain('"choices":[]')
      expect(text).toContain('data: [DONE]')
      expect(JSON.parse(t.upstream.requests.at(-1)?.body ?? '').stream_options.include_usage).toBe(
        true,
      )
      expect(await nextRow(before)).toMatchObject({
        outcome: 'ok',
        tokensSource: 'reported',
        inputTokens: 11,
        outputTokens: 6,
        cachedTokens: 3,
        reasoningTokens: 2,
      })
    },
  )

  it('is estimated, and marked so, when the upstream tells no usage', async () => {
    const before = rowsSoFar()
    await (await chat(t.url, { model: 'usage-none', stream: true })).text()
    const row = await nextRow(before)
    expect(row).toMatchObject({ outcome: 'ok', tokensSource: 'estimated', outputTokens: 7 })
    expect(row?.inputTokens).toBeGreaterThan(0)
  })

  it('is not guessed at where bytes say nothing about tokens', async () => {
    const before = rowsSoFar()
    const path = '/v1/messages/count_tokens'
    expect((await chat(t.url, { model: 'm' }, { path })).status).toBe(200)
    expect(await nextRow(before)).toMatchObject({ outcome: 'ok', tokensSource: 'none' })
  })

  it('sends its first frame on before the second one exists', async () => {
    const started = performance.now()
    const response = await chat(t.url, { model: 'slow', stream: true })
    const reader = response.body?.getReader()
    await reader?.read()
    const first = performance.now() - started
    while (!(await reader?.read())?.done);
    expect(performance.now() - started - first).toBeGreaterThan(60)
  })
})

describe('an upstream that dies', () => {
  it.each(['dies-rst', 'dies-fin'])(
    '%s: the bytes so far arrive, then an error, never an end',
    async (model) => {
      const before = rowsSoFar()
      const socket = await open(t.port, post({ model, stream: true, messages: [] }))
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk.toString()
      })
      await new Promise((resolve) => socket.once('close', resolve))
      expect(text).toContain('Hello')
      expect(text).toContain('"code":"upstream_error"')
      expect(text).not.toContain('[DONE]')
      expect(text).not.toMatch(/\r\n0\r\n\r\n$/)
      expect(text).not.toContain('127.0.0.1')
      expect(await nextRow(before)).toMatchObject({ status: 200, outcome: 'upstream_error' })
      expect(lastRow()?.outputTokens).toBeGreaterThan(0)
    },
  )

  it('tells an Anthropic client in its own dialect', async () => {
    const socket = await open(
      t.port,
      post({ model: 'dies-fin', stream: true, messages: [] }, { path: '/v1/messages' }),
    )
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString()
    })
    await new Promise((resolve) => socket.once('close', resolve))
    expect(text).toContain('event: error\ndata: {"type":"error","error":{"type":"api_error"')
    expect(text).not.toMatch(/\r\n0\r\n\r\n$/)
  })
})

describe('a client that leaves', () => {
  it.each([
    ['before the first byte', 'silent', false],
    ['before the first byte of a stream', 'silent', true],
  ])(
    '%s: the upstream is stopped within 100 ms and the row says so',
    async (_when, model, stream) => {
      const before = rowsSoFar()
      const closes = t.upstream.closes
      const received = t.upstream.requests.length
      const socket = await open(t.port, post({ model, stream, messages: [] }))
      await t.upstream.received(received + 1)
      const left = performance.now()
      socket.destroy()
      await t.upstream.closed(closes + 1)
      expect((t.upstream.closedAt.at(-1) ?? 0) - left).toBeLessThan(100)
      expect(await nextRow(before)).toMatchObject({
        status: 499,
        outcome: 'client_gone',
        tokensSource: 'estimated',
      })
      expect(lastRow()?.inputTokens).toBeGreaterThan(0)
    },
  )

  it('in the middle of a stream: stopped within 100 ms, billed for what it had', async () => {
    const before = rowsSoFar()
    const closes = t.upstream.closes
    const socket = await open(t.port, post({ model: 'slow', stream: true, messages: [] }))
    let text = ''
    await new Promise<void>((resolve) => {
      socket.on('data', (chunk) => {
        text += chunk.toString()
        if (text.includes(' from')) resolve()
      })
    })
    const left = performance.now()
    socket.destroy()
    await t.upstream.closed(closes + 1)
    expect((t.upstream.closedAt.at(-1) ?? 0) - left).toBeLessThan(100)
    expect(await nextRow(before)).toMatchObject({ status: 200, outcome: 'client_gone' })
    expect(lastRow()?.outputTokens).toBeGreaterThanOrEqual(2)
  })
})

describe('a client that does not read', () => {
  it('pauses the upstream, and lets the answer go on when it reads again', async () => {
    const sent = t.upstream.sent
    const socket = await open(t.port, post({ model: 'flood', stream: true, messages: [] }))
    socket.pause()
    await settled(() => t.upstream.sent)
    const held = t.upstream.sent - sent
    // What is gone from the upstream lies in the kernel's buffers of two sockets, and a little in ours.
    expect(held).toBeLessThan(24_000_000)
    socket.resume()
    await until(() => t.upstream.sent - sent > held + 10_000_000, 10_000)
    socket.destroy()
  })

  it('costs at most half a megabyte of live memory', async () => {
    const script = fileURLToPath(new URL('../support/measured-gateway.ts', import.meta.url))
    const gateway = fork(script, [t.upstream.url], { execArgv: ['--expose-gc'] })
    const ask = async (): Promise<{ port: number; live: number }> => {
      const [message] = await once(gateway, 'message')
      return message
    }
    const { port } = await ask()
    const measure = async () => {
      gateway.send('measure')
      return (await ask()).live
    }
    const request = post({ model: 'flood', stream: true, messages: [] })
    const stall = async (count: number) => {
      const sockets = await Promise.all(Array.from({ length: count }, () => open(port, request)))
      for (const socket of sockets) socket.pause()
      await settled(() => t.upstream.sent)
      return sockets
    }
    // The first ones also pay for compiled code, a megabyte of it, and for caches; they stay, as what they free is reused.
    const stalled = await stall(20)
    const live = [await measure()]
    for (let round = 0; round < 2; round++) {
      stalled.push(...(await stall(20)))
      live.push(await measure())
    }
    const [before = 0, between = 0, after = 0] = live
    // Code may be compiled late where the machine is busy, but only once.
    expect(Math.min(between - before, after - between)).toBeLessThan(20 * 500_000)
    for (const socket of stalled) socket.destroy()
    gateway.disconnect()
    await once(gateway, 'exit')
  }, 30_000)
})

/** Waits until a number has moved and then stood still for a while. */
const settled = async (value: () => number): Promise<void> => {
  const first = value()
  await until(() => value() !== first)
  for (let last = -1; last !== value(); ) {
    last = value()
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
